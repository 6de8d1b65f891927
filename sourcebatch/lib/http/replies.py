"""Answers: one JSON document at once, or a long list in pieces."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse

JSON = "application/json"
# What the API tells is for this caller only and changes by the minute.
PRIVATE = {"Cache-Control": "no-store"}
ITEMS_PER_PIECE = 200


def dumps(data: Any) -> str:
    """JSON as everybody can read it: Greek stays Greek."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """One JSON document."""
    return HttpResponse(dumps(data), status=status, content_type=JSON, headers=PRIVATE | dict(headers or {}))


def stream(items: Iterable[Any], before: str = "[", after: str = "]") -> StreamingHttpResponse:
    """A JSON array between `before` and `after`, sent while it is read: its length costs no memory."""
    pieces = _pieces(iter(items), before, after)
    # The first piece is made now: a database that fails at once is still answered properly.
    first = next(pieces)
    return StreamingHttpResponse(chain([first], pieces), content_type=JSON, headers=PRIVATE)


def _pieces(items: Iterator[Any], before: str, after: str) -> Iterator[bytes]:
    comma, text = "", before
    while some := [dumps(item) for item in islice(items, ITEMS_PER_PIECE)]:
        yield (text + comma + ",".join(some)).encode()
        comma, text = ",", ""
    yield (text + after).encode()
