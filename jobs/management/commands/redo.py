"""`manage.py redo ocr|translation --prompt ... --model ... --before ... --flag ...`: make machine texts again."""

import datetime as dt
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from books.models import Book, Kind
from books.selection import Made, pages_made
from jobs.lifecycle.common import Actor
from jobs.lifecycle.create import NewJob
from jobs.management.ordering import create_each, plan_each
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
            return
        bar = tqdm(wishes, unit="book", disable=None if len(wishes) > 1 else True)
        self.stdout.write(plan_each(bar) if options["dry_run"] else create_each(bar, ACTOR))


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
