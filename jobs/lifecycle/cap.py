"""The cap of open batches: who is refused at it waits, and is called when a place is free and its turn has come."""

import datetime as dt

from django.conf import settings

from jobs.lifecycle.common import Queued
from jobs.lifecycle.turns import AT_THE_CAP, Waiting, next_ones
from jobs.models import GeminiBatch, Job, Stage, Status
from sourcebatch.lib.clock import now

# Ten thousand jobs may wait: each is called, and asks by itself only in case the call was lost.
ASKS_AGAIN = dt.timedelta(hours=1)
# Who has not asked for so long after its time is held up by something else and keeps no place.
FORGOTTEN = dt.timedelta(minutes=10)


def take_turn(job: Job) -> None:
    """Raises Queued when as many batches are open as may be, or the free places are for others.

    Gemini stalls near a hundred open batches, so ours wait here instead.
    """
    taken = _taken()
    places = settings.MAX_OPEN_BATCHES - len(taken)
    line = _line(without=job.pk) if places > 0 else []
    mine = Waiting(job.pk, job.created_by, job.book_id, job.priority, job.created_at)
    if job.pk not in next_ones([*line, mine], taken, places):
        raise Queued(AT_THE_CAP, retry_after=ASKS_AGAIN.total_seconds())


def call_next() -> int:
    """Have the jobs take their steps now for which there are free places; how many were called."""
    line = _line()
    if not line:
        return 0
    taken = _taken()
    called = next_ones(line, taken, settings.MAX_OPEN_BATCHES - len(taken))
    moment = now()
    return Job.objects.filter(pk__in=called, waiting_for=AT_THE_CAP, next_step_at__gt=moment).update(
        next_step_at=moment
    )


def _taken() -> list[tuple[str, str]]:
    """User and book of each batch that is open at Gemini, or about to be."""
    batches = GeminiBatch.objects.filter(stage__in=[Stage.INTENT, Stage.OPEN]).order_by()
    return list(batches.values_list("job__created_by", "job__book_id"))


def _line(without: str = "") -> list[Waiting]:
    """The jobs that were refused at the cap and still stand there."""
    jobs = Job.objects.filter(
        status=Status.PROCESSING, waiting_for=AT_THE_CAP, next_step_at__gt=now() - FORGOTTEN
    )
    rows = jobs.exclude(pk=without).order_by()
    return [
        Waiting(*row) for row in rows.values_list("pk", "created_by", "book_id", "priority", "created_at")
    ]
