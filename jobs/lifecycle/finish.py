"""The end of a job: every page accounted for, preparations gone, one sentence that says how it went."""

from django.conf import settings

from jobs.lifecycle import segments
from jobs.lifecycle.common import Figures, Held, note
from jobs.models import BatchPreparation, Job, JobPage, PageState, Phase, Status
from sourcebatch.lib.clock import now


def settle_phase(held: Held, present: Figures) -> None:
    """After a change of the ledger: the phase that the pages call for, or the end. Call inside the transaction."""
    if held.job.is_ended:
        # Late results of a cancelled job change its ledger, not its end.
        return
    if present.open == 0:
        finish(held, present)
    else:
        held.touch(batch_phase=phase_of(present))


def phase_of(present: Figures) -> str:
    """What a live job with these pages is doing."""
    if present.waiting:
        return Phase.PREPARING
    return Phase.SUBMITTING if present.prepared else Phase.SUBMITTED


def finish(held: Held, present: Figures) -> None:
    """Close the job: completed, or failed when not one page succeeded and some failed."""
    job = held.job
    failed = present.failed > 0 and present.succeeded == 0
    held.touch(
        status=Status.FAILED if failed else Status.COMPLETED,
        batch_phase=Phase.COMPLETED,
        error=_failure(job, present) if failed else "",
        waiting_for="",
        completed_at=now(),
    )
    BatchPreparation.objects.filter(job=job).delete()
    note(job, "finish", held.actor, message(job, present))


def tidy(job: Job) -> None:
    """Delete the segments of an ended job; after the commit, and again by the sweep if this is interrupted."""
    if job.is_ended:
        segments.remove(job.pk)


def message(job: Job, present: Figures) -> str:
    """How an ended job went, in the spec's words."""
    word = {Status.FAILED: "failed", Status.CANCELLED: "cancelled"}.get(Status(job.status), "completed")
    text = f"Batch job {word}: {present.succeeded} succeeded, {present.failed} failed"
    return text + (f", {present.skipped} skipped" if present.skipped else "")


def _failure(job: Job, present: Figures) -> str:
    reasons = JobPage.objects.filter(job=job, state=PageState.FAILED).exclude(error="").order_by("number")
    first = reasons.values_list("error", flat=True).first() or "no reason was recorded."
    if job.batches.filter(submitted_at__isnull=False).exists():
        return f"None of the {present.failed} pages sent to Gemini came back with a text: {first}"
    return f"No page could be prepared: {first}"


def after_failure(row: JobPage, *, retry: bool) -> bool:
    """Whether a page that did not succeed goes round again; attempts are counted at submission."""
    return retry and row.attempts < settings.MAX_ATTEMPTS
