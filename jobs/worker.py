"""django-q2's cluster, held so that it stops when told and never goes on half dead.

What goes wrong with a bare `qcluster`: SIGTERM to the whole process group (systemd and supervisors send it
so) kills its guard, and the main process waits for ever; a killed worker may take the queue's lock with it,
a killed monitor the results' lock, and the cluster goes on without doing anything. So the guard and its
children live in a session of their own that no group signal reaches, a child that dies by a signal ends the
whole cluster, and so does standing still. Nothing is lost by that: tasks hold ids only, and a job goes on
at its next step.

    manage.py worker (this process: signals, restart)
      Guard, leader of a session (django-q2's Sentinel: schedules, pool)
        workers, monitor, pusher
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import time
import uuid
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawValue
from typing import Any

from django_q.cluster import Sentinel

from sourcebatch.lib.stop import request_stop, stop_requested

RESTART_ME = 75  # EX_TEMPFAIL: what a supervisor takes as "start it again"
# The guard looks after its pool twice a second; a database may hold it up for 20 seconds.
SILENT_SECONDS = 120.0
STUCK_SECONDS = 60.0  # a queued task that no idle worker takes, a result that nobody saves
LONGEST_PAUSE = 30.0  # seconds between two starts of a cluster that does not hold

logger = logging.getLogger("jobs.worker")
_pulse = RawValue("d", 0.0)


class Flag:
    """An event without a lock, for the guard's loop: set when the parent was told to stop."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard

    def is_set(self) -> bool:
        self._guard.look()
        return stop_requested()

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return self.is_set()


class Started:
    """The event that says that the pool is there; only the guard itself asks."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


class Guard(Sentinel):  # type: ignore[misc]
    """django-q2's sentinel, which gives up where going on would mean doing nothing."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._since: dict[str, float] = {}
        super().__init__(Flag(self), Started(), uuid.uuid4())

    def reincarnate(self, process: Any) -> None:
        """Replace a worker that ended by itself or ran too long; after a kill locks may be lost: end all."""
        timed_out = process in self.pool and process.timer.get_obj().value == 0
        if process.exitcode is not None and process.exitcode < 0 and not timed_out:
            self._give_up(f"process {process.pid} was killed by signal {-process.exitcode}")
        super().reincarnate(process)

    def look(self) -> None:
        """Show that the guard is alive, and end when the parent is gone or nothing moves."""
        _pulse.value = time.monotonic()
        if os.getppid() != self._parent:
            os.killpg(0, signal.SIGKILL)
        idle = all(worker.timer.get_obj().value < 0 for worker in self.pool)
        self._must_not_last("no worker takes the next task", idle and _size(self.task_queue) > 0)
        self._must_not_last("the results are not saved", _size(self.result_queue) > 0)

    def _must_not_last(self, what: str, now: bool) -> None:
        if not now:
            self._since.pop(what, None)
        elif time.monotonic() - self._since.setdefault(what, time.monotonic()) > STUCK_SECONDS:
            self._give_up(what)

    def _give_up(self, why: str) -> None:
        logger.error("The worker's processes end and have to be started again: %s.", why)
        os._exit(RESTART_ME)


def _size(queue: Any) -> int:
    """Length of a queue, read without its lock, which may be lost."""
    return int(queue.size.count.get_obj().value)


def _guard(parent: int) -> None:
    os.setsid()
    Guard(parent)


def run(*, respawn: bool, grace: float) -> int:
    """Hold a cluster until SIGTERM or SIGINT; 0 then, RESTART_ME when it fell apart and `respawn` is off.

    `grace`: seconds that running tasks have to end their present step before they are killed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: request_stop())
    pause = 1.0
    while not stop_requested():
        started = time.monotonic()
        _hold(grace)
        if not respawn:
            break
        pause = 1.0 if time.monotonic() - started > 60 else min(pause * 2, LONGEST_PAUSE)
        _sleep(pause)
    return 0 if stop_requested() else RESTART_ME


def _hold(grace: float) -> None:
    """Start one cluster and wait for its end; whatever is left of it then is killed."""
    _pulse.value = time.monotonic()
    guard = multiprocessing.get_context("fork").Process(target=_guard, args=(os.getpid(),), name="guard")
    guard.start()
    last: float | None = None
    while guard.is_alive():
        guard.join(0.2)
        if stop_requested():
            last = last or time.monotonic() + grace
        if (last and time.monotonic() > last) or time.monotonic() - _pulse.value > SILENT_SECONDS:
            logger.error(
                "The worker's processes do not answer and are killed; their jobs go on at the next start."
            )
            break
    _kill(guard)


def _kill(guard: BaseProcess) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(guard.pid or 0, signal.SIGKILL)
    guard.kill()
    guard.join()


def _sleep(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop_requested():
        time.sleep(0.1)
