"""What the verbs share: who acts, what can go wrong, the lease, the ledger's figures."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE
from django.db.models import Count

from jobs.lifecycle import failures
from jobs.models import Job, JobEvent, JobPage
from jobs.operations.base import Order
from sourcebatch.lib import adminlog
from sourcebatch.lib.adminlog import Actor as Actor
from sourcebatch.lib.clock import now
from sourcebatch.lib.ids import new_id

# What Django's log says of each event; the job's own page has its words for them.
LOGGED = {
    "create": "Created", "submit": "Sent", "ended": "Batch ended", "gone": "Batch gone", "finish": "Finished",
    "pause": "Paused", "resume": "Resumed", "retry": "Retried", "reset": "Reset", "cancel": "Cancelled",
}  # fmt: skip


class LifecycleError(Exception):
    """Something a person should read: one sentence that says what happened and what to do."""

    def __init__(self, sentence: str, **detail: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


class JobNotFound(LifecycleError):
    """There is no such job (404)."""


class BadOrder(LifecycleError):
    """What was asked for makes no sense (400); `detail["errors"]` maps fields to sentences."""


class Conflict(LifecycleError):
    """The job's state does not allow that verb now (409)."""


class NothingToDo(LifecycleError):
    """No page is left to work on (409); `detail["skipped"]` lists each page with its reason."""


class Unavailable(LifecycleError):
    """Gemini or the network is failing for now (503); `retry_after` in seconds. The job keeps its state."""

    def __init__(self, sentence: str, retry_after: float = 60, **detail: Any) -> None:
        super().__init__(sentence, **detail)
        self.retry_after = retry_after


class Queued(Unavailable):
    """Nothing is wrong, but it is not this job's turn yet: `retry_after` in seconds."""


class Busy(Exception):
    """Somebody else holds the job's lease."""


class LostLease(Exception):
    """This worker was too slow and another has taken over: what it was about to write must not be written."""


def find_job(job_id: str) -> Job:
    """The job of that id; raises JobNotFound."""
    job = Job.objects.filter(pk=job_id).select_related("book").first()
    if job is None:
        raise JobNotFound(f"There is no job {job_id!r}: look at /api/jobs for those there are.")
    return job


def order_of(job: Job) -> Order:
    """What this job asks for each of its pages."""
    return Order(
        type=job.type, book_id=job.book_id, book_title=job.book.title, author=job.book.author, year=job.book.year,
        language=job.language, target_language=job.target_language, model=job.model, overwrite=job.overwrite,
    )  # fmt: skip


def note(job: Job, verb: str, actor: Actor, detail: str = "") -> None:
    """Write down who did what: among the job's events and in Django's log, one line for the whole job."""
    JobEvent.objects.create(job=job, verb=verb, actor=actor.name, via=actor.via, detail=detail)
    said = LOGGED.get(verb, verb.capitalize()) + (f": {detail}" if detail else "")
    adminlog.record(actor, [job], ADDITION if verb == "create" else CHANGE, said)


@dataclass(frozen=True)
class Figures:
    """The ledger's pages by state; `requested` is always the sum of the others."""

    waiting: int = 0
    prepared: int = 0
    submitted: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def requested(self) -> int:
        return self.open + self.succeeded + self.failed + self.skipped

    @property
    def open(self) -> int:
        return self.waiting + self.prepared + self.submitted

    def as_progress(self) -> dict[str, int]:
        """What is kept on the job for lists: the spec's total, completed, failed, and the rest."""
        return {
            "total": self.requested, "completed": self.succeeded, "failed": self.failed, "skipped": self.skipped,
            "open": self.open, "waiting": self.waiting, "prepared": self.prepared, "submitted": self.submitted,
        }  # fmt: skip


def figures(job_id: str) -> Figures:
    """Count the ledger of a job."""
    rows = JobPage.objects.filter(job_id=job_id).order_by().values("state").annotate(n=Count("pk"))
    return Figures(**{str(row["state"]): row["n"] for row in rows})


@dataclass
class Held:
    """A job under our lease. Every transaction that changes it starts with `touch`, so that a worker that lost its
    lease writes nothing."""

    job: Job
    owner: str
    actor: Actor
    until: dt.datetime = field(default_factory=now)

    def touch(self, **changes: Any) -> None:
        """Write `changes` to the job and renew the lease, if it is still ours. Raises LostLease."""
        self.until = now() + dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
        mine = Job.objects.filter(pk=self.job.pk, lease_owner=self.owner)
        if not mine.update(lease_until=self.until, updated_at=now(), **changes):
            raise LostLease(self.job.pk)
        for name, value in changes.items():
            setattr(self.job, name, value)

    def renew(self) -> None:
        """Renew the lease when a third of it is used up: called often from long work."""
        if self.until - now() < dt.timedelta(seconds=settings.JOB_LEASE_SECONDS * 2 / 3):
            self.touch()

    def recount(self, **changes: Any) -> Figures:
        """Keep the ledger's present figures on the job, and on its pages that they failed; call inside the
        transaction that changed the ledger, in which pages fail or are taken up again, not both."""
        present = figures(self.job.pk)
        if present.failed != self.job.progress.get("failed", 0):
            failures.judge(self.job.book_id)
        self.touch(progress=present.as_progress(), **changes)
        return present


@contextmanager
def lease(job_id: str, actor: Actor) -> Iterator[Held]:
    """Hold a job for one step. Raises Busy at once when somebody else does."""
    owner = new_id()
    until = now() + dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
    if not Job.objects.claim(job_id, owner, until):
        raise Busy(job_id)
    try:
        yield Held(find_job(job_id), owner, actor, until)
    finally:
        Job.objects.filter(pk=job_id, lease_owner=owner).update(lease_owner="", lease_until=None)
