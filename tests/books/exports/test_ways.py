"""The ways to an export: command, API, public page. (The admin's action is tested with the admin.)"""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from books.exports import exporters
from books.models import ApiToken, Book
from tests.books.exports.conftest import write


@pytest.fixture
def small(db: None) -> Book:
    """A public book of one page."""
    book = Book.objects.create(title="Epigrammata", language="la", is_public=True)
    write(book.pages.create(number=1), "Arma virumque")
    write(book.pages.get(), "Of arms", "translation", "en")
    book.recount()
    return book


@pytest.fixture
def reader(db: None) -> Client:
    """A script that may read."""
    token = ApiToken.issue("reader", ApiToken.Scope.READ)[1]
    return Client(headers={"Authorization": f"Bearer {token}"})


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name, one in exporters().items() if one.public])
def test_the_api_gives_every_format_as_a_file(reader: Client, small: Book, name: str) -> None:
    answer = reader.get(f"/api/books/{small.pk}/export/{name}")
    assert answer.status_code == 200 and answer["Content-Type"] == exporters()[name].mime
    assert answer["Content-Disposition"].startswith('attachment; filename="epigrammata')
    assert len(body(answer)) > 200


def test_what_names_people_needs_a_token_that_may_do_more_than_read(reader: Client, small: Book) -> None:
    address = f"/api/books/{small.pk}/export/bagit"
    refused = reader.get(address)
    assert refused.status_code == 403 and "needs a token of scope operate" in refused.json()["error"]
    token = ApiToken.issue("archivist", ApiToken.Scope.OPERATE)[1]
    answer = reader.get(address, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and len(body(answer)) > 1000


def test_the_api_takes_options_and_says_what_is_wrong_with_them(reader: Client, small: Book) -> None:
    address = f"/api/books/{small.pk}/export/txt"
    assert b"Of arms" not in body(reader.get(address, {"text": "transcription"}))
    assert b"Of arms" in body(reader.get(address, {"language": "English", "text": "translation"}))
    wrong = reader.get(address, {"language": "the tongue of fishes", "layout": "x"})
    assert wrong.status_code == 400 and set(wrong.json()["errors"]) == {"language", "layout"}
    missing = reader.get(f"/api/books/{small.pk}/export/docx")
    assert missing.status_code == 404 and "choose one of" in missing.json()["error"]
    assert reader.get("/api/books/none/export/txt").status_code == 404
    assert Client().get(address).status_code == 401


def test_everybody_may_download_public_books_and_only_those(client: Client, small: Book) -> None:
    assert f"/library/{small.pk}/export/" in client.get(f"/library/{small.pk}/").content.decode()
    page = client.get(f"/library/{small.pk}/export/").content.decode()
    for name in (name for name, one in exporters().items() if one.public):
        address = f"/library/{small.pk}/export/{name}"
        assert address in page
        answer = client.get(address)
        assert answer.status_code == 200 and body(answer) and not answer.cookies
    assert client.get(f"/library/{small.pk}/export/docx").status_code == 404
    assert "bagit" not in page and client.get(f"/library/{small.pk}/export/bagit").status_code == 404
    assert client.get(f"/library/{small.pk}/export/txt?text=x").status_code == 404
    Book.objects.filter(pk=small.pk).update(is_public=False)
    assert client.get(f"/library/{small.pk}/export/").status_code == 404
    assert client.get(f"/library/{small.pk}/export/txt").status_code == 404


def test_a_public_manifest_names_the_address_it_was_asked_at(client: Client, small: Book) -> None:
    answer = client.get(f"/library/{small.pk}/export/iiif")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert json.loads(body(answer))["id"].startswith("http://testserver/")


def test_the_command_writes_a_file_named_after_the_book(
    small: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    call_command("export_book", small.pk, "txt", stdout=said)
    assert said.getvalue() == "Written: epigrammata.txt\n"
    assert "Arma virumque" in Path("epigrammata.txt").read_text(encoding="utf-8")
    call_command("export_book", small.pk, "tei", "-o", "a.xml", "--text", "translation", stdout=said)
    assert "Arma" not in Path("a.xml").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xml", "epigrammata.txt"]


@pytest.mark.parametrize(
    ("book", "name", "said"),
    [("none", "txt", "There is no book"), ("", "docx", "choose one of"), ("", "txt", "cannot be written")],
)
def test_the_command_says_what_is_wrong(small: Book, book: str, name: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("export_book", book or small.pk, name, "-o", "/nowhere/at/all.txt")
