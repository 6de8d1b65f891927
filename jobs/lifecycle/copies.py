"""Answers that were paid for are not paid for again: a request that was answered before gets a copy of its answer."""

import hashlib
import json
from collections.abc import Sequence

from books.images import PageImage
from books.makers import STAND_IN
from books.models import PageText, Source
from jobs.operations.base import Request
from sourcebatch.lib.db import in_chunks


def request_hash(request: Request, image: PageImage | None, model: str) -> str:
    """32 hexadecimal digits that identify a request: model, prompt, texts, parameters and the bytes of the image."""
    asked = [model, request.system, request.text, request.generation, image.sha256 if image else ""]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def answered(hashes: Sequence[str]) -> dict[str, PageText]:
    """By request, the newest answer that was kept and that nothing speaks against; their pages and books come along.

    The stand-in's answers are no model's: with a key of Google's the page is sent.
    """
    found: dict[str, PageText] = {}
    for some in in_chunks(hashes):
        rows = PageText.objects.filter(
            request_hash__in=some, source=Source.MACHINE, is_flagged=False
        ).exclude(data="").exclude(model__startswith=STAND_IN)  # fmt: skip
        found |= {row.request_hash: row for row in rows.select_related("page__book").order_by("pk")}
    return found
