"""The open connections, so that one can be broken off: a lost reply is a closed socket, not a status code."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Address = tuple[str, int]
_open: dict[Address, asyncio.Transport] = {}


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that registers its transport under the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _open.pop(self.client, None)
        super().connection_lost(exc)


async def abort(scope: MutableMapping[str, Any]) -> None:
    """Break the connection at once; what was not sent yet is thrown away."""
    await _end(scope, "abort")


async def close(scope: MutableMapping[str, Any]) -> None:
    """Send what is buffered, then end the connection."""
    await _end(scope, "close")


async def _end(scope: MutableMapping[str, Any], how: str) -> None:
    address: Address = tuple(scope["client"])
    transport = _open.get(address)
    if transport is None:
        return
    getattr(transport, how)()
    while _open.get(address) is transport:
        await asyncio.sleep(0.005)
