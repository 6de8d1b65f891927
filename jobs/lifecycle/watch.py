"""Batches that no step of a live job looks after: released by a reset or cancel, or of a paused job.

They are watched to their end. Late results are taken where the page still needs them and refused otherwise.
"""

import datetime as dt
import logging
from collections.abc import Iterator

from django.db.models import Q, QuerySet

from jobs import gemini
from jobs.lifecycle.common import Actor, Busy, Held, LostLease, Unavailable, lease
from jobs.lifecycle.finish import tidy
from jobs.lifecycle.poll import clean, poll
from jobs.lifecycle.polling import schedule_poll
from jobs.lifecycle.submit import adopt, drop_intent, look_for
from jobs.models import BatchPreparation, GeminiBatch, Stage, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic

logger = logging.getLogger(__name__)


def unattended(moment: dt.datetime | None = None) -> QuerySet[GeminiBatch]:
    """Batches due for a look that `advance` does not take: released, of a paused job, or only to be tidied."""
    sent = Q(stage__in=[Stage.OPEN, Stage.ENDED]) | Q(stage=Stage.INTENT, create_called_at__isnull=False)
    forlorn = Q(released_at__isnull=False) | Q(job__status=Status.PAUSED)
    due = Q(next_poll_at__isnull=True) | Q(next_poll_at__lte=moment or now())
    return GeminiBatch.objects.filter(due & ((sent & forlorn) | Q(stage=Stage.COLLECTED))).order_by("id")


def watch(actor: Actor) -> int:
    """Look at every unattended batch that is due; returns how many ended. One that fails does not stop the others."""
    ended = 0
    for batch in list(_due()):
        try:
            with lease(batch.job_id, actor) as held:
                # Another watch may have dealt with it since it was found: only what is read under the lease counts.
                if mine := unattended().filter(pk=batch.pk).first():
                    ended += _look(held, mine)
        except (Busy, LostLease):
            continue
        except (gemini.GeminiError, Unavailable) as failing:
            logger.warning("Batch %s could not be looked at: %s", batch, failing.sentence)
            schedule_poll(batch)
        except Exception:
            # Whatever it is, the results of the others must not run out of time behind it.
            logger.exception("Batch %s could not be looked at; that is tried again later.", batch)
            schedule_poll(batch)
    return ended


def _due() -> Iterator[GeminiBatch]:
    return unattended().select_related("job").iterator()


def _look(held: Held, batch: GeminiBatch) -> bool:
    if batch.stage == Stage.INTENT and not _found(held, batch):
        _forget_preparations(held)
        return batch.stage != Stage.INTENT
    if batch.stage in (Stage.OPEN, Stage.ENDED) and not poll(held, batch):
        return False
    batch.refresh_from_db()
    # Before the batch is closed: after that nobody looks at it any more, should this be interrupted.
    _forget_preparations(held)
    tidy(held.job)
    if batch.key_fingerprint != gemini.fingerprint():
        # Its files can only be deleted with its own key; without one they vanish by themselves after two days.
        schedule_poll(batch)
        return False
    clean(batch)
    return True


def _found(held: Held, batch: GeminiBatch) -> bool:
    """An intent whose `create` was never answered: known at Gemini from now on, or proved never to be."""
    found = look_for(batch)
    if found is None:
        if batch.released_at is not None:
            with atomic():
                drop_intent(held, batch, "Gemini never had this batch.")
        return False
    if batch.released_at is None:
        adopt(held, batch, found)
        return True
    with atomic():
        held.touch()
        batch.name, batch.state, batch.stage, batch.submitted_at = found.name, found.state, Stage.OPEN, now()
        batch.save(update_fields=["name", "state", "stage", "submitted_at"])
    return True


def _forget_preparations(held: Held) -> None:
    if held.job.is_ended and not held.job.batches.unfinished().exists():
        BatchPreparation.objects.filter(job=held.job).delete()
