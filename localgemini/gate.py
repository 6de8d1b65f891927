"""What every Google call passes: the key, the faults, the journal."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from localgemini import connections
from localgemini.config import INLINE_LIMIT
from localgemini.errors import BadRequest, GoogleError, invalid_key, key_in_url, no_key, retry_info
from localgemini.journal import Entry
from localgemini.service import Service
from localgemini.store import fingerprint

log = logging.getLogger("localgemini")
SELF_AUTHENTICATING = {"upload_chunk", "upload_finalize", "upload_query", "upload_cancel"}
TOO_LARGE = f"Request payload size exceeds the limit: {INLINE_LIMIT} bytes."


@dataclass
class Call:
    """A request on its way through a handler: who asks, what about, and what went into the journal."""

    request: Request
    service: Service
    endpoint: str
    owner: str
    entry: Entry
    faults: list[dict[str, Any]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return str(self.request.base_url).rstrip("/")

    @property
    def cut_after(self) -> int | None:
        """Bytes after which the connection is to break, if a fault says so."""
        return next((fault.get("bytes", 0) for fault in self.faults if fault["do"] == "cut"), None)

    async def json(self) -> Any:
        """The body. Raises BadRequest when it is too large or not JSON."""
        if (self.number("content-length") or 0) > INLINE_LIMIT:
            raise BadRequest(TOO_LARGE)
        body = await self.request.body()
        if len(body) > INLINE_LIMIT:
            raise BadRequest(TOO_LARGE)
        try:
            return json.loads(body or b"{}")
        except ValueError:
            raise BadRequest("Invalid JSON payload received. Unexpected token.") from None

    def number(self, header: str) -> int | None:
        """A header that holds a number of bytes. Raises BadRequest when it holds anything else."""
        value = self.request.headers.get(header)
        if value is not None and not value.isdigit():
            raise BadRequest(f"The header {header} must be a number of bytes.")
        return int(value) if value else None

    async def hang_up(self, outcome: str) -> None:
        """Break the connection off, with the journal written before anybody can notice."""
        self.entry.outcome = outcome
        self.entry.write(self.service.store)
        await connections.abort(self.request.scope)

    def note(self, **facts: Any) -> None:
        """Add to the journal what this request is about."""
        self.entry.facts.update({name: value for name, value in facts.items() if value is not None})


Handler = Callable[[Call], Awaitable[Response]]


def guarded(
    endpoint: str | Callable[[Request], str], handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    """The handler behind the gate. `endpoint` is its name in faults and journal."""

    async def passed(request: Request) -> Response:
        name = endpoint if isinstance(endpoint, str) else endpoint(request)
        size = int(request.headers.get("content-length") or 0)
        entry = Entry(request.method, request.url.path, name, size)
        service: Service = request.app.state.service
        try:
            return await _pass(Call(request, service, name, "", entry), handler)
        except ClientDisconnect:
            entry.outcome = "client_left"
            return Response(status_code=499)
        finally:
            entry.write(service.store)

    return passed


async def _pass(call: Call, handler: Handler) -> Response:
    try:
        call.owner = _owner(call)
        call.entry.owner = call.owner
        call.faults = call.service.faults.at_endpoint(call.endpoint, await _facts(call))
        if not await _let_through(call):
            return await _silence(call, "dropped")
        response = await handler(call)
    except GoogleError as error:
        response = refusal(error, call.endpoint)
    except ClientDisconnect:
        raise
    except Exception:
        log.exception("%s %s", call.endpoint, call.request.url.path)
        response = refusal(GoogleError(500, "An internal error has occurred. See the server's log."))
    if any(fault["do"] == "lose_reply" for fault in call.faults):
        return await _silence(call, "reply_lost")
    if garbled := next((fault for fault in call.faults if fault["do"] == "garble"), None):
        response = Response(str(garbled.get("body", "")), media_type="application/json")
        call.entry.outcome = "garbled"
    call.entry.status = response.status_code
    if call.cut_after is not None:
        call.entry.outcome = "cut"
    return response


def refusal(error: GoogleError, endpoint: str = "") -> Response:
    headers = {}
    if endpoint.startswith("upload_") and error.code < 500:
        headers["x-goog-upload-status"] = "final"
    return JSONResponse(error.body(), error.code, headers)


def _owner(call: Call) -> str:
    """The fingerprint of the caller's key. Raises GoogleError as Google does."""
    if "key" in call.request.query_params:
        raise key_in_url()
    if call.endpoint in SELF_AUTHENTICATING:
        return str(call.service.files.upload(call.request.query_params["upload_id"])["owner"])
    key = call.request.headers.get("x-goog-api-key", "")
    if not key:
        raise no_key()
    if not call.service.accepts(key):
        raise invalid_key()
    return fingerprint(key)


async def _facts(call: Call) -> dict[str, str]:
    """What a fault may be matched by."""
    params = call.request.path_params
    facts = {name: str(params[name]) for name in ("model",) if name in params}
    if "id" in params:
        facts["name"] = call.request.url.path.removeprefix("/v1beta/").split(":")[0]
        facts["display_name"] = call.service.display_name(facts["name"])
    if "upload_id" in call.request.query_params:
        row = call.service.files.upload(call.request.query_params["upload_id"])
        facts |= {"name": f"files/{row['file_id']}", "display_name": row["display_name"] or ""}
    if call.endpoint in ("create", "upload_start"):
        body = await call.json()
        inner = body.get("batch" if call.endpoint == "create" else "file") if isinstance(body, dict) else None
        facts["display_name"] = str(inner.get("displayName") or "") if isinstance(inner, dict) else ""
    call.note(**facts)
    return facts


async def _let_through(call: Call) -> bool:
    """Wait, refuse or drop, as the faults say; True when the request is to be carried out."""
    for fault in call.faults:
        if fault["do"] == "delay":
            await asyncio.sleep(float(fault.get("seconds", 1.0)))
        elif fault["do"] == "error":
            raise _error(fault)
        elif fault["do"] == "drop":
            return False
    return True


def _error(fault: dict[str, Any]) -> GoogleError:
    code = int(fault.get("code", 503))
    details = [retry_info(float(fault["retry_delay"]))] if "retry_delay" in fault else []
    if code == 429 and not details:
        details = [retry_info(1.0)]
    return GoogleError(
        code, str(fault.get("message", f"Set to fail with {code}.")), fault.get("status"), details
    )


async def _silence(call: Call, outcome: str) -> Response:
    """Close the connection without a word; what is returned reaches nobody."""
    await call.hang_up(outcome)
    return Response(status_code=499)
