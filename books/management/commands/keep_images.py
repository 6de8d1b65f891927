"""`manage.py keep_images BOOK ...`: local copies of page images, so that a book does not depend on its library."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.admin.models import CHANGE
from django.core.management.base import BaseCommand, CommandError

from books.keeping import keep
from books.models import Book
from sourcebatch.lib.adminlog import Actor, record


class Command(BaseCommand):
    """May be stopped and called again at any time: what is stored is not fetched again."""

    help = "Keep a local copy of each page image of these books (ids), or with --all of every book that is shown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("book", nargs="*", help="ids of books")
        parser.add_argument("--all", action="store_true", help="every book that is not hidden")

    def handle(self, *args: Any, **options: Any) -> None:
        ids, everything = options["book"], options["all"]
        if bool(ids) == everything:
            raise CommandError("Name books by their ids, or say --all.")
        books = Book.objects.visible() if everything else Book.objects.filter(pk__in=ids)
        if missing := set(ids) - {*books.values_list("pk", flat=True)}:
            raise CommandError(f"There is no book {', '.join(sorted(missing))}.")
        failed = 0
        for book in books.order_by("pk").iterator():
            kept = keep(book)
            failed += len(kept.failed)
            if kept.copied:
                record(Actor("keep_images"), [book], CHANGE, f"Kept a copy of {kept.copied} page images.")
            self.stdout.write(f"{book.title}: {kept.sentence()}")
        if failed:
            raise CommandError(f"{failed} images could not be had; call it again later for those.")
