"""Prepared requests on disk: one segment file a prepare step, one line of the batch file a page.

A segment is written and flushed to the disk before the rows that point into it are committed; one without rows is
rubbish that the sweep removes. Submitting reads the lines straight into the upload, so nothing is held in memory.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pybase64
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, default_storage

from jobs.models import BatchPreparation
from sourcebatch.lib.ids import new_id
from sourcebatch.lib.storage import Stream, ranged

_HALF = "\u0000image\u0000"


@dataclass(frozen=True)
class Line:
    """Where one line is: bytes from `offset`, `length` bytes with the newline, and its SHA-256."""

    segment: str
    offset: int
    length: int
    sha256: str


def render(key: str, request: dict[str, Any], image: bytes | None, mime: str = "image/jpeg") -> bytes:
    """One line of a batch file, newline included. The image goes first, before the text parts.

    The base64 is put between two rendered halves: running it through json.dumps costs more than fetching it.
    """
    if image is None:
        return json.dumps({"key": key, "request": request}, ensure_ascii=False).encode() + b"\n"
    with_image = _with_image_part(request, {"inlineData": {"mimeType": mime, "data": _HALF}})
    rendered = json.dumps({"key": key, "request": with_image}, ensure_ascii=False).encode()
    before, after = rendered.split(json.dumps(_HALF)[1:-1].encode(), 1)
    return b"".join((before, pybase64.b64encode(image), after, b"\n"))


def _with_image_part(request: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    first, *rest = request["contents"]
    return {**request, "contents": [{**first, "parts": [part, *first["parts"]]}, *rest]}


def write(job_id: str, lines: Iterable[bytes]) -> list[Line]:
    """Write the lines as one new segment and make sure that it is on the disk before anything points to it."""
    name = f"segments/{job_id}/{new_id()}.jsonl"
    # Beside the data, not in /tmp: that may be memory, and a segment may have a hundred megabytes.
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as draft:
        spans = [_append(draft, line) for line in lines]
        if not spans:
            return []
        draft.seek(0)
        saved = default_storage.save(name, File(draft))
    _flush(default_storage, saved)
    return [Line(saved, offset, length, digest) for offset, length, digest in spans]


def _append(draft: IO[bytes], line: bytes) -> tuple[int, int, str]:
    offset = draft.tell()
    draft.write(line)
    return offset, len(line), hashlib.sha256(line).hexdigest()


def _flush(storage: Storage, name: str) -> None:
    """fsync the file and its folder where the storage is a folder; object stores are durable when they answer."""
    try:
        path = Path(storage.path(name))
    except NotImplementedError:
        return
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(preparation: BatchPreparation) -> bytes:
    """The line of one preparation. Raises FileNotFoundError when its segment is gone or not what was written."""
    with ranged(default_storage, preparation.segment) as segment:
        segment.seek(preparation.offset)
        line = bytes(segment.read(preparation.length))
    if hashlib.sha256(line).hexdigest() != preparation.line_sha256:
        raise FileNotFoundError(f"{preparation.segment} is not what was written")
    return line


class Lines(Stream):
    """The lines of many preparations as one seekable stream, for the upload: nothing is copied or held.

    `on_read` is called before each read, so that a long upload can show that it is alive.
    """

    def __init__(
        self, preparations: Sequence[BatchPreparation], on_read: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._on_read = on_read
        # In the order in which they lie on the disk: answers are known by their keys, so any order will do.
        self._spans = _merged(sorted((p.segment, p.offset, p.length) for p in preparations))
        self.size = sum(length for _, _, length in self._spans)
        self._open: tuple[str, IO[bytes]] | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        self._on_read()
        wanted = self.size - self._position if size is None or size < 0 else size
        pieces = []
        while wanted > 0 and (piece := self._piece(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def _piece(self, wanted: int) -> bytes:
        """Up to `wanted` bytes from the span that the position is in; empty at the end."""
        start = 0
        for segment, offset, length in self._spans:
            if self._position < start + length:
                inside = self._position - start
                piece = self._from(segment, offset + inside, min(wanted, length - inside))
                self._position += len(piece)
                return piece
            start += length
        return b""

    def _from(self, segment: str, offset: int, length: int) -> bytes:
        if self._open is None or self._open[0] != segment:
            self.release()
            self._open = (segment, ranged(default_storage, segment))
        self._open[1].seek(offset)
        piece = bytes(self._open[1].read(length))
        if not piece:
            raise FileNotFoundError(f"{segment} is shorter than the database says")
        return piece

    def release(self) -> None:
        """Close the segment that is open at the moment."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        self.release()
        super().close()


def _merged(spans: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Neighbouring lines of one segment become one span: a thousand pages, fifty reads."""
    merged: list[tuple[str, int, int]] = []
    for segment, offset, length in spans:
        if merged and merged[-1][0] == segment and merged[-1][1] + merged[-1][2] == offset:
            merged[-1] = (segment, merged[-1][1], merged[-1][2] + length)
        else:
            merged.append((segment, offset, length))
    return merged


def remove(job_id: str, keep: frozenset[str] = frozenset()) -> int:
    """Delete the segments of a job but for those to `keep`; returns how many went."""
    folder = f"segments/{job_id}"
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    doomed = [f"{folder}/{name}" for name in names if f"{folder}/{name}" not in keep]
    for name in doomed:
        default_storage.delete(name)
    return len(doomed)
