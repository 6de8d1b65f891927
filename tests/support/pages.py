"""Page images for tests, drawn rather than stored: printed, blank, yellowed, and in every odd format."""

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

PAPER = (233, 222, 196)
INK = (48, 40, 34)
_LINES = (
    "Quid tibi uis mulier, nigris dignissima barris?",
    "Munera cur mihi quidue tabellas mittis, amice,",
    "nec firmo iuueni neque naris obesae?",
    "Namque sagacius unus odoror, polypus an grauis",
    "hirsutis cubet hircus in alis, quam canis acer",
    "ubi lateat sus. Qui sudor uietis et quam malus",
)


@lru_cache(maxsize=256)
def printed(number: int = 1, width: int = 800, height: int = 1100, book: str = "ORIGIN") -> bytes:
    """A JPEG of a printed page with its number in the head line and in a JPEG comment: `page 7 of ORIGIN`."""
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    size = max(height // 45, 8)
    font = ImageFont.load_default(size)
    draw.text((width // 8, size * 2), f"{number}      EPIGRAMMATA", fill=INK, font=font)
    for row in range(5 * size, height - 5 * size, int(1.6 * size)):
        line = _LINES[(row + number) % len(_LINES)]
        draw.text((width // 8, row), line, fill=INK, font=font)
    return jpeg(image, comment=f"page {number} of {book}")


@lru_cache(maxsize=16)
def blank(width: int = 800, height: int = 1100, *, gutter: bool = True, show_through: bool = True) -> bytes:
    """A JPEG of an empty leaf: yellowed, a shadow at the gutter, the other side's print shining through."""
    image = Image.new("RGB", (width, height), PAPER)
    if show_through:
        other = Image.open(io.BytesIO(printed(2, width, height))).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = Image.blend(image, other.convert("RGB"), 0.10)
    if gutter:
        shade = Image.linear_gradient("L").rotate(90).resize((width // 5, height))
        dark = Image.new("RGB", shade.size, (60, 50, 40))
        image.paste(dark, (0, 0), shade.point(lambda value: value * 2 // 3))
    return jpeg(image)


def jpeg(image: Image.Image, *, comment: str = "", quality: int = 85) -> bytes:
    """Encode as JPEG, with a comment that says which page it is."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, comment=comment.encode())
    return out.getvalue()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encode in any of Pillow's formats."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
