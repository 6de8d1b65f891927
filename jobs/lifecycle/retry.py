"""Retry: the failed pages alone, in a new Gemini batch of the same job."""

from collections.abc import Sequence

from jobs.lifecycle.chunk import drop
from jobs.lifecycle.common import Actor, Conflict, note
from jobs.lifecycle.reset import reopen
from jobs.lifecycle.seize import seized
from jobs.lifecycle.signals import job_ready
from jobs.models import Job, Phase, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic


def retry(job_id: str, actor: Actor, page_ids: Sequence[str] | None = None) -> str:
    """Send the failed pages (or those of them that are named) again. Raises JobNotFound and Conflict."""
    with seized(job_id, actor) as held:
        job = held.job
        if job.status == Status.CANCELLED:
            raise Conflict("The job was cancelled: reset it to start over with its unfinished pages.")
        with atomic():
            failed = job.ledger.failed()
            if page_ids is not None:
                failed = failed.filter(page_id__in=list(page_ids))
            rows = list(failed.values_list("pk", flat=True))
            count = reopen(failed)
            if not count:
                raise Conflict(
                    "No page of this job has failed, so there is nothing to retry."
                    if not rows
                    else "Other jobs that are under way have these pages: wait for them or cancel them first."
                )
            drop(rows)
            status = Status.PAUSED if job.status == Status.PAUSED else Status.PROCESSING
            held.recount(
                status=status, batch_phase=Phase.PREPARING, error="", waiting_for="", completed_at=None,
                next_step_at=now(), failures=0,
            )  # fmt: skip
            note(job, "retry", actor, f"{count} pages")
    job_ready.send(sender=Job, job_id=job_id)
    return f"{count} failed pages are sent again."
