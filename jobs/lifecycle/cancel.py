"""Cancel: no page is sent any more, Gemini is told, what Gemini answers all the same is not lost."""

from jobs.lifecycle import segments
from jobs.lifecycle.common import Actor, Conflict, note
from jobs.lifecycle.seize import cancel_at_gemini, let_go, seized
from jobs.models import BatchPreparation, PageState, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic


def cancel(job_id: str, actor: Actor) -> str:
    """End a live job; returns a sentence. Raises JobNotFound and Conflict."""
    with seized(job_id, actor) as held:
        if held.job.is_ended:
            raise Conflict(
                f"The job is {held.job.get_status_display().lower()} already: there is nothing to cancel."
            )
        with atomic():
            held.touch(status=Status.CANCELLED, completed_at=now(), waiting_for="")
            batches = let_go(held)
            count = held.job.ledger.open().update(
                state=PageState.SKIPPED, is_open=False, reason="cancelled", updated_at=now(),
                error="The job was cancelled before this page had an answer.",
            )  # fmt: skip
            held.recount()
            note(held.job, "cancel", actor, f"{count} pages had no answer yet")
            # Preparations of batches at Gemini stay until their end: late texts say what they were made from.
            if not held.job.batches.unfinished().exists():
                BatchPreparation.objects.filter(job=held.job).delete()
        told = cancel_at_gemini(batches)
        segments.remove(job_id)
    asked = " Gemini was asked to stop." if batches and told else ""
    return f"The job was cancelled; {count} of its pages had no answer yet.{asked}"
