"""A library's image server on 127.0.0.1 that can be as nasty as the real ones: `origin` is its fixture.

Good pages are at `/page/7.jpg`; every path of `Origin.BAD` misbehaves in its own way. Requests are counted by
path. `origin.answers["/x"] = Answer(...)` adds a page of your own.
"""

import gzip
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from sourcebatch.lib.fetch import forget_hosts
from tests.support import pages

HTML = b"<!doctype html><html><body><h1>Error 503</h1><p>Our image service is down.</p></body></html>"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `headers` replace the usual ones, so a wrong Content-Length can be told."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def png_bomb(side: int = 30_000) -> bytes:
    """A PNG that announces side x side pixels, 900 million by default, and holds a few rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes(100 * (side + 1)), 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """A hundred thousand bytes that unpack to a hundred million."""
    return gzip.compress(bytes(100_000_000), 9)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: ClassVar["Origin"]

    def do_GET(self) -> None:
        self.origin.note(self)
        path = self.path.partition("?")[0]
        try:
            if path in self.origin.BAD:
                self.origin.BAD[path](self)
            else:
                self.send(self.origin.answer(path))
        except OSError:
            # The client had enough and hung up, as it should.
            self.close_connection = True

    def send(self, answer: Answer) -> None:
        headers = {"Content-Type": "image/jpeg", "Content-Length": str(len(answer.body))} | answer.headers
        self.send_response(answer.status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `origin.requests` instead."""


def _slow(handler: _Handler) -> None:
    """A byte every tenth of a second, for as long as anybody listens (at most 20 s)."""
    handler.send(Answer(headers={"Content-Length": "1000000"}))
    for _ in range(200):
        handler.wfile.write(b"\xff")
        handler.wfile.flush()
        if handler.origin.closing.wait(0.1):
            break
    handler.close_connection = True


def _slow_header(handler: _Handler) -> None:
    """A header line that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    for _ in range(200):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        if handler.origin.closing.wait(0.1):
            break
    handler.close_connection = True


def _cut_off(handler: _Handler) -> None:
    """Half of what was announced, then the connection is reset."""
    page = pages.printed(1)
    handler.send(Answer(page[: len(page) // 2], headers={"Content-Length": str(len(page))}))
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def _endless(handler: _Handler) -> None:
    """A chunked body without end."""
    handler.send(Answer(headers={"Transfer-Encoding": "chunked", "Content-Length": ""}))
    block = b"10000\r\n" + b"\xff" * 0x10000 + b"\r\n"
    while not handler.origin.closing.is_set():
        handler.wfile.write(block)


def _huge(handler: _Handler) -> None:
    """61 MB that say so."""
    size = 61_000_000
    handler.send(Answer(headers={"Content-Length": str(size)}))
    for _ in range(size // 1_000_000):
        handler.wfile.write(bytes(1_000_000))


def _plain(**kwargs: Any) -> Callable[[_Handler], None]:
    return lambda handler: handler.send(Answer(**kwargs))


def _to(location: str) -> Callable[[_Handler], None]:
    return _plain(status=302, headers={"Location": location})


class Origin:
    """The running server."""

    BAD: ClassVar[dict[str, Callable[[_Handler], None]]] = {
        "/bad/401": _plain(status=401, body=b"login"),
        "/bad/403": _plain(status=403, body=b"no"),
        "/bad/404": _plain(status=404, body=b"nothing here"),
        "/bad/429": _plain(status=429, headers={"Retry-After": "1"}),
        "/bad/429-long": _plain(status=429, headers={"Retry-After": "3600"}),
        "/bad/500": _plain(status=500, body=b"oops"),
        "/bad/503": _plain(status=503, headers={"Retry-After": "1"}),
        "/bad/slow": _slow,
        "/bad/slow-header": _slow_header,
        "/bad/cut-off": _cut_off,
        "/bad/endless": _endless,
        "/bad/huge": _huge,
        "/bad/loop": _to("/bad/loop"),
        "/bad/ping": _to("/bad/pong"),
        "/bad/pong": _to("/bad/ping"),
        "/bad/to-metadata": _to("http://169.254.169.254/latest/meta-data/"),
        "/bad/to-private": _to("http://10.0.0.1/"),
        "/bad/to-file": _to("file:///etc/passwd"),
        "/bad/gzip-bomb": lambda handler: handler.send(
            Answer(gzip_bomb(), headers={"Content-Encoding": "gzip"})
        ),
        "/bad/png-bomb": lambda handler: handler.send(
            Answer(png_bomb(), headers={"Content-Type": "image/png"})
        ),
        "/bad/20000px": lambda handler: handler.send(
            Answer(png_bomb(20_000), headers={"Content-Type": "image/png"})
        ),
        "/bad/html": _plain(body=HTML),
        "/bad/empty": _plain(body=b""),
        "/bad/too-short": lambda handler: handler.send(Answer(pages.printed(1)[:-2000])),
        "/bad/tiny": lambda handler: handler.send(Answer(pages.printed(1, 80, 100))),
    }

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.times: list[tuple[float, str]] = []
        self.delay = 0.0
        self.most_at_once = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._now = 0
        handler = type("Handler", (_Handler,), {"origin": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def page(self, number: int) -> str:
        """The address of a good page."""
        return f"{self.url}/page/{number}.jpg"

    def note(self, handler: _Handler) -> None:
        """Remember a request."""
        with self._lock:
            self.requests[handler.path] += 1
            self.headers[handler.path] = dict(handler.headers.items())
            self.times.append((time.monotonic(), handler.path))

    def answer(self, path: str) -> Answer:
        """A given answer, a good page, or 404."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self.closing.wait(self.delay)
            return self._answer(path)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, path: str) -> Answer:
        if path in self.answers:
            return self.answers[path]
        name = path.removeprefix("/page/").removesuffix(".jpg")
        if name.isdecimal():
            return Answer(pages.printed(int(name)))
        return Answer(b"not here", status=404)

    def stop(self) -> None:
        """End the server and whoever drips."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in mid-answer is what these tests are about."""


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A fresh image server for one test."""
    forget_hosts()
    server = Origin()
    yield server
    server.stop()
