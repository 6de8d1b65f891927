"""`manage.py recount`: make what is kept of books, pages and texts true again."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.admin.models import CHANGE
from django.core.management.base import BaseCommand
from tqdm import tqdm

from books.models import Book
from jobs.lifecycle import failures
from sourcebatch.lib.adminlog import Actor, record

COUNTS = ("pages_count", "pages_ocr", "pages_translated", "pages_blank", "pages_flagged")


class Command(BaseCommand):
    """Harmless at any time; says which books were wrong."""

    help = (
        "Count pages, texts and stale translations of every book again, which pages are flagged, edited or failed, "
        "and say where what is kept was wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--book", default="", metavar="ID", help="this book only")

    def handle(self, *args: Any, **options: Any) -> None:
        books = Book.objects.filter(pk=options["book"]) if options["book"] else Book.objects.all()
        wrong = misjudged = untold = 0
        for book in tqdm(books.iterator(), total=books.count(), unit="book", disable=None):
            before = [getattr(book, name) for name in COUNTS]
            misjudged += book.judge_staleness()
            untold += book.pages.all().judge() + failures.judge(book.pk)
            book.recount()
            after = [getattr(book, name) for name in COUNTS]
            if before != after:
                wrong += 1
                record(Actor("recount"), [book], CHANGE, "Counts made true again")
                tqdm.write(f"{book.pk}  {dict(zip(COUNTS, before, strict=True))} -> {after}")
        self.stdout.write(f"{wrong} books had wrong counts.")
        if misjudged:
            self.stdout.write(f"{misjudged} translations were wrongly called stale or fitting.")
        if untold:
            self.stdout.write(f"{untold} pages were wrongly called flagged, edited or failed, or not.")
