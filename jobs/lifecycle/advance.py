"""One bounded step of a job, whoever asks: what `POST /process`, the schedule, the command and the button all do.

A step first looks at the batches that are due and collects what has ended, then does one piece of work: prepare a
chunk, or send a batch. Its answer is the JSON of the contract.
"""

import datetime as dt
import errno
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from jobs import gemini
from jobs.lifecycle.common import (
    Actor,
    Busy,
    Figures,
    Held,
    LostLease,
    Queued,
    Unavailable,
    figures,
    find_job,
    lease,
)  # fmt: skip
from jobs.lifecycle.finish import message, settle_phase, tidy
from jobs.lifecycle.poll import clean, poll
from jobs.lifecycle.polling import schedule_poll
from jobs.lifecycle.prepare import go_alone, prepare
from jobs.lifecycle.spending import SpendingLimit
from jobs.lifecycle.submit import submit
from jobs.models import GeminiBatch, Job, Stage, Status
from sourcebatch.lib.clock import now, rfc3339
from sourcebatch.lib.db import atomic

LIMIT_PAUSE = dt.timedelta(minutes=15)
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Step:
    """The answer to one step: the JSON payload, whether the job has ended, whether another step has work now."""

    payload: dict[str, Any]
    more: bool = False

    @property
    def done(self) -> bool:
        return bool(self.payload["done"])


def advance(job_id: str, actor: Actor) -> Step:
    """Do one step. Raises JobNotFound, and Unavailable when Gemini is failing for now: the job keeps its state."""
    job = find_job(job_id)
    if job.is_ended:
        return _ended(job)
    if job.status == Status.PAUSED:
        return _paused(job)
    try:
        with lease(job_id, actor) as held:
            return _step(held)
    except (Busy, LostLease):
        job = find_job(job_id)
        return Step(_answer(job, **_counts(figures(job_id)), busy=True))


def _step(held: Held) -> Step:
    job = held.job
    if job.is_ended:
        return _ended(job)
    if job.status == Status.PAUSED:
        return _paused(job)
    if not _start(held):
        return _paused(find_job(job.pk))
    # Whatever it waited for, this step finds out anew.
    job.waiting_for = ""
    try:
        step = _work(held)
    except SpendingLimit as limit:
        return _queued(held, limit.sentence, LIMIT_PAUSE)
    except Queued as queued:
        pause = dt.timedelta(seconds=queued.retry_after)
        return _queued(held, queued.sentence, pause, **queued.detail)
    except (gemini.GeminiError, Unavailable) as failing:
        raise _unavailable(held, failing) from failing
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        sentence = "The disk that holds DATA_DIR is full: make room, the job goes on by itself."
        raise _unavailable(held, Unavailable(sentence)) from error
    held.touch(next_step_at=_next_step(job, step), failures=0, waiting_for=job.waiting_for)
    tidy(job)
    return step


def _start(held: Held) -> bool:
    """A pending job begins; False when it was paused at this very moment."""
    if held.job.status != Status.PENDING:
        return True
    started = Job.objects.filter(pk=held.job.pk, status=Status.PENDING)
    if not started.update(status=Status.PROCESSING, started_at=held.job.started_at or now()):
        return False
    held.job.status = Status.PROCESSING
    return True


def _work(held: Held) -> Step:
    job = held.job
    idle = _is_idle(figures(job.pk))
    failing = _poll_due(held, everything=idle)
    if job.is_ended:
        return _ended(job)
    if idle and failing:
        raise failing
    present = figures(job.pk)
    if not idle and present.waiting and not (present.prepared and go_alone(job)):
        return _prepared(held, prepare(held))
    if not idle and present.prepared:
        return _submitted(held, submit(held))
    # A crash may have come between the last page's end and the job's.
    with atomic():
        settle_phase(held, present)
    return _ended(job) if job.is_ended else _waiting(job)


def _is_idle(present: Figures) -> bool:
    """Whether a job has nothing to do but to wait for Gemini."""
    return not (present.waiting or present.prepared)


def _poll_due(held: Held, *, everything: bool) -> gemini.GeminiError | None:
    """Look at this job's batches whose time has come, or at all of them when there is nothing else to do.

    One that cannot be looked at must not keep the others from being collected in time: the first error is returned.
    """
    batches = held.job.batches.held().filter(stage__in=[Stage.OPEN, Stage.ENDED])
    if not everything:
        batches = batches.filter(next_poll_at__lte=now())
    failing: gemini.GeminiError | None = None
    for batch in batches.order_by("id"):
        try:
            if poll(held, batch):
                clean_quietly(batch)
        except gemini.GeminiError as error:
            failing = failing or error
            schedule_poll(batch)
    return failing


def clean_quietly(batch: GeminiBatch) -> None:
    """Delete the files of a collected batch; when that fails the sweep does it, the results are safe already."""
    batch.refresh_from_db(fields=["stage"])
    if batch.stage != Stage.COLLECTED:
        return
    try:
        clean(batch)
    except gemini.GeminiError as error:
        batch.error = f"Its files could not be deleted yet: {error.sentence}"
        batch.save(update_fields=["error"])


# --- Answers -----------------------------------------------------------------------------------------------------


def _answer(job: Job, **parts: Any) -> dict[str, Any]:
    return {"job_id": job.pk, "status": job.status, "done": False, **parts}


def _counts(present: Figures) -> dict[str, int]:
    return {
        "prepared": present.prepared + present.submitted + present.succeeded,
        "failed": present.failed,
        "remaining": present.waiting,
        "skipped": present.skipped,
    }


def _ended(job: Job) -> Step:
    said = message(job, figures(job.pk))
    if job.status == Status.FAILED:
        return Step(_answer(job, done=True, error=job.error or said, message=said))
    return Step(_answer(job, done=True, message=said))


def _paused(job: Job) -> Step:
    return Step(_answer(job, paused=True, **_counts(figures(job.pk))))


def _prepared(held: Held, present: Figures) -> Step:
    if held.job.is_ended:
        return _ended(held.job)
    return Step(_answer(held.job, phase="preparing", **_counts(present), **{"continue": True}), more=True)


def _submitted(held: Held, batch: GeminiBatch | None) -> Step:
    job = held.job
    if job.is_ended:
        return _ended(job)
    present = figures(job.pk)
    if batch is None or present.waiting or present.prepared:
        # Part of a large job is on its way, or pages must be prepared again: another step goes on.
        phase = "preparing" if present.waiting else "submitting"
        parts: dict[str, Any] = {"phase": phase, **_counts(present), "continue": True}
        return Step(_answer(job, **parts, pages_submitted=present.submitted), more=True)
    parts = {
        "phase": "submitted", "gemini_job": batch.name, "gemini_state": batch.state,
        "pages_submitted": present.submitted, "pages_failed": present.failed, "pages_skipped": present.skipped,
    }  # fmt: skip
    return Step(_answer(job, **parts))


def _waiting(job: Job) -> Step:
    present = figures(job.pk)
    if present.waiting or present.prepared:
        phase = "preparing" if present.waiting else "submitting"
        return Step(_answer(job, phase=phase, **_counts(present), **{"continue": True}), more=True)
    before = (
        job.batches.held().filter(collect_before__isnull=False, stage=Stage.ENDED).order_by("collect_before")
    )
    parts: dict[str, Any] = {
        "gemini_job": job.gemini_batch_job,
        "gemini_state": job.gemini_state,
        "collect_before": rfc3339(before.values_list("collect_before", flat=True).first()),
        "pages_submitted": present.submitted,
    }
    if job.waiting_for:
        parts["waiting"] = job.waiting_for
    return Step(_answer(job, **parts))


def _queued(held: Held, why: str, pause: dt.timedelta, **wanted: int) -> Step:
    """Nothing is wrong, but the job must wait: for money, or for its turn, by what its next batch takes."""
    polls = _next_poll(held.job)
    again = min(now() + pause, polls) if polls else now() + pause
    held.touch(waiting_for=why, next_step_at=again, failures=0, **wanted)
    return Step(_answer(held.job, **_counts(figures(held.job.pk)), waiting=why))


# --- When next -----------------------------------------------------------------------------------------------------


def _next_step(job: Job, step: Step) -> dt.datetime:
    if step.more:
        return now()
    return _next_poll(job) or now()


def _next_poll(job: Job) -> dt.datetime | None:
    polls = job.batches.held().filter(stage__in=[Stage.OPEN, Stage.ENDED], next_poll_at__isnull=False)
    return polls.order_by("next_poll_at").values_list("next_poll_at", flat=True).first()


def _unavailable(held: Held, failing: gemini.GeminiError | Unavailable) -> Unavailable:
    """Note on the job why it waits and until when; the same failure again waits longer."""
    job = held.job
    backoff = max(1.0, min(5.0 * 2 ** min(job.failures, 10), settings.POLL_LAST_SECONDS))
    wait = max(
        failing.retry_after if isinstance(failing, gemini.QuotaExceeded | Unavailable) else 0.0, backoff
    )
    held.touch(
        waiting_for=failing.sentence,
        failures=job.failures + 1,
        next_step_at=now() + dt.timedelta(seconds=wait),
    )
    payload = _answer(job, error=failing.sentence, retryable=True)
    return Unavailable(failing.sentence, retry_after=wait, payload=payload)
