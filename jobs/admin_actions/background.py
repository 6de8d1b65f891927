"""Long clicks: what would keep the browser waiting is handed to the worker, ids only, in chunks."""

from typing import Any

from django_q.tasks import async_task

from sourcebatch.lib.db import in_chunks as in_chunks

CHUNK = 100  # ids in one task


def later(function: str, *args: Any) -> None:
    """Queue a call of a function by its dotted name; arguments are ids and plain values."""
    async_task(function, *args, group="admin")
