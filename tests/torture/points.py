"""Every moment at which a worker may die, found from outside: around commits, HTTP calls and flushes to disk.

`install` wraps Django's database cursor and commits, the sockets, the HTTP transports and fsync. In a first run
the points are counted and named; in later ones the process kills itself with SIGKILL at the n-th.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WRITES = ("INSERT", "UPDATE", "DELETE")


class Points:
    """Counts the points of one process; `kill_at` is the number of the one it does not survive."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.names: list[str] = []
        self._lock = threading.Lock()
        self._aside = threading.local()

    def reach(self, name: str) -> None:
        """One more point is reached, perhaps the last."""
        if getattr(self._aside, "on", False):
            return
        with self._lock:
            self.names.append(name)
            if len(self.names) == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What the harness itself does is no point of the product's."""
        self._aside.on = True
        try:
            yield
        finally:
            self._aside.on = False

    def around(self, name: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a point before and one after it; `name` gets its arguments, "" is no point."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            said = name(*args, **kwargs)
            if said:
                self.reach(f"before {said}")
            found = function(*args, **kwargs)
            if said:
                self.reach(f"after {said}")
            return found

        return wrapped


def install(points: Points) -> None:
    """Wrap everything through which this process leaves a trace outside itself."""
    _databases(points)
    _http(points)
    _disk(points)


def _databases(points: Points) -> None:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

    BaseDatabaseWrapper.commit = points.around(lambda self: "commit", BaseDatabaseWrapper.commit)  # type: ignore[method-assign]
    for name in ("execute", "executemany"):
        setattr(CursorWrapper, name, points.around(_autocommitted, getattr(CursorWrapper, name)))


def _autocommitted(cursor: Any, sql: str, *args: Any) -> str:
    """A write outside a transaction is a commit of its own."""
    if cursor.db.in_atomic_block or not sql.lstrip().upper().startswith(WRITES):
        return ""
    return " ".join(sql.split()[:3])


def _http(points: Points) -> None:
    import httpx2
    import urllib3

    httpx2.HTTPTransport.handle_request = points.around(  # type: ignore[method-assign]
        lambda self, request: f"{request.method} {_kind(str(request.url.path))}",
        httpx2.HTTPTransport.handle_request,
    )
    urllib3.HTTPConnectionPool.urlopen = points.around(  # type: ignore[method-assign]
        lambda self, method, url, *args, **kwargs: f"{method} image", urllib3.HTTPConnectionPool.urlopen
    )
    for name in ("send", "sendall"):
        setattr(socket.socket, name, _sent(points, getattr(socket.socket, name)))


def _sent(points: Points, function: Callable[..., Any]) -> Callable[..., Any]:
    """A request is on its way and nobody will hear the answer."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        points.reach("request sent")
        return found

    return wrapped


def _kind(path: str) -> str:
    """What an address of Gemini's is about, without names."""
    last = path.rsplit("/", 1)[-1]
    return last.split(":")[-1] if ":" in last else path.strip("/").split("/")[-2]


def _disk(points: Points) -> None:
    os.fsync = points.around(lambda *args: "fsync", os.fsync)
    os.replace = points.around(lambda *args: "rename", os.replace)
