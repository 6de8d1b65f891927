"""When a batch is looked at again: an eighth of its age later, within POLL_FIRST_SECONDS and POLL_LAST_SECONDS.

So a batch that ends is found at most an eighth of its own duration late, with some thirty polls a day.
"""

import datetime as dt
import random

from django.conf import settings

from jobs.models import GeminiBatch
from sourcebatch.lib.clock import now

SHARE_OF_AGE = 1 / 8


def next_wait(age: float, first: float, last: float) -> float:
    """Seconds until a batch that was sent `age` seconds ago is looked at again; at least `first`, at most `last`."""
    return min(max(age * SHARE_OF_AGE, first), last)


def schedule_poll(batch: GeminiBatch) -> None:
    """Set and save the time of the next poll; a little jitter keeps many batches from being asked at once."""
    age = (now() - (batch.submitted_at or batch.created_at)).total_seconds()
    seconds = next_wait(age, settings.POLL_FIRST_SECONDS, settings.POLL_LAST_SECONDS)
    jitter = random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
    batch.next_poll_at = now() + dt.timedelta(seconds=seconds * jitter)
    batch.save(update_fields=["next_poll_at"])
