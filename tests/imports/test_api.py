"""`POST /api/books/import`: the book and what is odd about it, refusals with what can be imported instead."""

import json
import re

import pytest

from books.models import Book
from tests.admin.test_import_page import manifest
from tests.api.conftest import Api, anybody, operator, reader
from tests.support.origin import Answer, Origin

__all__ = ["anybody", "operator", "reader"]
PATH = "/api/books/import"
pytestmark = pytest.mark.django_db


@pytest.fixture
def ars(origin: Origin) -> str:
    """The address of a manifest of three pages."""
    origin.answers["/ars.json"] = Answer(manifest(3))
    return f"{origin.url}/ars.json"


def test_a_new_book_is_answered_by_201_with_its_pages_and_a_report(operator: Api, ars: str) -> None:
    said = operator.post(PATH, {"url": ars})
    assert said.status == 201
    assert (said.json["title"], len(said.json["pages"]), said.json["added"]) == ("Ars magna", 3, 3)
    assert said.json["report"] == "Imported Ars magna: 3 pages."
    assert "rights" in said.json["oddities"][0]
    assert Book.objects.get().created_by == "operator"


def test_the_same_again_is_answered_by_200_and_changes_nothing(
    operator: Api, ars: str, origin: Origin
) -> None:
    operator.post(PATH, {"url": ars})
    again = operator.post(PATH, {"url": ars})
    assert (again.status, again.json["added"], again.json["updated"]) == (200, 0, 0)
    assert "nothing has changed" in again.json["report"]
    origin.answers["/ars.json"] = Answer(manifest(5))
    assert operator.post(PATH, {"url": ars}).json["added"] == 2


def test_title_and_language_may_be_given(operator: Api, ars: str) -> None:
    said = operator.post(PATH, {"url": ars, "title": "Epigrammata", "language": "Latin"}).json
    assert (said["title"], said["language"]) == ("Epigrammata", "la")


def test_a_collection_is_refused_with_what_it_offers(operator: Api, origin: Origin) -> None:
    items = [
        {"id": f"https://l.example/{n}", "type": "Manifest", "label": {"en": [f"Book {n}"]}} for n in (1, 2)
    ]
    origin.answers["/all.json"] = Answer(json.dumps({"type": "Collection", "items": items}).encode())
    said = operator.post(PATH, {"url": f"{origin.url}/all.json"})
    assert said.status == 400
    assert "collection of 2 manifests" in said.json["error"]
    assert said.json["offers"][0] == {"url": "https://l.example/1", "title": "Book 1"}


def test_a_table_with_several_books_names_the_others(operator: Api, origin: Origin) -> None:
    table = "title,image_url\nA,https://l.example/1.jpg\nB,https://l.example/2.jpg\n"
    origin.answers["/books.csv"] = Answer(table.encode(), headers={"Content-Type": "text/csv"})
    said = operator.post(PATH, {"url": f"{origin.url}/books.csv"})
    assert (said.status, said.json["title"]) == (201, "A")
    assert [other["title"] for other in said.json["others"]] == ["B"]


@pytest.mark.parametrize(
    "path", ["/bad/404", "/bad/to-metadata", "/bad/to-private", "/bad/to-file", "/bad/html"]
)
def test_what_cannot_be_had_is_400_in_one_sentence(operator: Api, origin: Origin, path: str) -> None:
    said = operator.post(PATH, {"url": origin.url + path})
    assert said.status == 400
    assert re.search(r"[.)]$", said.json["error"])
    assert "offers" not in said.json


def test_a_library_that_is_overworked_may_be_asked_again(operator: Api, origin: Origin) -> None:
    said = operator.post(PATH, {"url": f"{origin.url}/bad/429-long"})
    assert (said.status, said.json["retryable"]) == (400, True)
    assert "try again later" in said.json["error"]


@pytest.mark.parametrize(
    "body",
    [{}, {"url": "https://l.example/m", "archive_id": "abc"}, {"url": "file:///etc/passwd"}, {"url": 3},
     {"archive_id": "a/b"}, {"archive_id": ""}, {"url": "https://l.example/m", "language": "not a tongue"},
     {"url": "https://user:secret@l.example/m"}],
)  # fmt: skip
def test_a_wrong_body_is_refused_without_asking_anybody(operator: Api, body: dict[str, object]) -> None:
    assert operator.post(PATH, body).status == 400


def test_only_those_who_may_change_may_import(anybody: Api, reader: Api, ars: str, origin: Origin) -> None:
    assert anybody.post(PATH, {"url": ars}).status == 401
    assert reader.post(PATH, {"url": ars}).status == 403
    assert not origin.requests


def test_inner_addresses_are_refused(operator: Api, settings: object, ars: str, origin: Origin) -> None:
    settings.FETCH_ALLOWED_HOSTS = []  # type: ignore[attr-defined]
    said = operator.post(PATH, {"url": ars})
    assert said.status == 400
    assert not origin.requests
