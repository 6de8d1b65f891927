"""`manage.py create_jobs`: jobs for whole books, one or all, with the price first."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.models import Book
from jobs.lifecycle.common import Actor
from jobs.lifecycle.create import NewJob
from jobs.management.ordering import create_each, plan_each
from jobs.operations import operations

ACTOR = Actor("create_jobs", "command")


class Command(BaseCommand):
    """Plans and creates by the same verbs as the admin and the API."""

    help = "Create jobs for the pages of one book or of all books that still need a text."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="every book that needs it")
        which.add_argument("--book", metavar="ID", help="this book")
        kinds = {work.kind: work.type for work in operations().values()}
        parser.add_argument("--needs", required=True, choices=sorted(kinds), help="what the pages lack")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and what it would cost"
        )
        parser.add_argument("--model", default="", help="a model's name instead of the one in the settings")
        parser.add_argument(
            "--target-language", default="", help="translate into this instead of the book's choice"
        )
        parser.add_argument("--priority", type=int, default=0, help="higher goes first (0)")

    def handle(self, *args: Any, **options: Any) -> None:
        work = next(work for work in operations().values() if work.kind == options["needs"])
        books = _books(options["book"], options["needs"])
        if not books:
            self.stdout.write("No book needs that: nothing to do.")
            return
        wishes = [
            NewJob(
                type=work.type, page_ids=None, book_id=book_id, model=options["model"],
                target_language=options["target_language"], priority=options["priority"],
            )
            for book_id in books
        ]  # fmt: skip
        bar = tqdm(wishes, unit="book", disable=None if len(wishes) > 1 else True)
        self.stdout.write(plan_each(bar) if options["dry_run"] else create_each(bar, ACTOR))


def _books(book_id: str | None, kind: str) -> list[str]:
    if book_id is None:
        return list(Book.objects.needing(kind).order_by("id").values_list("pk", flat=True))
    if not Book.objects.filter(pk=book_id).exists():
        raise CommandError(
            f"There is no book {book_id!r}: look at the admin or at /api/books for those there are."
        )
    return [book_id]
