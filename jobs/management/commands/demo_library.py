"""`manage.py demo_library --books 200 --pages 20000`: a made-up library, to measure with and to look at."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.models import Book
from jobs.demo.library import PREFIX, Demo
from sourcebatch.lib.adminlog import Actor, record_whole
from sourcebatch.lib.db import analyze


class Command(BaseCommand):
    """Rows only: the images' addresses lead nowhere, and nothing is sent anywhere."""

    help = (
        "Fill an empty library with made-up books, pages, texts, jobs and money; the same for the same seed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--books", type=int, default=200, help="how many (200)")
        parser.add_argument("--pages", type=int, default=20_000, help="how many in all (20000)")
        parser.add_argument("--seed", type=int, default=1, help="another number makes another library (1)")
        parser.add_argument("--beside-real-books", action="store_true", help="even where real books are")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["books"] <= options["pages"]:
            raise CommandError("Give at least one book, and at least one page for each book.")
        if Book.objects.filter(source_id__startswith=PREFIX).exists():
            raise CommandError(
                "A made-up library is here already: use a fresh DATA_DIR or database for another."
            )
        if Book.objects.exists() and not options["beside_real_books"]:
            raise CommandError(
                "There are books here already, and made-up ones among them are hard to get rid of: "
                "use a fresh DATA_DIR or database, or give --beside-real-books."
            )
        began = time.monotonic()
        with tqdm(total=options["pages"], unit="page", disable=None) as bar:
            Demo(options["books"], options["pages"], options["seed"], bar.update).write()
        analyze()
        record_whole(Actor("demo_library"), f"Made-up library: {options['pages']} pages")
        seconds = time.monotonic() - began
        self.stdout.write(f"Made {options['books']} books with {options['pages']} pages in {seconds:.0f} s.")
