"""From bytes of unknown worth to a picture: sniffed, bounded, decoded, flattened to upright RGB."""

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image, Jpeg2KImagePlugin

# Our own limit is checked on the header before anything is unpacked; Pillow's is a warning at half of it.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "TIFF", "JPEG2000", "WEBP", "GIF", "BMP")
ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"GIF8", b"BM",
)  # fmt: skip
# Decoding is work for the processor and for memory: no more at once than there are processors.
_decoders = threading.BoundedSemaphore(os.cpu_count() or 1)


class ImageError(Exception):
    """Why a page has no usable image. `retry_after` is in seconds; `urls` are those that were tried; `crowded` says
    that its host was not asked because too many others wait for it.
    """

    def __init__(
        self,
        sentence: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        urls: tuple[str, ...] = (),
        crowded: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retryable = retryable
        self.retry_after = retry_after
        self.urls = urls
        self.crowded = crowded


def sniff(raw: bytes) -> None:
    """Refuse what is no image, whatever its name or type says. Raises ImageError."""
    if raw.startswith(_MAGIC) or (raw[:4] == b"RIFF" and raw[8:12] == b"WEBP"):
        return
    if not raw.strip():
        raise ImageError("The image is empty: nothing was sent. Check the address of this page.")
    start = raw[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        raise ImageError(
            f"Instead of an image there came a web page{_title(raw)}: check the address of this page."
        )
    if start.startswith(b"%pdf"):
        raise ImageError("Instead of an image there came a PDF: import the PDF as a book of its own.")
    if start.startswith((b"{", b"[", b"<?xml", b"<")):
        raise ImageError("Instead of an image there came data (JSON or XML): check the address of this page.")
    raise ImageError(
        "What came is not an image in a known format (JPEG, PNG, TIFF, JPEG 2000, WebP, GIF, BMP)."
    )


def _title(raw: bytes) -> str:
    """The title of a web page, in brackets, as a hint at what went wrong."""
    found = re.search(rb"<(?:title|h1)[^>]*>([^<]{1,80})", raw[:4000], re.IGNORECASE)
    return f' ("{found.group(1).decode("utf-8", "replace").strip()}")' if found else ""


@contextmanager
def opened(raw: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """The image with its header read and its size found acceptable; not decoded yet. Raises ImageError."""
    sniff(raw)
    with _decoders, _damage_reported(), Image.open(io.BytesIO(raw), formats=FORMATS) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(
                f"The image has {width} x {height} pixels, more than IMAGE_MAX_PIXELS allows ({max_pixels}): "
                "give the address of a smaller one."
            )
        yield image


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Decoders meet bytes made by strangers and fail in every way there is; it all means the same to us."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("The image is too large to be decoded here: give a smaller one.") from error
    except Exception as error:
        raise ImageError(
            f"The image is damaged or cut off ({_reason(error)}): fetch or scan it again."
        ) from error


def _reason(error: Exception) -> str:
    """The decoder's word, short and on one line; an object's address in memory says nothing to anybody."""
    text = re.sub(r"<[^>]*>", "", " ".join(str(error).split()))
    return text[:80].strip() or type(error).__name__


def upright(image: Image.Image, *, side: int | None) -> Image.Image:
    """Decode to upright RGB with the longest side at most `side` pixels; never enlarges."""
    _ask_for_less(image, side)
    image.load()
    turn = _TURNS.get(orientation(image))
    flat = _flat(image)
    if side is not None and max(flat.size) > side:
        flat = flat.resize(fitted(flat.size, side), Image.Resampling.BICUBIC)
    return flat.transpose(turn) if turn is not None else flat


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height in the same proportion with the longest side at most `side`."""
    scale = min(side / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that makes sense."""
    value = image.getexif().get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _ask_for_less(image: Image.Image, side: int | None) -> None:
    """JPEG and JPEG 2000 can be decoded at half, quarter or eighth size, which saves most of the time."""
    if side is None:
        return
    if image.format in ("JPEG", "MPO"):
        image.draft(None, fitted(image.size, side))
    elif isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        # Deeper than two levels some files do not go; a quarter is enough of a saving.
        image.reduce = min(max(max(image.size) // side, 1).bit_length() - 1, 2)


def _flat(image: Image.Image) -> Image.Image:
    """RGB from any mode: 16 bits scaled down, transparency on white, one bit to grey before it is resized."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", layer.size, "white")
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 12, 16 or 32 bits, or real numbers, to 8 bits; 12 bits are told by their maximum."""
    values: np.ndarray[Any, np.dtype[Any]] = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
        top = float(values.max())
        top = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else top
    else:
        top = next((limit for limit in (255, 4095, 65535) if values.max() <= limit), 2**31 - 1)
    scaled = np.clip(values.astype(np.float32) * (255.0 / top), 0, 255).astype(np.uint8)
    return Image.fromarray(scaled)
