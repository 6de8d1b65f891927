"""The side door for tests: faults, clock, settings, batches by hand, journal. It asks for no key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localgemini import journal
from localgemini.errors import BadRequest, GoogleError
from localgemini.faults import PLAN
from localgemini.gate import refusal
from localgemini.service import Service
from localgemini.store import DEFAULTS, rfc3339


def _json(handler: Callable[[Service, Request, Any], Any]) -> Callable[[Request], Awaitable[Response]]:
    """A handler of plain values as an HTTP one; a refusal is a 400 with its reason."""

    async def answer(request: Request) -> Response:
        if "origin" in request.headers:
            return refusal(GoogleError(403, "Web pages may not use the control door."))
        try:
            body = json.loads(await request.body() or b"{}")
            found = await run_in_threadpool(handler, request.app.state.service, request, body)
        except GoogleError as error:
            return refusal(error)
        except ValueError as error:
            return refusal(BadRequest(str(error)))
        return JSONResponse(found)

    return answer


def faults_get(service: Service, request: Request, body: Any) -> Any:
    return {"faults": service.faults.view()}


def faults_post(service: Service, request: Request, body: Any) -> Any:
    """Set one fault or a list of them."""
    added = [service.faults.add(spec) for spec in (body if isinstance(body, list) else [body])]
    return {"ids": [fault.id for fault in added]}


def faults_delete(service: Service, request: Request, body: Any) -> Any:
    asked = request.query_params.get("id")
    service.faults.remove(int(asked) if asked else None)
    return {}


def clock_get(service: Service, request: Request, body: Any) -> Any:
    return {"now": rfc3339(service.store.now()), "offset": service.store.setting("clock_offset")}


def clock_post(service: Service, request: Request, body: Any) -> Any:
    """Move the clock: `advance` by seconds, or set `offset` from the real time."""
    offset = float(body.get("offset", service.store.setting("clock_offset"))) + float(body.get("advance", 0))
    service.store.set("clock_offset", offset)
    service.runner.wake()
    return clock_get(service, request, body)


def settings_get(service: Service, request: Request, body: Any) -> Any:
    return service.store.settings()


def settings_post(service: Service, request: Request, body: Any) -> Any:
    unknown = set(body) - set(DEFAULTS)
    if unknown:
        raise BadRequest(
            f"There is no setting {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}."
        )
    for name, value in body.items():
        service.store.set(name, value)
    service.runner.wake()
    return service.store.settings()


def batches_get(service: Service, request: Request, body: Any) -> Any:
    """All batches of all keys, newest first, as they truly stand."""
    rows = service.store.rows("SELECT * FROM batch ORDER BY seq DESC")
    return {"batches": [_batch_view(row) for row in rows]}


def _batch_view(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "name": f"batches/{row['id']}", "plan": json.loads(row["plan"])}


def batches_post(service: Service, request: Request, body: Any) -> Any:
    """Change open batches: by `name` or `display_name`, else all. `complete` lets go of every wait."""
    name, display_name = body.pop("name", None), body.pop("display_name", None)
    if body.pop("complete", False):
        body = {"hold": False, "delay": 0, "run": 0, "states": [], **body}
    unknown = set(body) - PLAN
    if unknown:
        raise BadRequest(f"A batch knows no {', '.join(sorted(unknown))}.")
    with service.store.transaction():
        rows = service.store.rows(
            "SELECT * FROM batch WHERE stage != 'done' AND (? IS NULL OR 'batches/' || id = ?)"
            " AND (? IS NULL OR display_name = ?)",
            name, name, display_name, display_name,
        )  # fmt: skip
        for row in rows:
            plan = json.dumps({**json.loads(row["plan"]), **body})
            service.store.run("UPDATE batch SET plan = ? WHERE id = ?", plan, row["id"])
    service.runner.wake()
    return {"changed": [f"batches/{row['id']}" for row in rows]}


def expire_post(service: Service, request: Request, body: Any) -> Any:
    """Let files vanish now: one by `file`, else all of them."""
    name = body.get("file")
    rows = service.store.rows("SELECT id FROM file WHERE ? IS NULL OR 'files/' || id = ?", name, name)
    for row in rows:
        service.files.discard(row["id"])
    return {"expired": [f"files/{row['id']}" for row in rows]}


def files_view(service: Service, request: Request, body: Any) -> Any:
    """All files of all keys that are still here."""
    rows = service.store.rows("SELECT * FROM file WHERE expires > ? ORDER BY rowid", service.store.now())
    return {"files": [{**dict(row), "name": f"files/{row['id']}"} for row in rows]}


def journal_get(service: Service, request: Request, body: Any) -> Any:
    asked = request.query_params
    return journal.read(
        service.store, asked.get("endpoint"), asked.get("paid") in ("1", "true"), int(asked.get("after", 0))
    )


def journal_delete(service: Service, request: Request, body: Any) -> Any:
    service.store.run("DELETE FROM journal")
    return {}


def sent_get(service: Service, request: Request, body: Any) -> Any:
    return journal.sent(service.store)


def reset_post(service: Service, request: Request, body: Any) -> Any:
    service.reset()
    return {}


def overview(service: Service, request: Request, body: Any) -> Any:
    """What is set now, in one answer."""
    return {
        "engine": service.config.engine,
        "clock": clock_get(service, request, body),
        "settings": service.store.settings(),
        "faults": service.faults.view(),
        "open_batches": service.store.number("SELECT COUNT(*) FROM batch WHERE stage != 'done'"),
    }


ROUTES = [
    Route("/control", _json(overview), methods=["GET"]),
    Route("/control/faults", _json(faults_get), methods=["GET"]),
    Route("/control/faults", _json(faults_post), methods=["POST"]),
    Route("/control/faults", _json(faults_delete), methods=["DELETE"]),
    Route("/control/clock", _json(clock_get), methods=["GET"]),
    Route("/control/clock", _json(clock_post), methods=["POST"]),
    Route("/control/settings", _json(settings_get), methods=["GET"]),
    Route("/control/settings", _json(settings_post), methods=["POST"]),
    Route("/control/batches", _json(batches_get), methods=["GET"]),
    Route("/control/batches", _json(batches_post), methods=["POST"]),
    Route("/control/files", _json(files_view), methods=["GET"]),
    Route("/control/expire", _json(expire_post), methods=["POST"]),
    Route("/control/journal", _json(journal_get), methods=["GET"]),
    Route("/control/journal", _json(journal_delete), methods=["DELETE"]),
    Route("/control/sent", _json(sent_get), methods=["GET"]),
    Route("/control/reset", _json(reset_post), methods=["POST"]),
]
