"""`manage.py import_sample`: the sample book with its page images, so that there is something to work on."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.admin.models import ADDITION
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand

from books.models import Book, Page
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.db import atomic

FOLDER = Path(__file__).resolve().parents[2] / "sample"


def import_sample() -> tuple[Book, bool]:
    """The sample book and whether it was made now. Safe to repeat: adds missing pages, changes none."""
    given = json.loads((FOLDER / "book.json").read_text(encoding="utf-8"))
    first_label = given.pop("first_label")
    source_id = given.pop("source_id")
    with atomic():
        book, made = Book.objects.get_or_create(source_id=source_id, defaults=given)
        there = set(book.pages.values_list("number", flat=True))
        for number, image in enumerate(sorted(FOLDER.glob("page_*.jpg")), 1):
            if number not in there:
                _add_page(book, number, str(first_label + number - 1), image)
        book.recount()
    return book, made


def _add_page(book: Book, number: int, label: str, image: Path) -> None:
    with image.open("rb") as file:
        stored = default_storage.save(f"images/{book.pk}/{image.name}", file)
    Page.objects.create(book=book, number=number, label=label, image_file=stored)


class Command(BaseCommand):
    """Used by `make run`; see books/sample/LICENCE.md for where the book comes from."""

    help = "Import the sample book (12 pages, Basel 1520) with its images."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only when there is no book at all")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and Book.objects.exists():
            return
        book, made = import_sample()
        if made:
            record(
                Actor("import_sample"), [book], ADDITION, f"Imported {book.title}: {book.pages_count} pages."
            )
        done = "Imported" if made else "Already here:"
        self.stdout.write(f"{done} {book.title[:40]}, {book.pages_count} pages, {book.pk}")
