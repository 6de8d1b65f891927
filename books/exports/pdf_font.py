"""The letters of a PDF: DejaVu Sans, which has long s, letters with tildes, Greek, Hebrew and Arabic.

Each character gets a number of its own in the order of appearance, also one that the font cannot show: it is
drawn as a box, and still copied and found as the character that it is.
"""

import io
import logging
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from arabic_reshaper import reshape
from bidi.algorithm import get_display
from fontTools import subset
from fontTools.ttLib import TTFont

FILE = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
ARABIC = "AL"
# Bytes of a mapping's one section, by the format's rules.
SECTION = 100


@cache
def _metrics() -> tuple[dict[int, str], dict[str, tuple[int, int]], Any]:
    """Glyph names by character, widths by glyph name, and the font's numbers for its glyphs."""
    with TTFont(FILE, lazy=True) as font:
        return font.getBestCmap(), dict(font["hmtx"].metrics), font.getReverseGlyphMap()


UNITS = 2048


class Font:
    """The characters that one file uses."""

    name = "SRCBAT+DejaVuSans"

    def __init__(self) -> None:
        self.cids: dict[str, int] = {}

    def encoded(self, shown: str) -> str:
        """A string for a page's content; `shown` is in the order in which it is drawn."""
        return "".join(f"{self.cids.setdefault(sign, len(self.cids) + 1):04X}" for sign in shown)

    def file(self) -> bytes:
        """The font with only the letters that were used."""
        logging.getLogger("fontTools").setLevel(logging.ERROR)
        options = subset.Options(retain_gids=True, layout_features=[], notdef_outline=True, hinting=False)
        with TTFont(FILE) as font:
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=[ord(sign) for sign in self.cids])
            cutter.subset(font)
            out = io.BytesIO()
            font.save(out)
        return out.getvalue()

    def cid_to_gid(self) -> bytes:
        """The font's glyph for each of our numbers."""
        return b"\0\0" + b"".join(_gid(sign).to_bytes(2, "big") for sign in self.cids)

    def widths(self) -> str:
        """Widths in thousandths of the font size, from number 1 on."""
        return f"1 [{' '.join(str(round(_width(sign) * 1000 / UNITS)) for sign in self.cids)}]"

    def to_unicode(self) -> bytes:
        """What each number means, for copying and searching. Shapes of Arabic letters mean the letters."""
        pairs = [f"<{cid:04X}> <{_meaning(sign)}>" for sign, cid in self.cids.items()]
        sections = [pairs[start : start + SECTION] for start in range(0, len(pairs), SECTION)]
        body = "\n".join(
            f"{len(some)} beginbfchar\n" + "\n".join(some) + "\nendbfchar" for some in sections
        )  # fmt: skip
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{body}\n"
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
        ).encode("ascii")

    def descriptor(self, file: int) -> str:
        """The font's measures, from DejaVu Sans' own tables."""
        return (
            f"<< /Type /FontDescriptor /FontName /{self.name} /Flags 4 /FontBBox [-1021 -463 1793 1232] "
            "/ItalicAngle 0 /Ascent 928 /Descent -236 /CapHeight 729 /StemV 80 "
            f"/FontFile2 {file} 0 R >>"
        )


def width_of(text: str, size: float) -> float:
    """The width of a text in points."""
    return sum(_width(sign) for sign in text) * size / UNITS


def drawn(line: str, *, rtl: bool) -> str:
    """A line in the order in which it is drawn from the left, with Arabic letters joined."""
    kinds = {unicodedata.bidirectional(sign) for sign in line}
    if not kinds & RIGHT_TO_LEFT:
        return line
    joined = reshape(line) if ARABIC in kinds else line
    return str(get_display(joined, base_dir="R" if rtl else "L"))


def _width(sign: str) -> int:
    names, widths, _ = _metrics()
    return widths[names.get(ord(sign), ".notdef")][0]


def _gid(sign: str) -> int:
    names, _, gids = _metrics()
    return int(gids[names.get(ord(sign), ".notdef")])


def _meaning(sign: str) -> str:
    letters = unicodedata.normalize("NFKC", sign) if "\ufb50" <= sign <= "\ufefc" else sign
    return letters.encode("utf-16-be", "replace").hex().upper()
