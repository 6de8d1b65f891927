"""Lines of batch files: written, identified without being parsed, and spoilt where a fault says so."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VALUE = rb'\s*:\s*"((?:[^"\\]|\\.)*)"'
AT_START = re.compile(rb'\s*\{\s*(?:"metadata"\s*:\s*\{\s*)?"key"' + VALUE)
AT_END = re.compile(rb'"key"' + VALUE + rb"\s*\}\s*\}?\s*$")
OPENING = re.compile(rb'"data"\s*:\s*"')
SHORT = 1000  # bytes: base64 up to this length is left to json
TAIL = 2000  # bytes: longer keys than this are found by parsing


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse(line: bytes) -> Any:
    """A line as JSON, with each picture's base64 as a memoryview, which json never has to look at.

    Half a megabyte of base64 costs json 0.7 ms; finding its end by the next quote costs a fiftieth of that.
    Raises ValueError.
    """
    blobs: list[memoryview] = []
    kept, at = [], 0
    for start, end in _data_values(line):
        if end - start > SHORT and line.find(b"\\", start, end) < 0:
            kept += [line[at:start], b"\\u0000%d" % len(blobs)]
            blobs.append(memoryview(line)[start:end])
            at = end
    kept.append(line[at:])
    return json.loads(b"".join(kept), object_hook=lambda found: _with_blob(found, blobs))


def _data_values(line: bytes) -> Iterator[tuple[int, int]]:
    """Where the strings of fields named data begin and end; within another string the name is escaped."""
    at = line.find(b'"data"')
    while at >= 0:
        match = OPENING.match(line, at)
        start = match.end() if match else at + 6
        end = line.find(b'"', start) if match else start
        if match and end >= 0:
            yield start, end
        at = line.find(b'"data"', max(start, end))


def _with_blob(found: dict[str, Any], blobs: list[memoryview]) -> dict[str, Any]:
    data = found.get("data")
    if isinstance(data, str) and data.startswith("\0") and data[1:].isdigit() and int(data[1:]) < len(blobs):
        found["data"] = blobs[int(data[1:])]
    return found


def identity(line: bytes) -> tuple[str | None, str]:
    """A request's key, if it has one, and the SHA-256 of everything else in its line."""
    match = AT_START.match(line) or AT_END.search(line, max(0, len(line) - TAIL))
    if match is None:
        return _parsed_key(line), hashlib.sha256(line.strip()).hexdigest()
    whole = memoryview(line.rstrip())
    digest = hashlib.sha256(whole[: match.start(1)])
    digest.update(whole[match.end(1) :])
    return json.loads(b'"' + match.group(1) + b'"'), digest.hexdigest()


def _parsed_key(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return key_of(entry)


def key_of(entry: Any) -> str | None:
    """The key of a parsed line: at its top, or in the metadata of an inline request."""
    if not isinstance(entry, dict):
        return None
    metadata = entry.get("metadata")
    key = entry.get("key") or (metadata.get("key") if isinstance(metadata, dict) else None)
    return None if key is None else str(key)


def place(entry: dict[str, Any], fault: dict[str, Any] | None) -> bytes:
    """The result line or lines that this entry becomes: none, two, or one with something wrong."""
    action = fault["outcome"] if fault else ""
    if action == "missing":
        return b""
    if action == "doubled":
        return dump(entry) * 2
    if action == "malformed":
        return dump(entry)[:-12] + b"\n"
    if action in ("foreign_key", "no_key"):
        _rename(entry, None if action == "no_key" else str((fault or {}).get("key", "not-of-this-batch")))
    return dump(entry)


def _rename(entry: dict[str, Any], key: str | None) -> None:
    holder = entry["metadata"] if isinstance(entry.get("metadata"), dict) else entry
    holder.pop("key", None)
    if key is not None:
        holder["key"] = key


def shuffle(path: Path, seed: Any) -> None:
    """Put a file's lines in another order; only their places are held in memory."""
    places, at = [], 0
    with path.open("rb") as source:
        for line in source:
            places.append((at, len(line)))
            at += len(line)
        random.Random(str(seed)).shuffle(places)  # noqa: S311 - an order, not a secret
        mixed = path.with_suffix(".mixed")
        with mixed.open("wb") as target:
            for start, length in places:
                source.seek(start)
                target.write(source.read(length))
    mixed.replace(path)


def truncate(path: Path, amount: Any) -> None:
    """Cut a file off: after so many bytes, or for `true` in the middle of its last line."""
    size = path.stat().st_size
    keep = size - 20 if amount is True else int(amount)
    with path.open("r+b") as target:
        target.truncate(max(0, min(size, keep)))
