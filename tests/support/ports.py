"""Ports for servers that cannot be told to take a free one and say which."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A free port that nobody else is given until the end, though a server may listen there.

    A port that is only looked up and let go may be another process's by the time the server starts.
    """
    with socket.socket() as kept:
        kept.bind((host, 0))
        # After the bind: servers, which all set this, may share the number; who asks for any free one does not get it.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield int(kept.getsockname()[1])
