"""Reset: preparations go, the batches at Gemini are let go of, unfinished pages wait to be done from the start."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from jobs.lifecycle import segments
from jobs.lifecycle.common import Actor, Conflict, Held, note
from jobs.lifecycle.seize import cancel_at_gemini, let_go, seized
from jobs.lifecycle.signals import job_ready
from jobs.models import BatchPreparation, Job, JobPage, PageState, Phase, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, in_chunks


def reset(job_id: str, actor: Actor) -> str:
    """Start over with every page that has no text from this job; returns a sentence. Raises JobNotFound, Conflict."""
    with seized(job_id, actor) as held:
        with atomic():
            count = _restart(held)
            batches = let_go(held)
            BatchPreparation.objects.filter(job=held.job).delete()
            held.recount(**_FRESH, next_step_at=now())
            note(held.job, "reset", actor, f"{count} pages wait again")
        cancel_at_gemini(batches)
        segments.remove(job_id)
    job_ready.send(sender=Job, job_id=job_id)
    return f"The job was reset: {count} pages wait to be prepared again."


_FRESH = {
    "status": Status.PENDING, "batch_phase": Phase.PREPARING, "gemini_batch_job": "", "gemini_state": "",
    "error": "", "waiting_for": "", "started_at": None, "completed_at": None, "failures": 0,
}  # fmt: skip


def unfinished(job: Job) -> QuerySet[JobPage]:
    """Pages of a job that have neither a text nor a reason to be left out for good."""
    return job.ledger.filter(
        Q(is_open=True) | Q(state=PageState.FAILED) | Q(reason="cancelled", state=PageState.SKIPPED)
    )


def reopen(pages: QuerySet[JobPage]) -> int:
    """Put closed pages back to waiting, but for those that another live job has by now; returns how many."""
    rows = list(pages.values_list("pk", "page_id", "type"))
    return sum(_reopen(some) for some in in_chunks(rows))


def _reopen(rows: Sequence[tuple[str, str, str]]) -> int:
    """The same for some pages, given as ids of their rows and of themselves with the type of the job."""
    taken = set(
        JobPage.objects.filter(page_id__in=[page for _, page, _ in rows], is_open=True)
        .exclude(pk__in=[pk for pk, _, _ in rows]).values_list("page_id", "type")
    )  # fmt: skip
    free = [pk for pk, page, type_ in rows if (page, type_) not in taken]
    return JobPage.objects.filter(pk__in=free).update(
        state=PageState.WAITING,
        is_open=True,
        reason="",
        error="",
        answer="",
        attempts=0,
        not_before=None,
        updated_at=now(),
    )


def _restart(held: Held) -> int:
    rows = unfinished(held.job)
    if not rows.exists():
        raise Conflict("Every page of this job is done or left out for good: there is nothing to reset.")
    count = reopen(rows)
    if not count:
        raise Conflict(
            "Other jobs that are under way have all these pages: wait for them or cancel them first."
        )
    return count
