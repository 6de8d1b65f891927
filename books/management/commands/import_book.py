"""`manage.py import_book SOURCE`: a book from an address, a file, a folder or the Internet Archive."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books import languages
from books.importers import Given, ImportedBook, ImportedPage, ImportRefused, importers, opened, read
from books.importers.intake import Wishes, known, prepared, take_in
from sourcebatch.lib.adminlog import Actor

SHOWN = 20
# Collections hold collections; deeper than this none of a library goes.
MAX_DEPTH = 4


class Command(BaseCommand):
    """One source, or with --all everything that a collection or a table of manifests offers."""

    help = "Import a book: " + ", ".join(importer.title for importer in importers()) + "."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source",
            help="an address, a file, a folder, or an identifier of the Internet Archive (archive:ID)",
        )
        parser.add_argument("--title", default="", help="instead of the source's title")
        parser.add_argument("--author", default="", help="instead of the source's author")
        parser.add_argument("--language", default="", help="ISO 639 code or name, such as la")
        parser.add_argument(
            "--split-spreads", action="store_true", help="make two pages of each image of two"
        )
        parser.add_argument(
            "--all", action="store_true", help="import all manifests of a collection or table"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would come in and write nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            language = languages.normalise(options["language"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        wishes = Wishes(options["title"], options["author"], language, options["split_spreads"])
        try:
            self._source(options["source"], wishes, dry=options["dry_run"])
        except ImportRefused as refused:
            if not (refused.offers and options["all"]):
                raise CommandError(_said(refused)) from None
            if wishes.title or wishes.author:
                raise CommandError(
                    "A title or an author is for a single book: leave it out with --all."
                ) from None
            self._offers(refused.offers, wishes, dry=options["dry_run"])

    def _source(self, place: str, wishes: Wishes, *, dry: bool) -> None:
        with opened(place) as given:
            if dry:
                self._look(given, wishes)
                return
            bars = _Bars()
            try:
                reports = take_in(given, actor=Actor("import_book"), wishes=wishes, seen=bars.over)
            finally:
                bars.close()
        for report in reports:
            self.stdout.write(report.sentence())
            self._oddities(report.book.metadata.get("oddities", []))

    def _look(self, given: Given, wishes: Wishes) -> None:
        """What would come in."""
        for book in read(given):
            book = prepared(book, wishes)
            here = known(book)
            self.stdout.write(f"{wishes.title or book.title}: {len(book.pages)} pages.")
            told = {"author": wishes.author or book.author, "language": wishes.language or book.language,
                    "year": book.year, "rights": book.rights, "attribution": book.attribution,
                    "direction": book.direction, "identifier": book.source_id}  # fmt: skip
            for name, value in told.items():
                self.stdout.write(f"  {name}: {value or 'unknown'}")
            if here:
                self.stdout.write(f"  is here already as {here.title} ({here.pk}) and would be updated")
            self._oddities(book.oddities)
        self.stdout.write("Nothing was written.")

    def _oddities(self, oddities: Any) -> None:
        for oddity in oddities:
            self.stdout.write(f"  {oddity}")

    def _offers(self, offers: tuple[tuple[str, str], ...], wishes: Wishes, *, dry: bool) -> None:
        """Everything that is offered, also by collections inside; one that fails does not stop the others."""
        failed = 0
        for address in tqdm(list(_unique(offers)), desc="books", disable=None):
            failed += self._offer(address, wishes, dry=dry, seen={address}, depth=1)
        if failed:
            raise CommandError(f"{failed} of the manifests were not imported; the reasons are above.")

    def _offer(self, address: str, wishes: Wishes, *, dry: bool, seen: set[str], depth: int) -> int:
        """How many failed."""
        try:
            self._source(address, wishes, dry=dry)
        except ImportRefused as refused:
            inner = [each for each in _unique(refused.offers) if each not in seen]
            if inner and depth < MAX_DEPTH:
                seen.update(inner)
                return sum(self._offer(each, wishes, dry=dry, seen=seen, depth=depth + 1) for each in inner)
            self.stderr.write(f"{address}: {refused.sentence}")
            return 1
        return 0


def _unique(offers: tuple[tuple[str, str], ...]) -> Iterator[str]:
    return iter(dict.fromkeys(address for address, _title in offers))


def _said(refused: ImportRefused) -> str:
    """The sentence, and what can be imported instead."""
    if not refused.offers:
        return refused.sentence
    lines = [f"  {address}  {title}" for address, title in refused.offers[:SHOWN]]
    more = len(refused.offers) - SHOWN
    lines += [f"  and {more} more"] if more > 0 else []
    return "\n".join([refused.sentence, *lines, "Add --all to import all of them."])


class _Bars:
    """A progress bar for each book whose images come with the source; none where nobody looks at a terminal."""

    def __init__(self) -> None:
        self.bar: Any = None

    def over(self, book: ImportedBook) -> ImportedBook:
        """The same book; reading one of its images moves the bar."""
        self.close()
        if all(page.read is None for page in book.pages):
            return book
        self.bar = tqdm(total=len(book.pages), desc=book.title[:40], unit="page", disable=None)
        wrapped: dict[int, Any] = {}
        return replace(book, pages=tuple(self._counted(page, wrapped) for page in book.pages))

    def _counted(self, page: ImportedPage, wrapped: dict[int, Any]) -> ImportedPage:
        """Halves of a spread share one way of reading, and go on sharing it."""
        if page.read is None:
            return page
        if id(page.read) not in wrapped:
            wrapped[id(page.read)] = self._counting(page.read)
        return replace(page, read=wrapped[id(page.read)])

    def _counting(self, read_image: Any) -> Any:
        def counted() -> bytes:
            raw: bytes = read_image()
            self.bar.update()
            return raw

        return counted

    def close(self) -> None:
        """End the line of the last bar."""
        if self.bar is not None:
            self.bar.close()
