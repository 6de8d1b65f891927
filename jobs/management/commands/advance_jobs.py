"""`manage.py advance_jobs`: steps of jobs without a worker, for cron and for those who like to watch."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Min

from jobs.lifecycle.advance import advance
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.watch import watch
from jobs.models import Heartbeat, Job, Status
from sourcebatch.lib.clock import now

LONGEST_NAP = 5.0  # seconds between two looks


class Command(BaseCommand):
    """The same verb as the schedule's; safe beside a worker, for a job has one lease."""

    help = "Give every due job one step; with --until-done, until no job is under way."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--until-done", action="store_true", help="go on until every job has ended or is paused"
        )
        parser.add_argument("--job", default="", metavar="ID", help="this job only")
        parser.add_argument(
            "--timeout", type=float, default=0, metavar="SECONDS", help="give up after this (never)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        until = time.monotonic() + options["timeout"] if options["timeout"] else float("inf")
        while True:
            self._round(options["job"])
            if not options["until_done"] or not _under_way(options["job"]).exists():
                return
            if time.monotonic() > until:
                left = _under_way(options["job"]).count()
                self.stderr.write(f"{left} jobs are still under way after {options['timeout']:.0f} s.")
                raise SystemExit(1)
            time.sleep(_nap(options["job"]))

    def _round(self, job_id: str) -> None:
        Heartbeat.beat("worker", via="command")
        watch(Actor("advance_jobs", "command"))
        due = Job.objects.due()
        for one in list((due.filter(pk=job_id) if job_id else due).values_list("pk", flat=True)):
            self._step(one)

    def _step(self, job_id: str) -> None:
        try:
            payload = advance(job_id, Actor("advance_jobs", "command")).payload
        except LifecycleError as error:
            self.stderr.write(f"{job_id}  {error.sentence}")
            return
        said = (
            payload.get("message") or payload.get("phase") or payload.get("gemini_state") or payload["status"]
        )
        left = f", {payload['remaining']} to prepare" if payload.get("remaining") else ""
        self.stdout.write(f"{job_id}  {said}{left}")


def _under_way(job_id: str) -> Any:
    jobs = Job.objects.filter(status__in=[Status.PENDING, Status.PROCESSING])
    return jobs.filter(pk=job_id) if job_id else jobs


def _nap(job_id: str) -> float:
    """Seconds until the next job is due, at most LONGEST_NAP."""
    soonest = _under_way(job_id).aggregate(at=Min("next_step_at"))["at"]
    return min(max((soonest - now()).total_seconds(), 0.2), LONGEST_NAP) if soonest else 0.1
