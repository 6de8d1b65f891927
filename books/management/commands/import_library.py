"""`manage.py import_library PLACE`: what `export_library` wrote comes in; what is here already stays as it is."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from books.exports.base import ExportRefused
from books.exports.library_import import import_library, opened


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
        added = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.added.items())
        self.stdout.write(f"Added: {added}. Here already: {done.same}.")
        if done.different:
            some = ", ".join(done.different[:10])
            self.stdout.write(
                f"{len(done.different)} are here with other content and stay as they are: {some}"
            )
