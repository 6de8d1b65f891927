"""`manage.py worker`: runs scheduled tasks, and the steps of jobs among them, until it is told to stop."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django_q.tasks import async_task

from jobs import worker


class Command(BaseCommand):
    """See jobs/worker.py for what it does that `qcluster` does not."""

    help = "Run scheduled tasks until SIGTERM or SIGINT. Exits with 75 when it has to be started again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--respawn", action="store_true", help="start again by itself instead of exiting with 75"
        )
        parser.add_argument(
            "--grace", type=float, default=20.0, metavar="SECONDS",
            help="time for running steps to end when told to stop (20)",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # What waited while nobody was there goes on at once, not at the next minute of the schedule.
            async_task("jobs.tasks.advance_jobs", group="start")
        except DatabaseError as error:
            raise CommandError(
                f"The database is not ready ({error}): run manage.py migrate first."
            ) from error
        connections.close_all()
        sys.exit(worker.run(respawn=options["respawn"], grace=options["grace"]))
