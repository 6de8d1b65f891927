"""A book as a script hands it in: saved, or updated when its source identifier is known already.

Numbers are stable, pages that are not mentioned stay, and no text is ever removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from books import texts
from books.models import Book, Kind, Page, PageText, Source
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, in_chunks, repeated

# Texts of so many pages are written in one transaction: a lock of a second, not of a minute.
CHUNK = 100
# What is known of an image and is no longer true when a page gets another one.
FORGET_IMAGE: dict[str, Any] = {
    "image_file": "", "image_sha256": "", "ink": None, "width": 0, "height": 0, "service": {}, "blank": False,
}  # fmt: skip


@dataclass(frozen=True)
class NewPage:
    """One page: its stable number, its image's address, the library's name for it, its text if any."""

    number: int
    image_url: str
    label: str | None = None
    ocr: str = ""
    ocr_language: str = ""


@dataclass(frozen=True)
class NewBook:
    """What is known of a book: `fields` are those of `Book` that were given, nothing else is changed."""

    fields: Mapping[str, Any]
    source_id: str | None = None
    pages: Sequence[NewPage] = field(default_factory=list)


def deposit(new: NewBook, by: str) -> tuple[Book, bool]:
    """Save a book and say whether it is new. Two deposits of one source identifier at once make one book."""
    book, created, pages = repeated(lambda: _deposited(new, by))
    _texts(book, pages, [page for page in new.pages if page.ocr.strip()])
    book.refresh_from_db()
    return book, created


def _deposited(new: NewBook, by: str) -> tuple[Book, bool, dict[int, Page]]:
    with atomic():
        book, created = _book(new, by)
        pages = _pages(book, new.pages)
        book.recount()
        return book, created, pages


def _book(new: NewBook, by: str) -> tuple[Book, bool]:
    known = Book.objects.filter(source_id=new.source_id).first() if new.source_id else None
    if known is None:
        return Book.objects.create(**new.fields, source_id=new.source_id or None, created_by=by), True
    for name, value in new.fields.items():
        setattr(known, name, value)
    known.updated_at = now()
    known.save(update_fields=[*new.fields, "updated_at"])
    return known, False


def _pages(book: Book, given: Sequence[NewPage]) -> dict[int, Page]:
    """The book's pages by number, after those given were added or changed."""
    pages = {page.number: page for page in Page.objects.filter(book=book)}
    changed: list[Page] = []
    added: list[Page] = []
    for new in given:
        page = pages.get(new.number)
        if page is None:
            page = pages[new.number] = Page(book=book, number=new.number, image_url=new.image_url)
            page.label = new.label or ""
            added.append(page)
        elif _change(page, new):
            changed.append(page)
    Page.objects.bulk_create(added, batch_size=500)
    Page.objects.bulk_update(changed, ["image_url", "label", *FORGET_IMAGE], batch_size=100)
    return pages


def _change(page: Page, new: NewPage) -> bool:
    """Take over what is new; whether anything was."""
    changes: dict[str, Any] = {}
    if new.image_url != page.image_url:
        changes |= {"image_url": new.image_url, **FORGET_IMAGE}
    if new.label is not None and new.label != page.label:
        changes["label"] = new.label
    for name, value in changes.items():
        setattr(page, name, value)
    return bool(changes)


def _texts(book: Book, pages: Mapping[int, Page], given: Sequence[NewPage]) -> None:
    for some in in_chunks(given, CHUNK):
        repeated(partial(_chunk_of_texts, book, pages, some))


def _chunk_of_texts(book: Book, pages: Mapping[int, Page], given: Sequence[NewPage]) -> None:
    page_ids = [pages[new.number].pk for new in given]
    with atomic():
        texts.hold(page_ids)
        current = _imported(page_ids)
        for new in given:
            _text(book, pages[new.number], new, current)
        book.recount()


def _imported(page_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """By page id, source and hash of its current transcription."""
    found = PageText.objects.current().filter(page__in=page_ids, kind=Kind.OCR)
    rows = found.values_list("page", "source", "text_sha256")
    return {page_id: (source, digest) for page_id, source, digest in rows}


def _text(book: Book, page: Page, new: NewPage, current: Mapping[str, tuple[str, str]]) -> None:
    """Keep an imported text where there is none, or where an earlier import said something else."""
    source, digest = current.get(page.pk, ("", ""))
    known = digest == texts.text_hash(texts.storable(new.ocr))
    if known or source in (Source.HUMAN, Source.MACHINE):
        return
    wanted = texts.NewText(Kind.OCR, new.ocr, Source.IMPORT, language=new.ocr_language or book.language)
    texts.write(page, wanted, overwrite="machine" if source else "")
