"""What an image file says of itself in its header: kind, size in pixels, comment. Nothing is decoded."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

JPEG_SIZES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
JPEG_BARE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class Picture:
    """Width and height are 0 where the header does not tell."""

    kind: str
    width: int = 0
    height: int = 0
    comment: str = ""


def look(data: bytes) -> Picture | None:
    """The picture behind these bytes, or None when they are no JPEG, PNG, WebP or HEIF."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Picture("webp")
    if data[4:8] == b"ftyp":
        return Picture("heif")
    return None


def _jpeg(data: bytes) -> Picture:
    at, width, height, comments = 2, 0, 0, []
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in JPEG_BARE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if marker in JPEG_SIZES and len(body) >= 5:
            height, width = struct.unpack(">HH", body[1:5])
        elif marker == 0xFE:
            comments.append(_words(body))
        elif marker == 0xDA:
            break
        at += 2 + max(length, 2)
    return Picture("jpeg", width, height, " ".join(comments))


def _png(data: bytes) -> Picture:
    at, width, height, comments = 8, 0, 0, []
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR" and len(body) >= 8:
            width, height = struct.unpack(">II", body[:8])
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            comments.append(_png_text(kind, body))
        elif kind == b"IDAT":
            at += 12 + length
            continue
        at += 12 + length
    return Picture("png", width, height, " ".join(comment for comment in comments if comment))


def _png_text(kind: bytes, body: bytes) -> str:
    _, _, value = body.partition(b"\0")
    if kind == b"tEXt":
        return _words(value, "latin-1")
    if kind == b"zTXt":
        return _words(_inflate(value[1:]), "latin-1")
    compressed, text = value[:1] == b"\1", value[2:].split(b"\0", 2)[-1]
    return _words(_inflate(text) if compressed else text)


def _inflate(data: bytes) -> bytes:
    """At most 64 KB of a compressed comment; a broken one is no comment."""
    try:
        return zlib.decompressobj().decompress(data, 65536)
    except zlib.error:
        return b""


def _words(data: bytes, encoding: str = "utf-8") -> str:
    return " ".join(data.decode(encoding, "replace").replace("\0", " ").split())
