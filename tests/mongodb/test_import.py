"""A library of the MongoDB era comes over: from a live server, from mongodump's and from mongoexport's files."""

import datetime as dt
import gzip
import resource
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest
from bson import json_util
from django.core.management import CommandError, call_command
from django.db.models import Model

from books.models import Book, Page, PageText
from books.texts import text_hash
from jobs.models import Job, JobPage
from tests.mongodb.conftest import Manage

MADE = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2025, 4, 1, 12, tzinfo=dt.UTC)
ODD = bson.ObjectId("65a1b2c3d4e5f60718293a4b")


def library() -> dict[str, list[dict[str, Any]]]:
    """One good book with both styles of text, and one of everything that cannot be read."""
    ocr = {
        "data": "Arma uirumque cano", "language": "Latin", "model": "gemini-2.5-flash", "updated_at": MADE,
        "source": "ai", "input_tokens": 1200, "output_tokens": bson.Int64(80), "cost_usd": 0.00123,
    }  # fmt: skip
    english = {
        "data": "I sing of arms",
        "language": "English",
        "model": "gemini-2.5-flash",
        "updated_at": LATER,
    }
    return {
        "books": [
            {"_id": 1, "id": "aeneid", "title": "Aeneis", "author": "Vergil", "language": "Latin", "year": 1502.0,
             "created_at": MADE, "source_id": "urn:1", "pages_count": 99},
            {"_id": ODD, "title": "  "},
            {"_id": "of-its-own", "title": "Liber", "language": "of the birds", "created_at": "2025-03-01T12:00:00Z"},
        ],
        "pages": [
            {"_id": 1, "id": "p1", "book_id": "aeneid", "page_number": 1, "image_url": "https://example.org/1.jpg",
             "ocr": ocr, "translation": english},
            {"_id": 2, "id": "p2", "book_id": "aeneid", "page_number": bson.Int64(2), "image_url": "https://example.org/2.jpg",
             "ocr.data": "Italiam fato\0", "ocr.source": "human", "ocr.author": "anna", "ocr.updated_at": LATER,
             "translation": {"data": "Older than its source", "language": "en", "updated_at": MADE, "model": "m"}},
            {"_id": 3, "id": "p3", "book_id": "aeneid", "page_number": 3, "ocr": "Plain text", "translation": None},
            {"_id": 4, "id": "p4", "book_id": "aeneid", "page_number": 4, "ocr": {"data": ""}},
            {"_id": 5, "id": "p5", "book_id": "aeneid", "page_number": 4},
            {"_id": 6, "id": "p6", "book_id": "nowhere", "page_number": 1},
            {"_id": 7, "id": "p7", "book_id": "aeneid", "page_number": "seven"},
            {"_id": 8, "id": "p8", "book_id": "aeneid", "page_number": 8, "ocr": {"data": ["a", "b"]}},
            {"_id": 9, "id": "x" * 41, "book_id": "aeneid", "page_number": 9},
            {"_id": 10, "id": "p10", "book_id": "aeneid", "page_number": 10, "image_url": "https://e/" + "x" * 2000},
        ],
        "jobs": [
            {"_id": 1, "id": "j1", "type": "batch_ocr", "status": "completed", "book_id": "aeneid",
             "book_title": "Aeneis", "language": "Latin", "model": "gemini-2.5-flash", "use_batch_api": True,
             "gemini_batch_job": "batches/abc", "gemini_state": "JOB_STATE_SUCCEEDED", "batch_phase": "completed",
             "progress": {"total": 3, "completed": 2, "failed": 1}, "created_at": MADE, "updated_at": LATER,
             "page_ids": ["p1", "p2", "p4", "gone"]},
            {"_id": 2, "id": "j2", "type": "batch_translate", "status": "processing", "book_id": "aeneid",
             "batch_phase": "submitted", "gemini_batch_job": "batches/def", "created_at": LATER},
            {"_id": 3, "id": "j3", "type": "ocr", "status": "completed", "book_id": "aeneid"},
        ],
    }  # fmt: skip


def dumped(folder: Path) -> Path:
    """As mongodump writes it, one file packed."""
    (folder / "library").mkdir(parents=True)
    for name, documents in library().items():
        data = b"".join(map(bson.encode, documents))
        packed = name == "pages"
        place = folder / "library" / (f"{name}.bson.gz" if packed else f"{name}.bson")
        place.write_bytes(gzip.compress(data) if packed else data)
    return folder


def exported(folder: Path) -> Path:
    """As mongoexport writes it: relaxed Extended JSON, a document a line."""
    folder.mkdir(parents=True)
    for name, documents in library().items():
        lines = [json_util.dumps(one, json_options=json_util.RELAXED_JSON_OPTIONS) for one in documents]
        (folder / f"{name}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Iterator[str]:
    address = str(request.getfixturevalue("replica_set")).replace("/library?", "/old?")
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        for name, documents in library().items():
            client["old"][name].insert_many(documents)
        yield address
        client.drop_database("old")


@pytest.fixture(params=["bson", "json", pytest.param("live", marks=[pytest.mark.mongodb, pytest.mark.slow])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "live":
        return str(request.getfixturevalue("live"))
    return str(dumped(tmp_path / "dump") if request.param == "bson" else exported(tmp_path / "export"))


def brought(place: str, *options: str) -> list[str]:
    out = StringIO()
    call_command("import_mongodb", place, *options, stdout=out)
    return out.getvalue().splitlines()


def everything() -> list[list[dict[str, Any]]]:
    models: list[type[Model]] = [Book, Page, PageText, Job, JobPage]
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@pytest.mark.django_db
def test_ids_texts_and_provenance_come_over_and_a_second_time_changes_nothing(place: str) -> None:
    assert brought(place, "--dry-run")[0] == (
        "New, if all can be read: 3 books, 9 pages, 3 jobs. Here already: 0 books, 0 pages, 0 jobs."
    )
    assert everything() == [[], [], [], [], []]
    said = brought(place)
    assert said[0] == (
        "Added: 2 books, 5 pages, 5 texts, 2 jobs. Here already: 0 books, 0 pages, 0 texts, 0 jobs."
    )
    assert sorted(said[1:]) == sorted(REFUSALS)

    book = Book.objects.get(pk="aeneid")
    assert (book.title, book.author, book.language, book.year, book.source_id) == (
        "Aeneis", "Vergil", "la", 1502, "urn:1",
    )  # fmt: skip
    assert (book.created_at, book.pages_count, book.pages_ocr, book.pages_translated) == (MADE, 5, 3, 2)
    assert Book.objects.get(pk="of-its-own").metadata == {"language": "of the birds"}

    first, translation = text("p1", "ocr"), text("p1", "translation")
    assert (first.data, first.language, first.model, first.source, first.created_at) == (
        "Arma uirumque cano", "la", "gemini-2.5-flash", "machine", MADE,
    )  # fmt: skip
    assert (first.input_tokens, first.output_tokens, first.cost_micro_usd) == (1200, 80, 1230)
    assert (translation.target_language, translation.source, translation.based_on) == (
        "en", "machine", first.text_sha256,
    )  # fmt: skip
    edited = text("p2", "ocr")
    assert (edited.data, edited.source, edited.author, edited.created_at) == (
        "Italiam fato", "human", "anna", LATER,
    )  # fmt: skip
    assert [page.pk for page in Page.objects.all().stale()] == ["p2"]
    assert (text("p3", "ocr").data, text("p3", "ocr").source) == ("Plain text", "import")

    job = Job.objects.get(pk="j1")
    assert (job.status, job.gemini_batch_job, job.model, job.updated_at) == (
        "completed", "batches/abc", "gemini-2.5-flash", LATER,
    )  # fmt: skip
    assert dict(job.ledger.values_list("page_id", "state")) == {
        "p1": "succeeded", "p2": "succeeded", "p4": "failed",
    }  # fmt: skip
    assert "'completed': 2" in job.events.get().detail
    assert Job.objects.get(pk="j2").status == "cancelled"

    before = everything()
    assert brought(place)[0] == (
        "Added: 0 books, 0 pages, 0 texts, 0 jobs. Here already: 2 books, 5 pages, 5 texts, 2 jobs."
    )
    assert everything() == before
    call_command("check_library", stdout=StringIO())


REFUSALS = [
    "Books that have no title: 1 not taken over (65a1b2c3d4e5f60718293a4b).",
    "Jobs that are of another type than batch_ocr or batch_translate: 1 not taken over (j3).",
    "Pages that belong to a book that is not here: 1 not taken over (p6).",
    "Pages that have a page_number that another page of the book has: 1 not taken over (p5).",
    "Pages that have an id that cannot be kept (40 letters, digits and . _ ~ : - at most): 1 not taken over "
    f"({'x' * 41!r}).",
    "Pages that have something in image_url that cannot be kept (Ensure this value has at most 2000 characters (it has "
    "2010).): 1 not taken over (p10).",
    "Pages that have no page_number from 1 on: 1 not taken over (p7).",
    "Texts that have a text that is none (its data is not a string): 1 not taken over (p8).",
    "1 jobs were not finished and are here as cancelled: let the old system finish them and run this again "
    "for their texts, or create new jobs.",
]


def text(page: str, kind: str) -> PageText:
    return PageText.objects.get(page=page, kind=kind, is_current=True)


def test_a_damaged_file_gives_what_comes_before_the_damage(db: None, tmp_path: Path) -> None:
    exported(tmp_path / "export")
    first, second, third = map(bson.encode, library()["pages"][:3])
    (tmp_path / "export" / "pages.bson").write_bytes(first + second + third[:20])
    with (tmp_path / "export" / "books.json").open("a", encoding="utf-8") as file:
        file.write('{"_id": "cut of\n[1]\n{"_id": "last", "title": "Last"}\n')
    said = brought(str(tmp_path / "export"))
    assert said[0].startswith("Added: 3 books, 2 pages, 4 texts")
    assert any(line.startswith("line 4 of books.json is no JSON") for line in said)
    assert "line 5 of books.json is no document: it was left out." in said
    assert any(line.startswith("pages.bson is damaged after document 2 ") for line in said)


def test_texts_that_were_changed_here_stay(db: None, tmp_path: Path) -> None:
    place = str(exported(tmp_path / "export"))
    brought(place)
    PageText.objects.filter(page="p1", kind="ocr").update(
        data="Mended here", text_sha256=text_hash("Mended here")
    )
    Book.objects.filter(pk="aeneid").update(title="Aeneis, ed. nova")
    said = brought(place)
    assert said[0].startswith("Added: 0 books, 0 pages, 0 texts, 0 jobs.")
    assert "Texts that differ from a text that the page has here, which stays: 1 not taken over (p1)." in said
    assert text("p1", "ocr").data == "Mended here"
    assert Book.objects.get(pk="aeneid").title == "Aeneis, ed. nova"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "There is no books.bson"),
        (["one/books.bson", "two/books.bson"], "There are several databases"),
    ],
)
def test_a_folder_that_is_no_dump_is_refused(
    db: None, tmp_path: Path, files: list[str], sentence: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    with pytest.raises(CommandError, match=sentence):
        call_command("import_mongodb", str(tmp_path))


def test_a_json_array_is_said_to_be_one(db: None, tmp_path: Path) -> None:
    (tmp_path / "books.json").write_text('[{"_id": "a", "title": "A"}]')
    assert any("without --jsonArray" in line for line in brought(str(tmp_path)))


@pytest.mark.mongodb
@pytest.mark.slow
@pytest.mark.parametrize("name", ["nothing-there", ""])
def test_a_wrong_address_is_said_to_be_one(db: None, replica_set: str, name: str) -> None:
    with pytest.raises(CommandError, match=r"has no collection|give an address with the database's name"):
        call_command("import_mongodb", replica_set.replace("/library?", f"/{name}?"))


@pytest.mark.mongodb
@pytest.mark.slow
def test_a_library_moves_from_old_to_new_mongodb(
    live: str, replica_set: str, manage: Callable[[str], Manage]
) -> None:
    call = manage(replica_set.replace("/library?", "/moved?"))
    for words in [("migrate", "-v", "0"), ("migrate", "-v", "0", "--database", "library")]:
        assert call(*words).returncode == 0
    first, second = call("import_mongodb", live), call("import_mongodb", live)
    assert first.stdout.startswith("Added: 2 books, 5 pages, 5 texts, 2 jobs."), first.stderr
    assert second.stdout.startswith("Added: 0 books, 0 pages, 0 texts, 0 jobs."), second.stderr
    assert call("check_library").stdout == "Everything is in order.\n"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dump(db: None, tmp_path: Path) -> None:
    place = exported(tmp_path / "export")
    large_pages(place / "pages.json", range(100, 700))
    brought(str(place))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    large_pages(place / "pages.json", range(700, 4000))
    assert brought(str(place))[0].startswith("Added: 0 books, 3300 pages, 3300 texts")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 10_000_000 < (place / "pages.json").stat().st_size / 6


def large_pages(path: Path, numbers: range) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in numbers:
            ocr = {"data": f"{number} {'ab ' * 7000}"}
            page = {"_id": f"q{number}", "book_id": "aeneid", "page_number": number, "ocr": ocr}
            file.write(json_util.dumps(page) + "\n")
