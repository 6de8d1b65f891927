"""Requests and pictures for the tests of the stand-in."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from PIL import Image, PngImagePlugin

MODEL = "gemini-3.5-flash-lite"
PROMPT = "Transcribe this page. For a blank page answer [[blank]]."


def jpeg(comment: str = "", size: tuple[int, int] = (40, 60)) -> bytes:
    """A small white JPEG that carries a comment."""
    target = io.BytesIO()
    Image.new("RGB", size, "white").save(target, "JPEG", comment=comment.encode())
    return target.getvalue()


def png(comment: str = "", size: tuple[int, int] = (40, 60)) -> bytes:
    """A small white PNG with a tEXt chunk."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", comment)
    target = io.BytesIO()
    Image.new("L", size, 255).save(target, "PNG", pnginfo=info)
    return target.getvalue()


def request(image: bytes | None = None, text: str = PROMPT, **config: Any) -> dict[str, Any]:
    """A generateContent request: a text and, if given, a picture."""
    parts: list[dict[str, Any]] = [{"text": text}]
    if image is not None:
        kind = "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"
        parts.append({"inlineData": {"mimeType": kind, "data": base64.b64encode(image).decode()}})
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}


def line(key: str, image: bytes | None = None, text: str = PROMPT, **config: Any) -> bytes:
    """One line of a batch file."""
    return json.dumps({"key": key, "request": request(image, text, **config)}).encode() + b"\n"


def text_of(result: dict[str, Any]) -> str:
    """The text of a result line's first candidate."""
    parts = result["response"]["candidates"][0]["content"]["parts"]
    return "".join(part["text"] for part in parts)


def pages(count: int) -> dict[str, bytes]:
    """`count` pictures, each different, under keys p1, p2, ..."""
    return {f"p{number}": jpeg(f"page {number}") for number in range(1, count + 1)}
