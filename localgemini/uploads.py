"""Resumable upload: start, upload, finalize, query, cancel. Bytes go to disk as they come."""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from localgemini import files
from localgemini.errors import BadRequest
from localgemini.gate import Call
from localgemini.requests_in import fields

FILE = {"name", "displayName", "mimeType", "sizeBytes"}
GRANULARITY = str(8 * 1024 * 1024)  # bytes
_digests: dict[str, Any] = {}


def endpoint_of(request: Request) -> str:
    """Which step this is; all of them share one path."""
    if "upload_id" not in request.query_params:
        return "upload_start"
    commands = _commands(request)
    for command, name in (("query", "query"), ("cancel", "cancel"), ("finalize", "finalize")):
        if command in commands:
            return f"upload_{name}"
    return "upload_chunk"


def _commands(request: Request) -> set[str]:
    return {word.strip() for word in request.headers.get("x-goog-upload-command", "").split(",")}


async def handle(call: Call) -> Response:
    """Any step of an upload."""
    if call.endpoint == "upload_start":
        return await _start(call)
    row = call.service.files.upload(call.request.query_params["upload_id"])
    if call.endpoint == "upload_query":
        return _status(call, row)
    if call.endpoint == "upload_cancel":
        call.service.files.part(row["id"]).unlink(missing_ok=True)
        call.service.store.run("DELETE FROM upload WHERE id = ?", row["id"])
        return Response(headers={"x-goog-upload-status": "cancelled"})
    return await _receive(call, row)


async def _start(call: Call) -> Response:
    headers = call.request.headers
    if headers.get("x-goog-upload-protocol") != "resumable" or "start" not in _commands(call.request):
        raise BadRequest("An upload begins with X-Goog-Upload-Protocol: resumable and the command start.")
    body = await call.json()
    wish = fields(body.get("file") or {}, FILE, "file") if isinstance(body, dict) else {}
    size = call.number("x-goog-upload-header-content-length")
    mime_type = headers.get("x-goog-upload-header-content-type") or wish.get("mimeType")
    upload_id = call.service.files.start(call.owner, wish, size, mime_type)
    address = f"{call.base_url}/upload/v1beta/files?upload_id={upload_id}&upload_protocol=resumable"
    return JSONResponse(
        {},
        headers={
            "x-goog-upload-url": address,
            "x-goog-upload-control-url": address,
            "x-goog-upload-status": "active",
            "x-goog-upload-chunk-granularity": GRANULARITY,
        },
    )


def _status(call: Call, row: Any) -> Response:
    received = call.service.files.received(row)
    status = "final" if row["final"] else "active"
    headers = {"x-goog-upload-status": status, "x-goog-upload-size-received": str(received)}
    if not row["final"]:
        return Response(headers=headers)
    file = call.service.files.find(call.owner, row["file_id"])
    return JSONResponse({"file": files.view(file, call.base_url)}, headers=headers)


async def _receive(call: Call, row: Any) -> Response:
    """Take a piece at its offset; the last one makes the file."""
    if row["final"]:
        return _status(call, row)
    offset = call.number("x-goog-upload-offset") or 0
    here = call.service.files.received(row)
    if offset > here:
        raise BadRequest(f"The piece at {offset} leaves a gap: {here} bytes are here.")
    if "upload" in _commands(call.request):
        await _append(call, row["id"], offset)
    if call.endpoint != "upload_finalize":
        return Response(headers={"x-goog-upload-status": "active"})
    sha256 = await run_in_threadpool(_digest, call, row["id"])
    file = call.service.files.finish(row, sha256)
    call.note(size=file["size"])
    return JSONResponse({"file": files.view(file, call.base_url)}, headers={"x-goog-upload-status": "final"})


async def _append(call: Call, upload_id: str, offset: int) -> None:
    """Write the body behind `offset`; a running hash saves reading 2 GB again at the end."""
    known, digest = _digests.pop(upload_id, (0, hashlib.sha256()))
    left = call.cut_after
    with call.service.files.part(upload_id).open("r+b") as target:
        target.truncate(offset)
        target.seek(offset)
        async for piece in call.request.stream():
            if left is not None and len(piece) > left:
                target.write(piece[:left])
                target.flush()
                await call.hang_up("cut")
                raise ClientDisconnect
            left = None if left is None else left - len(piece)
            target.write(piece)
            digest.update(piece)
        if known == offset:
            _digests[upload_id] = (target.tell(), digest)


def _digest(call: Call, upload_id: str) -> str:
    part = call.service.files.part(upload_id)
    known, digest = _digests.pop(upload_id, (-1, None))
    if digest is not None and known == part.stat().st_size:
        return str(digest.hexdigest())
    return files.digest_of(part)
