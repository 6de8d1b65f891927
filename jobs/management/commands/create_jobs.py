"""`manage.py create_jobs`: jobs for whole books, one or all, with the price first."""

from argparse import ArgumentParser
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.models import Book
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.create import NewJob, Plan, create, plan
from jobs.operations import operations


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
        self._plan(bar) if options["dry_run"] else self._create(bar)

    def _create(self, wishes: Iterable[NewJob]) -> None:
        made = 0
        for wish in wishes:
            try:
                created = create(wish, Actor("create_jobs", "command"))
            except LifecycleError as error:
                tqdm.write(f"{wish.book_id}  {error.sentence}")
                continue
            made += created.created
            tqdm.write(f"{wish.book_id}  job {created.job.pk}: {created.job.progress['total']} pages")
        self.stdout.write(f"{made} jobs created.")

    def _plan(self, wishes: Iterable[NewJob]) -> None:
        plans: list[Plan] = []
        for wish in wishes:
            try:
                decided = plan(wish)
            except LifecycleError as error:
                tqdm.write(f"{wish.book_id}  {error.sentence}")
                continue
            plans.append(decided)
            tqdm.write(
                f"{wish.book_id}  {decided.pages} pages, {_usd(decided.estimate.batch_usd)}: {decided.book.title[:50]}"
            )
        pages = sum(decided.pages for decided in plans)
        self.stdout.write(
            f"{sum(bool(one.pages) for one in plans)} jobs, {pages} pages, {_sum(plans)}. Nothing was created."
        )


def _books(book_id: str | None, kind: str) -> list[str]:
    if book_id is None:
        return list(Book.objects.needing(kind).order_by("id").values_list("pk", flat=True))
    if not Book.objects.filter(pk=book_id).exists():
        raise CommandError(
            f"There is no book {book_id!r}: look at the admin or at /api/books for those there are."
        )
    return [book_id]


def _usd(amount: Decimal | None) -> str:
    return "price unknown" if amount is None else f"about {amount:.2f} US dollars"


def _sum(plans: list[Plan]) -> str:
    """What the plans cost together; unknown as soon as one of them is."""
    amounts = [decided.estimate.batch_usd for decided in plans if decided.pages]
    return _usd(None if None in amounts else sum((one for one in amounts if one is not None), Decimal(0)))
