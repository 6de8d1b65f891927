"""Whatever is sent, the answer is JSON with one sentence: never HTML, never a stack trace, never a crash."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from books.models import Book
from sourcebatch.lib.http import Caller, answer, call, route
from sourcebatch.lib.http.bodies import clean, decode
from tests.api.conftest import Api


@call({200: dict[str, Any]})
def breaks(caller: Caller, how: str) -> Any:
    """A view with a fault in it."""
    raise {"fault": RuntimeError("a secret of ours"), "database": OperationalError("database is locked")}[how]


@call({200: dict[str, Any]}, scope="public")
def works(caller: Caller) -> Any:
    """A view without."""
    return answer({})


urlpatterns = [route("api/breaks/<str:how>", get=breaks), route("api/works", get=works)]


@pytest.fixture
def faulty(reader: Api) -> Iterator[Api]:
    with override_settings(ROOT_URLCONF=__name__):
        yield reader


def test_an_unexpected_exception_is_500_in_json_and_goes_to_the_log(
    faulty: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        said = faulty.get("/api/breaks/fault")
    assert said.status == 500
    assert set(said.json) == {"error"}
    assert "secret" not in str(said.json)
    assert "a secret of ours" in caplog.text
    number = said.json["error"].rstrip(".").split()[-1]
    assert number in caplog.text


def test_a_busy_database_is_503_with_retry_after(faulty: Api, caplog: pytest.LogCaptureFixture) -> None:
    said = faulty.get("/api/breaks/database")
    assert (said.status, said.headers["Retry-After"], said.json["retryable"]) == (503, "5", True)
    assert "locked" not in said.json["error"]


@pytest.mark.parametrize(
    "address", ["/api", "/api/", "/api/nothing", "/api/books/", "/api/books/x/y/z", "/api/%00", "/api/%ff"]
)
def test_an_unknown_address_is_404_in_json(anybody: Api, db: None, address: str) -> None:
    said = anybody.get(address)
    assert (said.status, set(said.json)) == (404, {"error"})


def test_a_slash_too_many_is_explained_instead_of_redirected(anybody: Api) -> None:
    assert "no slash" in anybody.post("/api/books/", {}).json["error"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_another_method_is_405_and_names_those_that_work(reader: Api, method: str) -> None:
    said = reader.send(method, "/api/books")
    assert (said.status, said.headers["Allow"]) == (405, "GET, POST")


def test_head_is_answered_like_get_without_a_body(reader: Api) -> None:
    said = reader.send("HEAD", "/api/books")
    assert (said.status, said.json) == (200, None)


def test_a_wrong_host_is_400_in_json(anybody: Api) -> None:
    said = anybody.get("/api/books", Host="evil.example")
    assert (said.status, set(said.json)) == (400, {"error"})


def test_pages_outside_of_the_api_keep_their_html_errors(anybody: Api) -> None:
    answer = anybody.client.get("/nothing/here")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "raw",
    [b"nonsense", b"{", b"[1, 2]", b'"text"', b"null", b"17", b'{"title": NaN}', b"\xff\xfe", b"\x00",
     b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"title": "Book "with" quotes"}'],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(operator: Api, raw: bytes) -> None:
    said = operator.send("POST", "/api/books", raw=raw)
    assert (said.status, set(said.json)) == (400, {"error"})


def test_no_body_at_all_is_400(operator: Api) -> None:
    assert operator.post("/api/books").status == 400


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (b'{"title": "Epigr\xc3 mmata"}', "Epigr\ufffd mmata"),  # cut by bytes in the middle of a letter
        (b'{"title": "\xe1\xbc"}', "\ufffd"),
        (b'\xef\xbb\xbf{"title": "BOM"}', "BOM"),
        (b'{"title": "one\ntwo\tthree"}', "one two three"),  # unescaped, as from a shell script
        (b'{"title": "a\\u0000b"}', "a\ufffdb"),
        (b'{"title": "a\\ud800b"}', "a\ufffdb"),
        (b'{"title": "\\ud83d\\udcd6"}', "\U0001f4d6"),
        ('{"title": "Ἐπιγράμματα"}'.encode(), "Ἐπιγράμματα"),
    ],
)
def test_bodies_are_decoded_leniently(operator: Api, raw: bytes, title: str) -> None:
    said = operator.send("POST", "/api/books", raw=raw)
    assert (said.status, said.json["title"]) == (201, title)
    assert Book.objects.get().title == title


def test_a_body_above_the_limit_is_413(operator: Api) -> None:
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1_048_576):
        said = operator.send("POST", "/api/books", raw=b'{"title": "' + b"x" * 2_000_000 + b'"}')
    assert (said.status, "1 MB" in said.json["error"]) == (413, True)


def test_many_wrong_fields_are_counted_but_not_all_listed(operator: Api) -> None:
    said = operator.post("/api/books", {"title": "x", "pages": [{}] * 500})
    assert said.status == 400
    assert len(said.json["errors"]) == 20
    assert "499 more" in said.json["error"]


def test_cleaning_leaves_everything_else_as_it_is() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, None, True, "Ἐπι\ufeff", {"ü": "\U0001f4d6"}]}
    assert clean(value) == value
    assert decode(b'{"\\ud800": 1}') == {"\ufffd": 1}
