"""`manage.py second_reading`: have the local OCR engine read pages again now, of one book or of the library."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from books.models import Book
from books.second_reading import engines, run
from books.second_reading.models import SecondReading
from sourcebatch.lib.adminlog import Actor

BY = Actor("second_reading", "command")


class Command(BaseCommand):
    """What the schedule does a little at a time, without its limit of seconds."""

    help = (
        "Read pages a second time with the OCR engine on this machine, and flag texts that are too different."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--book", metavar="ID", help="this book alone")
        parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many seconds")
        parser.add_argument("--again", action="store_true", help="with --book: also what was read already")
        parser.add_argument(
            "--fetch", action="store_true", help="with --book: fetch images that are not stored here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ended = run.until(options["seconds"])
        if not options["book"]:
            self.stdout.write(run.library(ended, BY))
            return
        book = Book.objects.filter(pk=options["book"]).first()
        if book is None:
            raise CommandError(
                f"There is no book {options['book']!r}: look at the admin for those there are."
            )
        if options["again"]:
            SecondReading.objects.filter(book=book).delete()
        self.stdout.write(self._book(book, ended, fetch=options["fetch"]))

    def _book(self, book: Book, ended: run.Ended, *, fetch: bool) -> str:
        name, absent = engines.chosen()
        if not name:
            return absent
        done = run.Done(BY)
        with run.alone() as mine, engines.running(name) as engine:
            if not mine:
                return "Another run is reading: try again when it has ended."
            try:
                run.one_book(book, engine, done, ended, fetch=fetch)
            except engines.EngineError as error:
                raise CommandError(error.sentence) from error
        return "\n".join([*done.flagged, done.sentence()])
