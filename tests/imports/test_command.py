"""`import_book`: one sentence, an exit code, nothing written by a dry run; collections on request."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from books.importers import ImportRefused, opened
from books.importers.archive_org import manifest_address, resolved
from books.models import Book
from tests.admin.test_import_page import manifest
from tests.support.origin import Answer, Origin
from tests.support.pages import printed

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("import_book", *args, stdout=out, stderr=out)
    return out.getvalue()


def refused(*args: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert caught.value.returncode == 1
    return str(caught.value)


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "manifest.json"
    path.write_bytes(manifest(3))
    return str(path)


def test_a_file_is_imported_and_said_in_a_sentence(saved: str) -> None:
    said = run(saved)
    assert "Imported Ars magna: 3 pages." in said
    assert "It says nothing about rights" in said
    assert Book.objects.get().created_by == "import_book"


def test_a_dry_run_tells_and_writes_nothing(saved: str) -> None:
    said = run(saved, "--dry-run", "--language", "Latin")
    assert "Ars magna: 3 pages." in said
    assert "language: la" in said
    assert not Book.objects.exists()
    run(saved)
    assert "is here already" in run(saved, "--dry-run")


def test_what_the_person_says_stays_when_it_is_imported_again(saved: str) -> None:
    said = run(saved, "--title", "Epigrammata", "--language", "Latin", "--author", "More")
    assert "Imported Epigrammata: 3 pages." in said
    run(saved)
    book = Book.objects.get()
    assert (book.title, book.language, book.author) == ("Epigrammata", "la", "More")


def test_a_language_that_is_none_is_refused(saved: str) -> None:
    assert "not a tongue" in refused(saved, "--language", "not a tongue")


def test_a_folder_and_an_archive_are_imported(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.jpg").write_bytes(printed(number, 300, 400))
    assert "Imported scans: 2 pages." in run(str(folder))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(folder / "1.jpg", "1.jpg")
    assert "Imported more: 1 pages." in run(str(tmp_path / "more.zip"))


def test_an_address_is_fetched(origin: Origin) -> None:
    origin.answers["/manifest.json"] = Answer(manifest(2))
    assert "2 pages" in run(f"{origin.url}/manifest.json")


@pytest.mark.parametrize("path", ["/bad/404", "/bad/to-metadata", "/bad/html", "/bad/loop"])
def test_what_cannot_be_had_ends_with_one_sentence(origin: Origin, path: str) -> None:
    said = refused(origin.url + path)
    assert said.endswith((".", ")"))
    assert "\n" not in said


def test_a_file_that_is_not_there_is_said() -> None:
    assert "cannot be read" in refused("missing.json")


def collection(origin: Origin) -> str:
    """Two manifests, an inner collection with a third one, and a dead link."""

    def of(kind: str, name: str) -> dict[str, Any]:
        return {"id": f"{origin.url}/{name}.json", "type": kind, "label": {"en": [name]}}

    def listing(items: list[dict[str, Any]]) -> Answer:
        body = {"type": "Collection", "id": origin.url, "items": items}
        return Answer(json.dumps(body).encode())

    for name in ("a", "b", "c"):
        raw = manifest(1, f"Book {name}").replace(b"https://library.example/ars/manifest.json", name.encode())
        origin.answers[f"/{name}.json"] = Answer(raw)
    origin.answers["/inner.json"] = listing([of("Manifest", "c"), of("Collection", "top")])
    top = [of("Manifest", "a"), of("Manifest", "b"), of("Collection", "inner"), of("Manifest", "gone")]
    origin.answers["/top.json"] = listing(top)
    return f"{origin.url}/top.json"


def test_a_collection_lists_what_it_offers(origin: Origin) -> None:
    said = refused(collection(origin))
    assert "collection of 4 manifests" in said
    assert f"{origin.url}/a.json  a" in said
    assert "--all" in said
    assert not Book.objects.exists()


def test_all_of_a_collection_comes_in_and_what_fails_is_counted(origin: Origin) -> None:
    said = refused(collection(origin), "--all")
    assert said.startswith("2 of the manifests were not imported")
    assert {*Book.objects.values_list("title", flat=True)} == {"Book a", "Book b", "Book c"}


@pytest.mark.parametrize(
    "url",
    ["https://archive.org/details/epigrammata00more", "https://www.archive.org/details/epigrammata00more/page/n5",
     "https://archive.org/stream/epigrammata00more", "http://archive.org/download/epigrammata00more"],
)  # fmt: skip
def test_a_page_of_the_internet_archive_stands_for_its_manifest(url: str) -> None:
    assert resolved(url) == "https://iiif.archive.org/iiif/epigrammata00more/manifest.json"


@pytest.mark.parametrize(
    "url",
    ["https://archive.org/download/x/x.pdf", "https://archive.org/", "https://notarchive.org/details/x", "https://[x"],
)  # fmt: skip
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert resolved(url) == url


@pytest.mark.parametrize("identifier", ["", "a/b", "../x", "a b", "x" * 200, "é"])
def test_what_can_be_no_identifier_is_refused(identifier: str) -> None:
    with pytest.raises(ImportRefused, match="no identifier"):
        manifest_address(identifier)
    with pytest.raises(ImportRefused), opened(f"archive:{identifier}"):
        pass
