"""Manners of a whole machine: web servers and workers are several processes, a library sees one visitor.

Where a host gets one request at a time, its turn is a lock on a small file in DATA_DIR, which also tells when the
next request may start.
"""

import fcntl
import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from sourcebatch.lib.fetch.hosts import HostBusy, Manners
from sourcebatch.lib.fetch.urls import Place

LOOK_AGAIN = 0.05
logger = logging.getLogger(__name__)


@contextmanager
def machine_turn(place: Place, manners: Manners, patience: float) -> Iterator[None]:
    """Hold this machine's turn at a host. Waits at most `patience` seconds, then raises HostBusy."""
    file = _opened(place) if manners.at_once == 1 else None
    if file is None:
        yield
        return
    # Closing the file gives the lock back, also when the process dies.
    with file:
        _lock(file, time.monotonic() + patience)
        time.sleep(_pause(file, manners.interval))
        file.truncate(0)
        file.write(f"{time.time():.3f}".encode())
        file.flush()
        yield


def _opened(place: Place) -> BinaryIO | None:
    """The host's file; without it each process is polite for itself."""
    folder = Path(settings.DATA_DIR) / "fetch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / hashlib.sha256(place.name.encode()).hexdigest()[:32]).open("a+b")
    except OSError as error:
        logger.warning("Cannot share turns between processes in %s: %s", folder, error)
        return None


def _lock(file: BinaryIO, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise HostBusy from None
            time.sleep(LOOK_AGAIN)
        else:
            return


def _pause(file: BinaryIO, interval: float) -> float:
    """Seconds until the next request may start, by the wall clock, which all processes share."""
    file.seek(0)
    told = file.read(32)
    try:
        left = float(told) + interval - time.time() if told else 0.0
    except ValueError:
        return interval
    # A clock that was set back must not stop us for hours.
    return min(max(left, 0.0), interval)
