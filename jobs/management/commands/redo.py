"""`manage.py redo ocr|translation --prompt ... --model ... --before ... --flag ...`: make machine texts again."""

import datetime as dt
from argparse import ArgumentParser
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.models import Book, Kind
from books.selection import Made, pages_made
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.create import NewJob, Plan, create, plan
from jobs.operations import operations

ACTOR = Actor("redo", "command")


class Command(BaseCommand):
    """Only machines' texts are made again; what people wrote stays, and old texts stay in the pages' history."""

    help = "Create jobs for texts that were made by a prompt, by a model, before a date, or that are flagged."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=Kind.values, help="which texts")
        parser.add_argument(
            "--prompt", default="", help="made by this version of the prompt, as texts name it"
        )
        parser.add_argument("--model", default="", help="made by this model")
        parser.add_argument(
            "--before", default="", metavar="DATE", help="made before this day (UTC), 2026-11-23"
        )
        parser.add_argument(
            "--flag", default="", metavar="RULE", help="flagged by this rule; any is every rule"
        )
        parser.add_argument(
            "--glossary", action="store_true", help="translated with other terms than the glossary has now"
        )
        parser.add_argument("--book", default="", metavar="ID", help="of this book only")
        parser.add_argument("--new-model", default="", metavar="MODEL", help="make them by this model")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and what it would cost"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(options[name] for name in ("prompt", "model", "before", "flag", "glossary")):
            raise CommandError(
                "Say which texts: give at least one of --prompt, --model, --before, --flag and --glossary."
            )
        if options["book"] and not Book.objects.filter(pk=options["book"]).exists():
            raise CommandError(
                f"There is no book {options['book']!r}: look at the admin for those there are."
            )
        wishes = list(_wishes(options))
        if not wishes:
            self.stdout.write("There are no such texts: nothing to do.")
        elif options["dry_run"]:
            self._plan(wishes)
        else:
            self._create(wishes)

    def _plan(self, wishes: list[NewJob]) -> None:
        plans: list[Plan] = []
        for wish in wishes:
            try:
                decided = plan(wish)
            except LifecycleError as error:
                tqdm.write(f"{wish.book_id}  {error.sentence}")
                continue
            plans.append(decided)
            cost = _usd(decided.estimate.batch_usd)
            tqdm.write(f"{wish.book_id}  {decided.pages} pages, {cost}: {decided.book.title[:50]}")
        pages, cost = sum(one.pages for one in plans), _sum(plans)
        self.stdout.write(f"{len(plans)} jobs, {pages} pages, {cost}. Nothing was created.")

    def _create(self, wishes: list[NewJob]) -> None:
        made = 0
        for wish in tqdm(wishes, unit="book", disable=None):
            try:
                created = create(wish, ACTOR)
            except LifecycleError as error:
                tqdm.write(f"{wish.book_id}  {error.sentence}")
                continue
            made += created.created
            tqdm.write(f"{wish.book_id}  job {created.job.pk}: {created.job.progress['total']} pages")
        self.stdout.write(f"{made} jobs created.")


def _wishes(options: dict[str, Any]) -> Iterator[NewJob]:
    """An order for each book, and for each language that it is translated into."""
    work = next(work for work in operations().values() if work.kind == options["kind"])
    made = Made(
        options["kind"],
        options["prompt"],
        options["model"],
        _day(options["before"]),
        options["flag"],
        options["book"],
        glossary=options["glossary"],
    )
    for book_id, language, page_ids in pages_made(made):
        yield NewJob(
            type=work.type, page_ids=page_ids, book_id=book_id, target_language=language,
            model=options["new_model"], overwrite="machine",
        )  # fmt: skip


def _day(given: str) -> dt.datetime | None:
    if not given:
        return None
    try:
        return dt.datetime.combine(dt.date.fromisoformat(given), dt.time.min, dt.UTC)
    except ValueError:
        raise CommandError(f"{given!r} is no day: write it as 2026-11-23.") from None


def _usd(amount: Decimal | None) -> str:
    return "price unknown" if amount is None else f"about {amount:.2f} US dollars"


def _sum(plans: list[Plan]) -> str:
    """What the plans cost together; unknown as soon as one of them is."""
    amounts = [decided.estimate.batch_usd for decided in plans if decided.pages]
    return _usd(None if None in amounts else sum((one for one in amounts if one is not None), Decimal(0)))
