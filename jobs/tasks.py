"""What django-q2 calls: ids in, one verb of the lifecycle out. Each may run twice at once or be killed.

A job that fails here is not where a librarian has to look: the lifecycle writes the reason on the job itself.
"""

import datetime as dt
import logging
import time
from collections.abc import Sequence

from django.core.management import call_command
from django.db import connections
from django.db.models import Exists, OuterRef, Q
from django_q.models import Failure
from django_q.tasks import async_task

from books.models import Book, Page
from jobs.lifecycle.advance import advance
from jobs.lifecycle.cap import call_next
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.create import NewJob, create
from jobs.lifecycle.sweep import sweep
from jobs.lifecycle.trials import run_trial, settle_lost_trials
from jobs.lifecycle.watch import watch
from jobs.models import GeminiBatch, Heartbeat, Job, JobPage, PageState, Status
from jobs.operations import operations
from jobs.operations.base import Operation, Order
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import analyze, in_chunks, library_alias
from sourcebatch.lib.stop import stop_requested

BUDGET = 50.0  # seconds: shorter than the minute between two runs, far shorter than django-q2's timeout
BEAT_EVERY = 15.0  # seconds between two signs of life
LOOK_AGAIN = 0.5  # seconds between two looks for work while something is due soon
FAILED_TASKS_KEPT = dt.timedelta(days=30)

SCHEDULE = Actor("schedule", "schedule")
logger = logging.getLogger("jobs.tasks")


class Tally:
    """What one run did, and the jobs that it leaves alone because a step of theirs raised."""

    def __init__(self) -> None:
        self.steps = 0
        self.done = 0
        self.raised: set[str] = set()
        self._beaten = 0.0

    def beat(self) -> None:
        """Show that the worker is alive, now and then."""
        if time.monotonic() - self._beaten > BEAT_EVERY:
            Heartbeat.beat("worker")
            self._beaten = time.monotonic()

    def as_dict(self) -> dict[str, int]:
        return {"steps": self.steps, "done": self.done, "raised": len(self.raised)}


def advance_jobs(budget: float = BUDGET) -> dict[str, int]:
    """Give every due job a step, in turns, for up to `budget` seconds; ends early if nothing is due soon."""
    tally, until = Tally(), time.monotonic() + budget
    _watch()
    while time.monotonic() < until and not stop_requested():
        tally.beat()
        call_next()
        due = list(Job.objects.due().exclude(pk__in=tally.raised).values_list("pk", flat=True)[:200])
        if due:
            _one_round(due, tally, until)
        elif not _due_soon(until - time.monotonic(), tally):
            break
        else:
            time.sleep(LOOK_AGAIN)
    return tally.as_dict()


def advance_job(job_id: str, budget: float = BUDGET) -> dict[str, int]:
    """Steps of one job at once, as long as it has some, then of all that are due: what a click starts.

    Does nothing when another worker was faster, so that a hundred new jobs do not mean a hundred busy workers.
    """
    tally, until = Tally(), time.monotonic() + budget
    while _is_due(job_id, tally) and time.monotonic() < until and not stop_requested():
        _step(job_id, tally)
    return advance_jobs(until - time.monotonic()) if tally.steps else tally.as_dict()


def kick(job_id: str) -> bool:
    """Ask a worker to take on a job now, not within a minute; False (no harm) when the broker is down."""
    try:
        async_task("jobs.tasks.advance_job", job_id, group="kick")
    except Exception:
        logger.warning("Job %s was not handed to a worker at once; the schedule will.", job_id, exc_info=True)
        return False
    return True


def try_prompt(trial_id: str, budget: float = BUDGET) -> int:
    """Make the calls of a prompt's trial that are still to be made; asks for another turn when some are left."""
    settle_lost_trials()
    left = run_trial(trial_id, budget)
    if left and not stop_requested():
        async_task("jobs.tasks.try_prompt", trial_id, group="trial")
    return left


def kick_when_ready(sender: object, job_id: str, **kwargs: object) -> None:
    """Receiver of `job_ready`."""
    kick(job_id)


def collect() -> int:
    """Have every open batch looked at now, however far its polling has backed off. Returns how many jobs."""
    ids = sorted(set(GeminiBatch.objects.unfinished().order_by().values_list("job_id", flat=True)))
    Heartbeat.beat("collect", jobs=len(ids))
    live = [Status.PENDING, Status.PROCESSING]
    GeminiBatch.objects.unfinished().update(next_poll_at=now())
    for some in in_chunks(ids):
        Job.objects.filter(pk__in=some, status__in=live).update(next_step_at=now())
    return len(ids)


def create_automatic_jobs() -> dict[str, int]:
    """Create the jobs that automatic books need. Failed and cancelled pages are left to people."""
    made: dict[str, int] = {}
    for operation in operations().values():
        for book in Book.objects.needing(operation.kind).filter(automatic=True).iterator():
            made[operation.type] = made.get(operation.type, 0) + _create_for(book, operation)
    return made


def housekeeping() -> dict[str, int]:
    """Sweep what crashes left behind, here and at Gemini; forget expired sessions and old failed tasks; let SQLite
    count its tables, which other databases do by themselves.
    """
    swept = sweep(SCHEDULE)
    call_command("clearsessions")
    if connections[library_alias()].vendor == "sqlite":
        analyze(most=1000)
    old = Failure.objects.filter(stopped__lt=now() - FAILED_TASKS_KEPT)
    return swept | {"failed_tasks": old.delete()[0]}


def _watch() -> None:
    """Batches that were let go, or whose job is paused: nobody else looks at them."""
    try:
        watch(SCHEDULE)
    except Exception:
        logger.exception(
            "Batches without a live job could not be looked at; that is tried again within a minute."
        )


def _one_round(due: Sequence[str], tally: Tally, until: float) -> None:
    for job_id in due:
        if time.monotonic() > until or stop_requested():
            return
        _step(job_id, tally)


def _step(job_id: str, tally: Tally) -> None:
    """One step of one job. What it raises is logged and keeps no other job from its turn."""
    tally.steps += 1
    try:
        tally.done += advance(job_id, SCHEDULE).done
    except LifecycleError as error:
        # Nothing to mend here: Gemini does not answer for now, or the job is gone. The job itself says so.
        tally.raised.add(job_id)
        logger.info("Job %s waits: %s", job_id, error.sentence)
    except Exception:
        tally.raised.add(job_id)
        logger.exception("Job %s could not take its step; it is tried again within a minute.", job_id)


def _is_due(job_id: str, tally: Tally) -> bool:
    return job_id not in tally.raised and Job.objects.due().filter(pk=job_id).exists()


def _due_soon(seconds: float, tally: Tally) -> bool:
    soon = now() + dt.timedelta(seconds=max(seconds, 0))
    return Job.objects.due(soon).exclude(pk__in=tally.raised).exists()


def _create_for(book: Book, operation: Operation) -> int:
    given_up = Q(state=PageState.FAILED) | Q(state=PageState.SKIPPED, reason="cancelled")
    tried = JobPage.objects.filter(given_up, page=OuterRef("pk"), type=operation.type)
    pages = (
        Page.objects.filter(book=book)
        .needing(operation.kind, _target(book, operation))
        .filter(~Exists(tried))
    )
    ids = list(pages.values_list("pk", flat=True))
    return int(bool(ids) and _create(NewJob(type=operation.type, page_ids=ids, book_id=book.pk)))


def _target(book: Book, operation: Operation) -> str:
    return operation.target_of(Order(type=operation.type, target_language=book.target_language))


def _create(new: NewJob) -> bool:
    try:
        created = create(new, SCHEDULE)
    except LifecycleError as error:
        logger.info("No %s job for book %s: %s", new.type, new.book_id, error.sentence)
        return False
    return created.created
