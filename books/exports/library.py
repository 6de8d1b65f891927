"""The library as a whole, out and in again: every book, page, version of a text and judgement, with ids and files.

Not a format to read in but one to keep: JSON Lines with the columns as they are in the database, and the stored
images beside them. What goes out comes in the same, on SQL and on MongoDB; jobs and tokens stay where they are.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from books.exports.zipping import Entry
from books.models import Book, GlossaryTerm, Page, PageText, SampleJudgement
from books.second_reading.models import SecondReading
from sourcebatch.lib.clock import now, rfc3339

VERSION = 1
CHUNK = 500
PIECE = 1_000_000
# In the order in which they come in: rows before those that refer to them.
TABLES: dict[str, tuple[type[Model], str]] = {
    "books": (Book, "pk"),
    "pages": (Page, "book"),
    "page_texts": (PageText, "page__book"),
    "glossary_terms": (GlossaryTerm, "book"),
    "sample_judgements": (SampleJudgement, "page__book"),
    "second_readings": (SecondReading, "book"),
}
FOLLOWS = frozenset({"flagged", "suspicion", "edited", "failed"})
"""What pages keep of their texts, and of jobs, which are in no export."""


def library_record(folder: str = "") -> Iterator[Entry]:
    """The files of the whole library."""
    yield _about(folder)
    for name, (model, _) in TABLES.items():
        yield Entry(f"{folder}{name}.jsonl", _lines(model._default_manager.all()))
    yield from _files(Page.objects.exclude(image_file=""), folder)


def book_record(book: Book, folder: str = "") -> Iterator[Entry]:
    """The same of one book, without its images."""
    yield _about(folder)
    for name, (model, path) in TABLES.items():
        yield Entry(f"{folder}{name}.jsonl", _lines(model._default_manager.filter(**{path: book.pk})))


def _about(folder: str) -> Entry:
    told = {"format": "sourcebatch-library", "version": VERSION, "exported_at": rfc3339(now())}
    return Entry(f"{folder}library.json", [json.dumps(told).encode()])


def columns(model: type[Model]) -> list[str]:
    """The names of a table's columns; those that refer to another row hold its id. What follows from other rows is
    worked out again by an import.
    """
    return [field.attname for field in model._meta.concrete_fields if field.attname not in FOLLOWS]


def _lines(rows: QuerySet[Any]) -> Iterator[bytes]:
    """A line for each row, read by id in chunks."""
    names, last = columns(rows.model), ""
    while chunk := list(rows.order_by("pk").filter(pk__gt=last).values(*names)[:CHUNK]):
        yield b"".join(_line(row) for row in chunk)
        last = chunk[-1]["id"]


def _line(row: dict[str, Any]) -> bytes:
    # DjangoJSONEncoder writes times with milliseconds, which is all that any row holds.
    return json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder).encode() + b"\n"


def _files(pages: QuerySet[Page], folder: str) -> Iterator[Entry]:
    """Every stored image once. One that is missing is left out: the page tells what is wrong with it."""
    last = ""
    while chunk := list(
        pages.order_by("image_file")
        .filter(image_file__gt=last)
        .values_list("image_file", flat=True)
        .distinct()[:CHUNK]
    ):
        for name in chunk:
            if _is_there(name):
                yield Entry(f"{folder}files/{name}", _stored(name), compressed=False)
        last = chunk[-1]


def _is_there(name: str) -> bool:
    try:
        return default_storage.exists(name)
    except SuspiciousFileOperation:
        return False


def _stored(name: str) -> Iterator[bytes]:
    with default_storage.open(name, "rb") as file:
        while piece := file.read(PIECE):
            yield piece
