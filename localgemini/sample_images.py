"""The sample pages over HTTP, so that a first run needs no image server of anybody's."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

TYPES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".jp2": "image/jp2", ".json": "application/json",
}  # fmt: skip


def routes(folder: Path) -> list[Route]:
    """`/images/...` over one folder: files of the known kinds inside it, nothing hidden, nothing outside."""
    root = folder.resolve()

    async def image(request: Request) -> Response:
        path = (root / request.path_params["path"]).resolve()
        hidden = any(part.startswith(".") for part in Path(request.path_params["path"]).parts)
        if hidden or not path.is_relative_to(root) or path.suffix.lower() not in TYPES or not path.is_file():
            return PlainTextResponse("There is no such image here.", 404)
        return FileResponse(path, media_type=TYPES[path.suffix.lower()])

    return [Route("/images/{path:path}", image, methods=["GET"])]
