"""`manage.py export_book BOOK FORMAT`: a book as a file, the same as the admin and the API give."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.contrib.admin.models import CHANGE
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.exports import ExportRefused, Options, export, exporters, file_name
from books.exports.options import site_address
from books.languages import normalise
from books.models import Book
from sourcebatch.lib.adminlog import Actor, record


class Command(BaseCommand):
    """Unlike a page in a browser, it fetches page images that are not stored here unless told not to."""

    help = "Write a book in one of the export formats into a file, or with -o - to standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("book", metavar="BOOK", help="the id of a book")
        parser.add_argument("format", metavar="FORMAT", help=", ".join(exporters()))
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="instead of the book's own name; - is standard output"
        )
        parser.add_argument("--text", choices=["both", "transcription", "translation"], default="both")
        parser.add_argument("--language", default="", help="translations into this language only")
        parser.add_argument(
            "--reviewed", action="store_true", help="only texts that a person wrote or reviewed"
        )
        parser.add_argument("--layout", choices=["facing", "interleaved"], default="facing")
        parser.add_argument("--no-fetch", action="store_true", help="only page images that are stored here")

    def handle(self, *args: Any, **options: Any) -> None:
        book = Book.objects.filter(pk=options["book"]).first()
        if book is None:
            raise CommandError(
                f"There is no book {options['book']!r}: look at the admin for those there are."
            )
        try:
            pieces = export(book, options["format"], _options(options))
            path = options["output"] or file_name(book, options["format"])
            self._write(pieces, path)
            record(Actor("export_book"), [book], CHANGE, f"Exported as {options['format']}")
        except ExportRefused as error:
            raise CommandError(error.sentence) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"The file cannot be written ({error.strerror}): choose another by -o."
            ) from error

    def _write(self, pieces: Iterable[bytes], path: str) -> None:
        if path == "-":
            sys.stdout.buffer.writelines(pieces)
            return
        part = Path(f"{path}.part")
        with part.open("wb") as file, tqdm(unit="B", unit_scale=True, disable=None) as bar:
            for piece in pieces:
                file.write(piece)
                bar.update(len(piece))
        part.rename(path)
        self.stdout.write(f"Written: {path}")


def _options(given: dict[str, Any]) -> Options:
    return Options(
        text=given["text"], language=normalise(given["language"]), reviewed=given["reviewed"],
        layout=given["layout"], fetch=not given["no_fetch"], address=site_address(),
    )  # fmt: skip
