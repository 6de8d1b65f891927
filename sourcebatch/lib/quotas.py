"""Limits that differ by name: `3000000, *-lite=10000000` is a number for all, and one for names of that shape."""

from fnmatch import fnmatchcase
from functools import lru_cache
from math import nan

from django.core.exceptions import ImproperlyConfigured


def limit_for(setting: str | int, name: str) -> int:
    """The number for this name: that of the first shape that fits, else the one for all; 0 means that none is known.

    Raises ImproperlyConfigured for what is no such list.
    """
    shapes, for_all = parsed(str(setting))
    return next((number for shape, number in shapes if fnmatchcase(name, shape)), for_all)


@lru_cache(maxsize=64)
def parsed(setting: str) -> tuple[tuple[tuple[str, int], ...], int]:
    """Shapes with their numbers in the order given, and the number for all others."""
    shapes, for_all = [], 0
    for entry in filter(None, map(str.strip, setting.split(","))):
        shape, _, number = entry.rpartition("=")
        if not number.strip().isdecimal():
            raise ImproperlyConfigured(
                f"{entry!r} is no limit: write a number, or `3000000, *-lite=10000000`."
            )
        if shape:
            shapes.append((shape.strip(), int(number)))
        else:
            for_all = int(number)
    return tuple(shapes), for_all


def dollars(setting: str) -> float | None:
    """US dollars; None for nothing, which is no limit; NaN for what is no number, which the system checks refuse."""
    if not setting.strip():
        return None
    try:
        return float(setting)
    except ValueError:
        return nan
