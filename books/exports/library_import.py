"""A library export comes in: what is missing is added, what is here already stays. Twice changes nothing."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError
from django.db.models import Model

from books import search
from books.exports.base import ExportRefused
from books.exports.library import CHUNK, TABLES, VERSION, columns
from books.models import Book, GlossaryTerm, Page, PageText
from books.second_reading.models import SecondReading
from sourcebatch.lib.db import atomic

# Counts are made true after an import; people and jobs may have touched a row since without changing what it is.
COUNTED = frozenset(
    {"pages_count", "pages_ocr", "pages_translated", "pages_blank", "pages_flagged", "updated_at"}
)
BLOCK = 1_000_000
LATER_TABLES = frozenset({"glossary_terms", "second_readings"})


@dataclass
class Imported:
    """What an import did: rows added by table, rows that were here the same, ids of rows that are here otherwise."""

    added: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*TABLES, "files"), 0))
    same: int = 0
    different: list[str] = field(default_factory=list)
    books: set[str] = field(default_factory=set)


class Source(Protocol):
    """A library export, as a folder or as a ZIP."""

    def open(self, name: str) -> IO[bytes]:
        """A file of it. Raises KeyError."""

    def files(self) -> Iterator[str]:
        """Paths of all its files."""


class Folder:
    """An unpacked export."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, name: str) -> IO[bytes]:
        """A file of it."""
        try:
            return (self.path / name).open("rb")
        except FileNotFoundError:
            raise KeyError(name) from None

    def files(self) -> Iterator[str]:
        """Paths of all its files."""
        for path in sorted(self.path.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.path).as_posix()


class Zip:
    """A packed one."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    def open(self, name: str) -> IO[bytes]:
        """A file of it."""
        return self.archive.open(name)

    def files(self) -> Iterator[str]:
        """Paths of all its files."""
        yield from (info.filename for info in self.archive.infolist() if not info.is_dir())


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A library export. Raises ExportRefused for what is none."""
    try:
        if path.is_dir():
            yield Folder(path)
            return
        with zipfile.ZipFile(path) as archive:
            yield Zip(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise ExportRefused(f"{path} cannot be read as a ZIP or a folder: {error}.") from error


def import_library(source: Source) -> Imported:
    """Add what is missing. Raises ExportRefused before anything is written where it is no library export."""
    _check(source)
    done = Imported()
    for name, (model, _) in TABLES.items():
        for rows in _chunks(source, name, model):
            _table(name, model, rows, done)
    _files(source, done)
    for book in Book.objects.filter(pk__in=done.books):
        _recount(book)
    return done


def _recount(book: Book) -> None:
    """Make the counts true; a book whose counts came in right was not changed by that."""
    names = sorted(COUNTED - {"updated_at"})
    before, updated_at = [getattr(book, name) for name in names], book.updated_at
    book.recount()
    if [getattr(book, name) for name in names] == before:
        Book.objects.filter(pk=book.pk).update(updated_at=updated_at)


def _check(source: Source) -> None:
    try:
        with source.open("library.json") as file:
            told = json.load(file)
    except (KeyError, ValueError):
        told = {}
    if not isinstance(told, dict) or told.get("format") != "sourcebatch-library":
        raise ExportRefused("This is no library export: give what `manage.py export_library` made.")
    if told.get("version") != VERSION:
        raise ExportRefused(
            f"The export is of version {told.get('version')}; this program reads {VERSION}: update it."
        )


def _chunks(source: Source, name: str, model: type[Model]) -> Iterator[list[Any]]:
    """The rows of a table as unsaved objects, some hundred at a time. What was exported before there were glossaries
    has none.
    """
    with _table_file(source, name) as file:
        numbered = enumerate(file, 1)
        while some := list(islice(numbered, CHUNK)):
            yield [_row(line, model, f"line {number} of {name}.jsonl") for number, line in some]


def _table_file(source: Source, name: str) -> IO[bytes]:
    try:
        return source.open(f"{name}.jsonl")
    except KeyError:
        if name in LATER_TABLES:
            return io.BytesIO()
        raise ExportRefused(f"{name}.jsonl is missing: the export is damaged.") from None


def _row(line: bytes, model: type[Model], place: str) -> Any:
    try:
        given = json.loads(line)
        fields = {found.attname: found for found in model._meta.concrete_fields}
        return model(**{name: fields[name].to_python(value) for name, value in given.items()})
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise ExportRefused(
            f"{place} is no row of a library export: the file is damaged ({error})."
        ) from error


def _table(name: str, model: type[Model], rows: Sequence[Any], done: Imported) -> None:
    ids = [row.pk for row in rows]
    here = {row.pk: row for row in model._default_manager.filter(pk__in=ids)}
    new = [row for row in rows if row.pk not in here]
    for row in rows:
        if row.pk in here:
            _compare(row, here[row.pk], done)
    if model is PageText:
        _yield_to_present_texts(new)
    if model is SecondReading:
        new = _of_unread_pages(new)
    try:
        with atomic():
            model._default_manager.bulk_create(new)
            if model is PageText:
                search.put_many(_with_pages(new))
    except IntegrityError as error:
        raise ExportRefused(_clash(model, new)) from error
    done.added[name] += len(new)
    done.books |= _books(model, new)


def _compare(row: Any, present: Any, done: Imported) -> None:
    names = [name for name in columns(type(row)) if name not in COUNTED]
    same = all(_told(getattr(row, name)) == _told(getattr(present, name)) for name in names)
    if same:
        done.same += 1
    else:
        done.different.append(row.pk)


def _told(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True)


def _yield_to_present_texts(rows: Sequence[Any]) -> None:
    """A page that has got another current text here keeps it: the one that comes in is history."""
    pages = {row.page_id for row in rows}
    found = (
        PageText.objects.current().filter(page__in=pages).values_list("page_id", "kind", "target_language")
    )
    taken = set(found)
    for row in rows:
        if (row.page_id, row.kind, row.target_language) in taken:
            row.is_current = False


def _of_unread_pages(rows: Sequence[Any]) -> list[Any]:
    """A page that was read here meanwhile keeps that reading: it has one."""
    read = SecondReading.objects.filter(page__in=[row.page_id for row in rows]).values_list(
        "page_id", flat=True
    )
    taken = set(read)
    return [row for row in rows if row.page_id not in taken]


def _with_pages(rows: Sequence[Any]) -> Iterator[PageText]:
    """The current ones of these new texts, with their pages, so that they are found by a search."""
    ids = [row.pk for row in rows if row.is_current]
    return PageText.objects.filter(pk__in=ids).select_related("page").order_by().iterator(search.CHUNK)


def _clash(model: type[Model], rows: Sequence[Any]) -> str:
    """Why rows could not come in, for people."""
    if model is Book:
        named = [row.source_id for row in rows if row.source_id]
        found = Book.objects.filter(source_id__in=named).values_list("source_id", flat=True)[:5]
        books = ", ".join(str(name) for name in found)
        return f"Other books with the same source identifier are here already ({books}): import into an empty library."
    return f"Some {model._meta.verbose_name_plural} clash with those that are here: import into an empty library."


def _books(model: type[Model], rows: Sequence[Any]) -> set[str]:
    """The books whose counts these rows change."""
    if model is Book:
        return {row.pk for row in rows}
    if model in (Page, GlossaryTerm):
        return {row.book_id for row in rows}
    pages = {row.page_id for row in rows}
    return set(Page.objects.filter(pk__in=pages).values_list("book_id", flat=True))


# --- Stored images -------------------------------------------------------------------------------------------------


def _files(source: Source, done: Imported) -> None:
    """Only files that a page names are taken, under the very names."""
    for path in source.files():
        name = path.removeprefix("files/")
        if name == path or not Page.objects.filter(image_file=name).exists():
            continue
        try:
            _file(source, path, name, done)
        except SuspiciousFileOperation:
            done.different.append(path)


def _file(source: Source, path: str, name: str, done: Imported) -> None:
    if default_storage.exists(name):
        with source.open(path) as given, default_storage.open(name, "rb") as present:
            same = _digest(given) == _digest(present)
        if same:
            done.same += 1
        else:
            done.different.append(path)
        return
    with source.open(path) as given:
        default_storage.save(name, File(given))
    done.added["files"] += 1


def _digest(file: Any) -> bytes:
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.digest()
