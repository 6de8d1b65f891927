"""One server process: it listens on loopback, says where, and ends cleanly when it is told to."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import AsyncIterator
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from localgemini import api, control, sample_images
from localgemini.config import Config
from localgemini.connections import Protocol
from localgemini.service import Service

SWITCH_INTERVAL = 0.001  # seconds: answers stay quick while a batch is being worked on


def app(config: Config) -> Starlette:
    """The ASGI application over a data directory; its threads live as long as its lifespan."""
    service = Service(config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    images = sample_images.routes(config.images) if config.images else []
    made = Starlette(routes=[*control.ROUTES, *images, *api.ROUTES], lifespan=lifespan)
    made.state.service = service
    return made


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Server(uvicorn.Server):
    """uvicorn's server that says its address once it hears signals, and ends with 0 after SIGTERM or SIGINT."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        print(self.address, flush=True)  # noqa: T201 - whoever started us reads it

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket on loopback; port 0 takes a free one. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT. The first line on stdout is the address."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    sock = listen(config.host, config.port)
    host = f"[{config.host}]" if ":" in config.host else config.host
    made = app(config)
    settings = uvicorn.Config(
        made, http=Protocol, ws="none", log_level="warning", access_log=False, proxy_headers=False,
        server_header=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    Server(settings, f"http://{host}:{sock.getsockname()[1]}").run(sockets=[sock])
