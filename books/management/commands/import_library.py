"""`manage.py import_library PLACE`: what `export_library` wrote comes in; what is here already stays as it is."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.admin.models import CHANGE
from django.core.management.base import BaseCommand, CommandError

from books.exports.base import ExportRefused
from books.exports.library_import import Imported, import_library, opened
from books.models import Book
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.db import in_chunks


class Command(BaseCommand):
    """Safe to repeat: the second time changes nothing."""

    help = "Add the books, pages, texts and images of a library export that are not here yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", type=Path, help="the ZIP or folder that export_library wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with opened(options["place"]) as source:
                done = import_library(source)
        except ExportRefused as error:
            raise CommandError(error.sentence) from error
        _log(done)
        added = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.added.items())
        self.stdout.write(f"Added: {added}. Here already: {done.same}.")
        if done.different:
            some = ", ".join(done.different[:10])
            self.stdout.write(
                f"{len(done.different)} are here with other content and stay as they are: {some}"
            )


def _log(done: Imported) -> None:
    """One entry for each book that something was added to."""
    for some in in_chunks(sorted(done.books)):
        books = Book.objects.filter(pk__in=some)
        record(Actor("import_library"), books, CHANGE, "Added to from a library export")
