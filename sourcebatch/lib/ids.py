"""Ids of our own: the same on every database, opaque to callers, ordered by the time they were made."""

import datetime as dt
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(moment: dt.datetime | None = None) -> str:
    """26 characters of base 32: 48 bits of Unix time in milliseconds (of now, or `moment`), then 80 random bits."""
    seconds = moment.timestamp() if moment else time.time()
    return _spell((max(0, int(seconds * 1000)) << 80) | secrets.randbits(80))


def first_id(moment: dt.datetime) -> str:
    """The smallest id that could have been made at `moment`: a range of time is a range of primary keys."""
    return _spell(int(moment.timestamp() * 1000) << 80)


def _spell(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
