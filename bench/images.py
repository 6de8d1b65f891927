"""Page images for measuring: one printed page, as large as asked for, with a number of its own in each copy."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LINE = "Quid tibi uis mulier, nigris dignissima barris? Munera cur mihi quidue tabellas"


@lru_cache(maxsize=4)
def base(kilobytes: int) -> bytes:
    """A JPEG of about so many kilobytes, 1500 pixels high: paper with grain, so that it packs as badly as a scan."""
    low, high = 0.0, 60.0
    data = b""
    for _ in range(12):
        grain = (low + high) / 2
        data = _drawn(grain)
        low, high = (grain, high) if len(data) < kilobytes * 1000 else (low, grain)
    return data


def _drawn(grain: float) -> bytes:
    width, height = 1100, 1500
    paper = np.full((height, width), 225, dtype=np.float32)
    paper += np.random.default_rng(7).normal(0, grain, paper.shape).astype(np.float32)
    image = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)).convert("RGB")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(26)
    for top in range(120, height - 120, 42):
        draw.text((110, top), _LINE, fill=(40, 35, 30), font=font)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def numbered(kilobytes: int, number: int, salt: str = "") -> bytes:
    """The page with a JPEG comment of its own, so that every copy has its own hash."""
    whole, said = base(kilobytes), f"page {number} {salt}".encode()
    return whole[:2] + b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said + whole[2:]
