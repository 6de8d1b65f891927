"""Google's calls as HTTP handlers: thin, the work is in files.py, batches.py and responder.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from localgemini import catalogue, connections, files, uploads
from localgemini.errors import BadRequest, GoogleError, unknown_file
from localgemini.files import page_size
from localgemini.gate import Call, guarded

PIECE = 1 << 20  # bytes


async def models_list(call: Call) -> Response:
    return JSONResponse({"models": [model.view() for model in catalogue.MODELS.values()]})


async def models_get(call: Call) -> Response:
    return JSONResponse(catalogue.find(call.request.path_params["model"]).view())


async def count_tokens(call: Call) -> Response:
    model, body = catalogue.find(call.request.path_params["model"]), await call.json()
    return JSONResponse(call.service.responder.count(body, model))


async def generate(call: Call) -> Response:
    model, body = catalogue.find(call.request.path_params["model"]), await call.json()
    response = await run_in_threadpool(call.service.responder.generate, body, model)
    call.entry.paid = True
    return JSONResponse(response)


async def create(call: Call) -> Response:
    model, body = catalogue.find(call.request.path_params["model"]), await call.json()
    row = await run_in_threadpool(call.service.batches.create, call.owner, model, body)
    call.entry.paid = True
    call.note(batch=f"batches/{row['id']}", requests=row["total"])
    call.service.runner.wake()
    return JSONResponse(call.service.batches.view(row, whole=False))


async def batches_get(call: Call) -> Response:
    view = await run_in_threadpool(call.service.batches.poll, call.owner, call.request.path_params["id"])
    return JSONResponse(view)


async def batches_list(call: Call) -> Response:
    asked = call.request.query_params
    size = page_size(asked.get("pageSize"), 50, 100)
    return JSONResponse(call.service.batches.listing(call.owner, asked.get("pageToken"), size))


async def batches_cancel(call: Call) -> Response:
    call.service.batches.cancel(call.owner, call.request.path_params["id"])
    return JSONResponse({})


async def batches_delete(call: Call) -> Response:
    call.service.batches.delete(call.owner, call.request.path_params["id"])
    return JSONResponse({})


async def files_get(call: Call) -> Response:
    file_id = call.request.path_params["id"]
    call.service.files.check_length(file_id, "Get")
    return JSONResponse(files.view(call.service.files.poll(call.owner, file_id), call.base_url))


async def files_list(call: Call) -> Response:
    asked = call.request.query_params
    size = page_size(asked.get("pageSize"), 10, 100)
    rows, token = call.service.files.listing(call.owner, asked.get("pageToken"), size)
    page = {"files": [files.view(row, call.base_url) for row in rows]} if rows else {}
    return JSONResponse(page | ({"nextPageToken": token} if token else {}))


async def files_delete(call: Call) -> Response:
    file_id = call.request.path_params["id"]
    call.service.files.check_length(file_id, "Delete")
    call.service.files.delete(call.owner, file_id)
    return JSONResponse({})


async def download(call: Call) -> Response:
    file_id = call.request.path_params["id"]
    if call.request.query_params.get("alt") != "media":
        raise BadRequest("Download a file with alt=media.")
    row = call.service.files.find(call.owner, file_id)
    if not row["generated"]:
        raise BadRequest(f"Only generated files can be downloaded; {row['id']} was uploaded.")
    path = call.service.files.path(file_id)
    if not path.exists():
        raise unknown_file(file_id, int(call.service.store.setting("missing_file_code")))
    headers = {"content-length": str(row["size"])}
    return StreamingResponse(_pieces(call, path), media_type="application/jsonl", headers=headers)


async def _pieces(call: Call, path: Path) -> AsyncIterator[bytes]:
    """The file's bytes; where a fault cuts the connection, only the first of them."""
    left = call.cut_after
    with path.open("rb") as source:
        while piece := source.read(PIECE if left is None else min(PIECE, left)):
            yield piece
            left = None if left is None else left - len(piece)
    if left is not None:
        await connections.close(call.request.scope)


async def unknown(call: Call) -> Response:
    raise GoogleError(404, f"No method {call.request.method} {call.request.url.path} here.")


ROUTES = [
    Route("/upload/v1beta/files", guarded(uploads.endpoint_of, uploads.handle), methods=["POST", "PUT"]),
    Route("/v1beta/files", guarded("files_list", files_list), methods=["GET"]),
    Route("/v1beta/files/{id}:download", guarded("download", download), methods=["GET"]),
    Route("/download/v1beta/files/{id}:download", guarded("download", download), methods=["GET"]),
    Route("/v1beta/files/{id}", guarded("files_get", files_get), methods=["GET"]),
    Route("/v1beta/files/{id}", guarded("files_delete", files_delete), methods=["DELETE"]),
    Route("/v1beta/models", guarded("models_list", models_list), methods=["GET"]),
    Route("/v1beta/models/{model}:countTokens", guarded("count_tokens", count_tokens), methods=["POST"]),
    Route("/v1beta/models/{model}:generateContent", guarded("generate", generate), methods=["POST"]),
    Route("/v1beta/models/{model}:batchGenerateContent", guarded("create", create), methods=["POST"]),
    Route("/v1beta/models/{model}", guarded("models_get", models_get), methods=["GET"]),
    Route("/v1beta/batches", guarded("batches_list", batches_list), methods=["GET"]),
    Route("/v1beta/batches/{id}:cancel", guarded("batches_cancel", batches_cancel), methods=["POST"]),
    Route("/v1beta/batches/{id}", guarded("batches_get", batches_get), methods=["GET"]),
    Route("/v1beta/batches/{id}", guarded("batches_delete", batches_delete), methods=["DELETE"]),
    Route("/{rest:path}", guarded("unknown", unknown), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
