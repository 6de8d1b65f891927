"""`manage.py import_mongodb PLACE`: books, pages with their texts, and jobs of a library kept in MongoDB."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.mongodb.bring import bring
from jobs.mongodb.sources import Unreadable, opened
from sourcebatch.lib.adminlog import Actor, record_whole


class Command(BaseCommand):
    """Safe to repeat: the second time changes nothing. Reads only, over there."""

    help = (
        "Take over a library kept in MongoDB, from its address or from a folder of mongodump or mongoexport."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "place",
            help="mongodb://host/name, or a folder with books, pages and jobs as .bson or .json files",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how much is new, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with opened(options["place"]) as library:
                done = bring(library, dry_run=options["dry_run"])
        except Unreadable as error:
            raise CommandError(str(error)) from error
        counted = ("books", "pages", "jobs") if options["dry_run"] else ("books", "pages", "texts", "jobs")
        added, present = (
            ", ".join(f"{counts[name]} {name}" for name in counted) for counts in (done.added, done.present)
        )
        word = "New, if all can be read" if options["dry_run"] else "Added"
        self.stdout.write(f"{word}: {added}. Here already: {present}.")
        if any(done.added.values()) and not options["dry_run"]:
            record_whole(Actor("import_mongodb"), f"Taken over from MongoDB: {added}")
        for sentence in done.sentences():
            self.stdout.write(sentence)
