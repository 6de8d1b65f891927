"""What a request and its answer cost in tokens, counted as Google describes it."""

from __future__ import annotations

import math
from typing import Any

from localgemini.requests_in import RESOLUTIONS, Image, Request

CHARS_PER_TOKEN = 4
TILE = 768  # pixels
TILE_TOKENS = 258
SMALL = 384  # pixels: up to this in both directions a picture is one tile


def of_text(text: str) -> int:
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def of_image(image: Image, generation: int) -> int:
    """Gemini 3 counts by resolution, Gemini 2 by tiles of 768 pixels."""
    if generation >= 3:
        return RESOLUTIONS[image.resolution]
    width, height = image.picture.width, image.picture.height
    if max(width, height) <= SMALL:
        return TILE_TOKENS
    return math.ceil(width / TILE) * math.ceil(height / TILE) * TILE_TOKENS


def of_prompt(request: Request) -> dict[str, int]:
    """Input tokens by kind: `TEXT` and, where there are pictures, `IMAGE`."""
    counts = {"TEXT": of_text(request.instruction) + sum(map(of_text, request.texts))}
    if request.images:
        counts["IMAGE"] = sum(of_image(image, request.model.generation) for image in request.images)
    return counts


def details(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"modality": kind, "tokenCount": number} for kind, number in counts.items()]


def usage(prompt: dict[str, int], answer: int, thoughts: int) -> dict[str, Any]:
    """`usageMetadata`; counts of zero are left out, as Google leaves them out."""
    total = sum(prompt.values())
    found: dict[str, Any] = {"promptTokenCount": total, "promptTokensDetails": details(prompt)}
    if answer:
        found["candidatesTokenCount"] = answer
    if thoughts:
        found["thoughtsTokenCount"] = thoughts
    found["totalTokenCount"] = total + answer + thoughts
    return found
