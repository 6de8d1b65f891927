"""An end to every exchange: sockets are shut when its time is over, so that no slow drip can hold a thread.

Timeouts of the HTTP client count from byte to byte; a server that sends one byte a second never meets them.
"""

import contextlib
import os
import socket
import threading
import time
from types import TracebackType
from typing import Self

TICK = 0.1


class Deadline:
    """A context in which connections made or used by this thread end after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.expired = False
        self._descriptors: list[int] = []
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds until the end, never below a hundredth."""
        return max(self.ends - time.monotonic(), 0.01)

    def watch(self, sock: socket.socket) -> None:
        """Keep a second handle on this connection: the first may be wrapped for TLS or closed meanwhile."""
        with self._lock:
            self._descriptors.append(os.dup(sock.fileno()))

    def expire(self) -> None:
        """End all its connections now; whoever reads from them gets an end of file or an error."""
        with self._lock:
            self.expired = True
            for number in self._descriptors:
                _shut(number)

    def __enter__(self) -> Self:
        _of_thread.current = self
        _watchdog.add(self)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        _of_thread.current = None
        _watchdog.remove(self)
        with self._lock:
            while self._descriptors:
                os.close(self._descriptors.pop())


def watch(sock: socket.socket | None) -> None:
    """Put a connection under this thread's deadline, if there is one."""
    deadline: Deadline | None = getattr(_of_thread, "current", None)
    if deadline is not None and sock is not None:
        deadline.watch(sock)


def _shut(descriptor: int) -> None:
    """Shut a connection down by its descriptor, which stays ours to close."""
    sock = socket.socket(fileno=descriptor)
    try:
        # Already closed by the other side: there is nothing left to end.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    finally:
        sock.detach()


class _Watchdog:
    """One thread for all deadlines, started with the first one and asleep while there is none."""

    def __init__(self) -> None:
        self._active: set[Deadline] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._active.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="fetch-deadlines", daemon=True)
                self._thread.start()
            if len(self._active) == 1:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._active.discard(deadline)

    def _run(self) -> None:
        while True:
            for deadline in self._due():
                deadline.expire()
            time.sleep(TICK)

    def _due(self) -> list[Deadline]:
        """Those whose time is over; waits while nothing is watched."""
        with self._changed:
            while not self._active:
                self._changed.wait()
            now = time.monotonic()
            due = [deadline for deadline in self._active if deadline.ends <= now]
            self._active.difference_update(due)
            return due


def _start_afresh() -> None:
    """After a fork the child has neither the thread nor a right to the parent's connections."""
    global _watchdog, _of_thread
    _watchdog, _of_thread = _Watchdog(), threading.local()


_watchdog = _Watchdog()
_of_thread = threading.local()
os.register_at_fork(after_in_child=_start_afresh)
