"""The whole way of a source into the library, for the command, the API, the admin and the worker alike."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.admin.models import ADDITION, CHANGE

from books.importers import Given, ImportedBook, ImportRefused, read
from books.importers.spreads import split
from books.importers.writer import SaveReport, save
from books.models import Book
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.clock import now


@dataclass(frozen=True)
class Wishes:
    """What a person decides over what the source says; empty: as the source has it. `language` is an ISO code."""

    title: str = ""
    author: str = ""
    language: str = ""
    split_spreads: bool = False


def take_in(
    given: Given,
    *,
    actor: Actor,
    wishes: Wishes = Wishes(),
    seen: Callable[[ImportedBook], ImportedBook] = lambda book: book,
) -> list[SaveReport]:
    """Save the books of a source, each noted in Django's log, and report on them. `seen` may wrap a book before.

    Raises ImportRefused; books that were saved before the one that is refused stay.
    """
    reports = [_save(seen(prepared(book, wishes)), actor, wishes) for book in read(given)]
    if not reports:
        raise ImportRefused("There is no book in it: nothing was imported.")
    return reports


def prepared(book: ImportedBook, wishes: Wishes) -> ImportedBook:
    """The book as it is saved: its spreads split where that is wished. Raises ImportRefused where it is too late."""
    if not wishes.split_spreads:
        return book
    here = known(book)
    if here is not None and not here.metadata.get("split_spreads"):
        raise ImportRefused(
            f"{here.title} is here already with its spreads as single pages, and page numbers never change: "
            "import it without splitting."
        )
    return split(book)


def known(book: ImportedBook) -> Book | None:
    """The book here that this one would update."""
    return Book.objects.filter(source_id=book.source_id).first() if book.source_id else None


def _save(imported: ImportedBook, actor: Actor, wishes: Wishes) -> SaveReport:
    """Save, then correct by what the person said, so that a later import keeps that as any correction."""
    report = save(imported, actor=actor.name)
    book = report.book
    corrected = [name for name in ("title", "author", "language") if getattr(wishes, name)]
    changed = [name for name in corrected if getattr(book, name) != getattr(wishes, name)]
    for name in changed:
        setattr(book, name, getattr(wishes, name))
    if changed:
        book.updated_at = now()
        book.save(update_fields=[*changed, "updated_at"])
    if changed or report.has_changed:
        record(actor, [book], ADDITION if report.created else CHANGE, report.sentence())
    return report
