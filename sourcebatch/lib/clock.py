"""The time as every database of ours can keep it: MongoDB stores milliseconds, so nothing finer is compared."""

import datetime as dt

from django.utils import timezone


def now() -> dt.datetime:
    """The present time in UTC, cut to the millisecond."""
    moment = timezone.now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: dt.datetime | None) -> str | None:
    """A time as the JSON API writes it, `2026-11-23T14:05:09.120Z`; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
