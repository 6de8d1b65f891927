"""`manage.py job show|cancel|reset|retry|pause|resume ID`: one job, by the same verbs as everywhere."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.lifecycle.cancel import cancel
from jobs.lifecycle.common import Actor, LifecycleError, find_job
from jobs.lifecycle.pause import pause, resume
from jobs.lifecycle.reset import reset
from jobs.lifecycle.retry import retry
from jobs.models import Job
from sourcebatch.lib.clock import rfc3339

VERBS = {"cancel": cancel, "reset": reset, "retry": retry, "pause": pause, "resume": resume}
ACTOR = Actor("job", "command")


class Command(BaseCommand):
    """Shows a job or applies a verb to it."""

    help = "Show a job with its failed pages, or cancel, reset, retry, pause or resume it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["show", *VERBS])
        parser.add_argument("job_id", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "show":
                self._show(find_job(options["job_id"]))
            else:
                self.stdout.write(VERBS[options["verb"]](options["job_id"], ACTOR))
        except LifecycleError as error:
            raise CommandError(error.sentence) from error

    def _show(self, job: Job) -> None:
        facts = {
            "job": job.pk, "type": job.type, "book": f"{job.book_title} ({job.book_id})", "status": job.status,
            "phase": job.batch_phase, "model": job.model,
            "language": job.language, "translate into": job.target_language,
            "progress": ", ".join(f"{count} {name}" for name, count in job.progress.items()),
            "Gemini batch": f"{job.gemini_batch_job} {job.gemini_state}".strip(), "waiting for": job.waiting_for,
            "error": job.error, "created": rfc3339(job.created_at), "ended": rfc3339(job.completed_at),
        }  # fmt: skip
        for name, value in facts.items():
            if value:
                self.stdout.write(f"{name + ':':16}{value}")
        for row in job.ledger.failed().order_by("number"):
            self.stdout.write(f"  page {row.number}: {row.reason} after {row.attempts} attempts. {row.error}")
