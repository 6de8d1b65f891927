"""Taking a job over at once, for verbs that must work now: whoever is working on it writes nothing more."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import IntegrityError

from jobs import gemini
from jobs.lifecycle import spending
from jobs.lifecycle.common import Actor, Conflict, Held, LostLease, find_job
from jobs.models import GeminiBatch, Job, Stage
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import races
from sourcebatch.lib.ids import new_id


@contextmanager
def seized(job_id: str, actor: Actor) -> Iterator[Held]:
    """Hold a job whoever held it before. Raises JobNotFound, and Conflict when somebody seizes it in turn."""
    find_job(job_id)
    owner = new_id()
    until = now() + dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
    Job.objects.filter(pk=job_id).update(lease_owner=owner, lease_until=until)
    try:
        yield Held(find_job(job_id), owner, actor, until)
    except IntegrityError:
        raise Conflict(
            "Another job took some of these pages at the same moment: look at the jobs and try again."
        ) from None
    except (LostLease, races()):
        raise Conflict("Somebody else changed this job at the same moment: look at it again.") from None
    finally:
        Job.objects.filter(pk=job_id, lease_owner=owner).update(lease_owner="", lease_until=None)


def let_go(held: Held) -> list[GeminiBatch]:
    """Release all batches of a job, inside the transaction of the verb; returns those to be cancelled at Gemini.

    An intent that was never sent ends here and its money is free; one that may have been sent is watched like the rest.
    """
    batches = list(held.job.batches.unfinished().held())
    for batch in batches:
        batch.released_at = batch.next_poll_at = now()
        if batch.stage == Stage.INTENT and batch.create_called_at is None:
            batch.stage = Stage.COLLECTED if batch.request_file else Stage.CLOSED
            spending.settle(gemini.Reservation(batch.reserved_micro_usd, batch.reserved_on), 0)
            batch.reserved_micro_usd, batch.reserved_on = 0, ""
        batch.save(
            update_fields=["released_at", "next_poll_at", "stage", "reserved_micro_usd", "reserved_on"]
        )  # fmt: skip
    return [batch for batch in batches if batch.stage == Stage.OPEN]


def cancel_at_gemini(batches: list[GeminiBatch]) -> bool:
    """Ask Gemini to stop them; False when that did not work for all, the watch over released batches asks again."""
    try:
        for batch in batches:
            if batch.key_fingerprint == gemini.fingerprint():
                gemini.cancel_batch(batch.name)
    except gemini.GeminiError:
        return False
    return True
