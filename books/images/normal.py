"""The image as it is sent: upright RGB JPEG of a set longest side, or the original bytes where they serve."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from books.images.decode import fitted, opened, orientation, upright
from books.images.ink import WORKING_SIDE, ink_of
from books.images.spread import cut, is_wide

QUALITY = 88
THUMBNAIL_QUALITY = 80
# What may follow the end of a JPEG: padding, but no second file in disguise.
_TRAILING = 1024


@dataclass(frozen=True)
class PageImage:
    """A page's image ready to be sent.

    `width` and `height` are pixels of `data`, `original_width` and `original_height` of what came; `sha256`
    is of `data`, `original_sha256` of the bytes that came; `ink` is the share of dark pixels, 0 to 1.
    """

    data: bytes
    mime: str
    width: int
    height: int
    sha256: str
    ink: float
    original_sha256: str
    kept_original: bool
    original_width: int
    original_height: int


def normalise(raw: bytes, *, max_side: int, max_pixels: int, half: str = "") -> PageImage:
    """The page's image with its longest side at most `max_side` pixels. Raises ImageError.

    Images of more than `max_pixels` pixels are refused on their header, before anything is unpacked. `half`
    (left or right) is the half of a spread that is this page.
    """
    with opened(raw, max_pixels) as image:
        original = _turned_size(image)
        if not (half and is_wide(*original)) and _serves(image, raw, max_side):
            return _kept(image, raw)
        flat = upright(image, side=2 * max_side if half else max_side)
        if half:
            flat = _within(_cut(flat, half), max_side)
        data = _jpeg(flat, QUALITY, comment=image.info.get("comment"))
        return _page_image(data, flat.size, ink_of(flat), raw, original)


def thumbnail(raw: bytes, side: int = 240, *, max_pixels: int = 200_000_000, half: str = "") -> bytes:
    """A small JPEG with its longest side at most `side` pixels, of a spread's half if asked. Raises ImageError."""
    with opened(raw, max_pixels) as image:
        flat = upright(image, side=2 * side if half else side)
        return _jpeg(_within(_cut(flat, half), side) if half else flat, THUMBNAIL_QUALITY)


def _cut(image: Image.Image, half: str) -> Image.Image:
    """One half of a spread; a local copy of a page that was cut already is not wide any more and stays whole."""
    return cut(image, half) if is_wide(*image.size) else image


def _within(image: Image.Image, side: int) -> Image.Image:
    """The image with its longest side at most `side` pixels."""
    if max(image.size) <= side:
        return image
    return image.resize(fitted(image.size, side), Image.Resampling.BICUBIC)


def _serves(image: Image.Image, raw: bytes, max_side: int) -> bool:
    """Whether the bytes can be sent as they came: an upright RGB JPEG within the size, nothing behind it."""
    return (
        image.format == "JPEG"
        and image.mode == "RGB"
        and max(image.size) <= max_side
        and orientation(image) == 1
        and raw.rfind(b"\xff\xd9") >= len(raw) - _TRAILING
    )


def _kept(image: Image.Image, raw: bytes) -> PageImage:
    """The original bytes; decoded all the same, small and grey, for the ink and to find damage."""
    size = image.size
    image.draft("L", fitted(size, WORKING_SIDE))
    image.load()
    return _page_image(raw, size, ink_of(image), raw, size)


def _page_image(
    data: bytes, size: tuple[int, int], ink: float, raw: bytes, original: tuple[int, int]
) -> PageImage:
    original_sha256 = hashlib.sha256(raw).hexdigest()
    kept = data is raw
    return PageImage(
        data=data,
        mime="image/jpeg",
        width=size[0],
        height=size[1],
        sha256=original_sha256 if kept else hashlib.sha256(data).hexdigest(),
        ink=ink,
        original_sha256=original_sha256,
        kept_original=kept,
        original_width=original[0],
        original_height=original[1],
    )


def _turned_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as a reader sees them."""
    width, height = image.size
    # Pillow turns a TIFF by itself and tells its turned size from the beginning.
    on_its_side = orientation(image) >= 5 and image.format != "TIFF"
    return (height, width) if on_its_side else (width, height)


def _jpeg(image: Image.Image, quality: int, comment: bytes | str | None = None) -> bytes:
    """Encode without the original's metadata, but for the comment, which may say what page this is."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, comment=(comment or b"")[:500], icc_profile=None)
    return out.getvalue()
