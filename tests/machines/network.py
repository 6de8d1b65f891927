"""A machine of its own by Linux's means: a network namespace, one cable to it that can be pulled, and relays.

All servers stay on 127.0.0.1. The relays listen at the host's end of the cable, which leads nowhere else.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HERE, THERE = "10.213.7.1", "10.213.7.2"


def impossible() -> str:
    """Why there can be no namespace here; empty when there can."""
    if os.geteuid() != 0:
        return "only root can make a network namespace"
    return "" if shutil.which("ip") else "there is no program ip (apt-get install iproute2)"


class Cable:
    """The connection to one namespace."""

    def __init__(self) -> None:
        self.namespace = f"sb{os.getpid() % 100_000}"
        self.end = f"{self.namespace}a"

    def lay(self) -> None:
        other = f"{self.namespace}b"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self.end, "type", "veth", "peer", "name", other)
        _ip("link", "set", other, "netns", self.namespace)
        _ip("addr", "add", f"{HERE}/30", "dev", self.end)
        _ip("link", "set", self.end, "up")
        inside = (("addr", "add", f"{THERE}/30", "dev", other), ("link", "set", other, "up"))
        for words in (*inside, ("link", "set", "lo", "up")):
            _ip("-n", self.namespace, *words)

    def pull(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        _ip("link", "set", self.end, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.end, "up")

    def remove(self) -> None:
        for words in (("link", "del", self.end), ("netns", "del", self.namespace)):
            with suppress(subprocess.CalledProcessError):
                _ip(*words)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def cable() -> Iterator[Cable]:
    """A namespace and its cable, gone at the end."""
    made = Cable()
    try:
        made.lay()
        yield made
    finally:
        made.remove()


class Relay:
    """Passes connections to its port at the cable's end on to a port of 127.0.0.1; counts the bytes that came in."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server((HERE, 0))
        self._open: list[socket.socket] = []
        self.received = 0
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._server.accept()
                outer = socket.create_connection(("127.0.0.1", self._target))
                self._open += [inner, outer]
                for one, other, counts in ((inner, outer, True), (outer, inner, False)):
                    threading.Thread(target=self._pass, args=(one, other, counts), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(65536):
                self.received += len(piece) if counts else 0
                other.sendall(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in (self._server, *self._open):
            one.close()
