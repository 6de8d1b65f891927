"""Long clicks: what would keep the browser waiting is handed to the worker, ids only, in chunks."""

from collections.abc import Iterator, Sequence
from typing import Any

from django_q.tasks import async_task

CHUNK = 100


def in_chunks(ids: Sequence[str], size: int = CHUNK) -> Iterator[list[str]]:
    """The ids in lists of at most `size`."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def later(function: str, *args: Any) -> None:
    """Queue a call of a function by its dotted name; arguments are ids and plain values."""
    async_task(function, *args, group="admin")
