"""`manage.py rebuild_search`: make what the search looks through anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books import search
from books.models import Book


class Command(BaseCommand):
    """Harmless at any time; while it runs, a book is found or not found as a whole."""

    help = "Make the folded texts and the index that the search looks through anew from the current texts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--book", default="", metavar="ID", help="this book only; the index stays")
        parser.add_argument("--index", action="store_true", help="the index only, from the folded texts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["index"]:
            search.reindex()
            self.stdout.write("The index was made anew.")
            return
        books = Book.objects.filter(pk=options["book"]) if options["book"] else Book.objects.all()
        if options["book"] and not books.exists():
            raise CommandError(f"There is no book {options['book']}: ids are in the addresses of the admin.")
        if not options["book"]:
            search.reindex()
        texts = sum(
            search.rebuild(book)
            for book in tqdm(books.iterator(), total=books.count(), unit="book", disable=None)
        )
        self.stdout.write(f"{texts} texts can be found.")
