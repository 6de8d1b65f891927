"""From an imported book to rows: adds what is new, updates what the library changed, loses nothing (I45, I46).

A page is found again by its canvas id (ids repeat, so by which one of its kind it is). Numbers never change, pages
that have vanished at the library stay, texts are not touched, and what a person has corrected in the book's fields
is kept.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from books.importers.base import ImportedBook, ImportedPage, ImportRefused
from books.importers.spreads import split
from books.models import Book, Page
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated

CHUNK = 500
# Fields of Book that the library and a person may both change. The library's last word is kept in the metadata.
SHARED_FIELDS = ("title", "author", "language", "year", "rights", "attribution", "direction")
PAGE_FIELDS = ("label", "image_url", "service", "width", "height", "canvas_id", "image_file")
# What is known of an image is no longer true when the page gets another one.
FORGET_IMAGE: dict[str, Any] = {"image_sha256": "", "ink": None, "blank": False}


@dataclass
class SaveReport:
    """What saving did. `kept` names fields that a person had changed; `missing` and `late` are page numbers."""

    book: Book
    created: bool = False
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def has_changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.added or self.updated or self.changed)

    def sentence(self) -> str:
        """What was done, for the person who imported."""
        if self.created:
            return f"Imported {self.book.title}: {self.added} pages."
        if not self.has_changed:
            return f"{self.book.title} was here already and nothing has changed."
        parts = [f"{self.added} pages added, {self.updated} updated, {self.unchanged} unchanged"]
        parts += [f"kept as corrected here: {', '.join(self.kept)}"] if self.kept else []
        parts += [f"no longer at the library: pages {_list(self.missing)}"] if self.missing else []
        parts += [f"new in the middle, put at the end: pages {_list(self.late)}"] if self.late else []
        return f"Updated {self.book.title}: {'; '.join(parts)}."


def save(imported: ImportedBook, *, actor: str) -> SaveReport:
    """Save a book, or bring it up to date when its source identifier is known. Raises ImportRefused without pages.

    `actor` is who imports. Images that come with the source are stored first, outside the transaction.
    """
    if not imported.pages:
        raise ImportRefused("There are no pages in it: nothing was imported.")
    stored: list[str] = []
    try:
        # Two imports of one new book at the same moment: the slower one finds it and updates it.
        return repeated(lambda: _save(imported, actor, stored))
    except BaseException:
        for name in stored:
            default_storage.delete(name)
        raise


def _save(imported: ImportedBook, actor: str, stored: list[str]) -> SaveReport:
    known = Book.objects.filter(source_id=imported.source_id).first() if imported.source_id else None
    if known and known.metadata.get("split_spreads") and not imported.split_spreads:
        # Once split, always split: the halves are the pages that are here.
        imported = split(imported)
    book = known or Book(source_id=imported.source_id or None, created_by=actor)
    files = _store_files(book, imported.pages, stored)
    with atomic():
        report = SaveReport(book, created=known is None)
        _write_book(report, imported)
        _write_pages(report, imported.pages, files)
        if report.added or report.updated:
            book.recount()
        return report


def _write_book(report: SaveReport, imported: ImportedBook) -> None:
    """The book's own fields: the library's news, but not over a person's corrections."""
    book = report.book
    told = {name: getattr(imported, name) for name in SHARED_FIELDS}
    last: dict[str, Any] = book.metadata.get("imported", {})
    for name, new in told.items():
        old = getattr(book, name)
        if new in ("", None, old):
            continue
        if report.created or old in ("", None) or old == last.get(name):
            setattr(book, name, new)
            report.changed.append(name)
        elif new != last.get(name):
            report.kept.append(name)
    metadata = {
        **book.metadata,
        "entries": [list(pair) for pair in imported.metadata],
        "oddities": list(imported.oddities),
        "imported": {name: value for name, value in told.items() if value not in ("", None)},
        **({"split_spreads": True} if imported.split_spreads else {}),
    }
    for name, value in (("metadata", metadata), ("source_url", imported.source_url)):
        if value and getattr(book, name) != value:
            setattr(book, name, value)
            report.changed.append(name)
    if report.created:
        book.save(force_insert=True)
    elif report.changed:
        book.updated_at = now()
        book.save(update_fields=[*report.changed, "updated_at"])


def _write_pages(report: SaveReport, pages: Sequence[ImportedPage], files: dict[int, str]) -> None:
    """New pages get the next numbers, known ones what has changed, the others stay as they are."""
    here = [] if report.created else list(Page.objects.filter(book=report.book).order_by("number"))
    matches = match(pages, here)
    last = max((page.number for page in here), default=0)
    added: list[Page] = []
    updated: list[Page] = []
    for index, new in enumerate(pages):
        page = matches.get(index)
        if page is None:
            added.append(
                Page(book=report.book, number=last + len(added) + 1, **_values(new, files.get(index, "")))
            )
        elif _change(page, _values(new, files.get(index, ""))):
            updated.append(page)
    Page.objects.bulk_create(added, batch_size=CHUNK)
    Page.objects.bulk_update(updated, [*PAGE_FIELDS, *FORGET_IMAGE], batch_size=100)
    report.added, report.updated = len(added), len(updated)
    report.unchanged = len(pages) - len(added) - len(updated)
    matched = {page.pk for page in matches.values()}
    report.missing = [page.number for page in here if page.pk not in matched]
    report.late = _late(pages, matches, added)


def match(pages: Sequence[ImportedPage], here: Iterable[Page]) -> dict[int, Page]:
    """By index in `pages`, the row that is the same page: by canvas id, else by the image's address."""
    known: dict[tuple[tuple[str, str], int], Page] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for page in here:
        key = ("canvas", page.canvas_id) if page.canvas_id else ("image", page.image_url)
        seen[key] += 1
        known[key, seen[key]] = page
    matches: dict[int, Page] = {}
    asked: Counter[tuple[str, str]] = Counter()
    for index, new in enumerate(pages):
        for key in (("canvas", new.canvas_id), ("image", new.image_url)):
            asked[key] += 1
            found = known.get((key, asked[key])) if key[1] else None
            if found is not None:
                matches[index] = found
                break
    return matches


def _values(new: ImportedPage, file: str) -> dict[str, Any]:
    """The fields of a row."""
    return {
        "label": new.label[:200],
        "image_url": new.image_url,
        "service": new.service,
        "width": new.width,
        "height": new.height,
        "canvas_id": new.canvas_id[:1000],
        **({"image_file": file} if file else {}),
    }


def _change(page: Page, values: dict[str, Any]) -> bool:
    """Take over what is new; whether anything was. A label that the library does not give stays."""
    if not values["label"]:
        del values["label"]
    changes = {name: value for name, value in values.items() if getattr(page, name) != value}
    another_image = "image_file" in changes or (
        not page.image_file and changes.keys() & {"image_url", "service"}
    )
    if another_image:
        changes |= FORGET_IMAGE
    for name, value in changes.items():
        setattr(page, name, value)
    return bool(changes)


def _late(pages: Sequence[ImportedPage], matches: dict[int, Page], added: list[Page]) -> list[int]:
    """Numbers of new pages that stand before known ones at the library, but behind them here."""
    last_known = max(matches, default=-1)
    new = [index for index in range(len(pages)) if index not in matches]
    return [page.number for index, page in zip(new, added, strict=True) if index < last_known]


def _store_files(book: Book, pages: Sequence[ImportedPage], stored: list[str]) -> dict[int, str]:
    """Store the images that come with the source, one at a time, unless the very same bytes are stored already."""
    if all(page.read is None for page in pages):
        return {}
    here = list(Page.objects.filter(book_id=book.pk).order_by("number"))
    matches = match(pages, here)
    files: dict[int, str] = {}
    for index, new in enumerate(pages):
        if new.read is None:
            continue
        if index and new.read is pages[index - 1].read:
            # The other half of a spread: both have the whole image.
            files[index] = files[index - 1]
            continue
        raw = new.read()
        page = matches.get(index)
        if page is not None and page.image_file and _is_stored(page.image_file, raw):
            files[index] = page.image_file
            continue
        name = f"images/{book.pk}/{PurePath(new.file_name).name or f'{index + 1}'}"
        files[index] = default_storage.save(name, ContentFile(raw))
        stored.append(files[index])
    return files


def _is_stored(name: str, raw: bytes) -> bool:
    """Whether these bytes are what is stored under that name."""
    try:
        if default_storage.size(name) != len(raw):
            return False
        with default_storage.open(name, "rb") as file:
            return bool(file.read() == raw)
    except OSError:
        return False


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown
