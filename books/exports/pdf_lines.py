"""Lines of text for PDF pages: wrapped to a width, as large as fits."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from books.exports.pdf_font import Font, drawn, width_of

SPACING = 1.32
"""From line to line, as a multiple of the font size."""


@dataclass(frozen=True)
class Text:
    """A paragraph's line before it is wrapped. `scale` is its size compared with the page's; grey: said by us."""

    words: str
    rtl: bool = False
    scale: float = 1.0
    grey: bool = False


@dataclass(frozen=True)
class Line:
    """A line as it will stand on a page; size in points."""

    words: str
    size: float
    rtl: bool
    grey: bool

    @property
    def height(self) -> float:
        """How much of the page it takes; an empty line takes half."""
        return self.size * SPACING * (1 if self.words else 0.5)


def wrapped(texts: Sequence[Text], width: float, size: float) -> list[Line]:
    """The lines of these texts at a font size, none wider than `width` points."""
    return [
        Line(part, size * text.scale, text.rtl, text.grey)
        for text in texts
        for part in _wrap(unicodedata.normalize("NFC", text.words), width, size * text.scale)
    ]


def _wrap(words: str, width: float, size: float) -> Iterator[str]:
    line = ""
    for word in words.replace("\t", "    ").split(" "):
        longer = f"{line} {word}" if line else word
        if width_of(longer, size) <= width:
            line = longer
            continue
        if line:
            yield line
        *parts, line = _cut(word, width, size)
        yield from parts
    yield line


def _cut(word: str, width: float, size: float) -> list[str]:
    """A word in parts that fit; an ordinary word is one."""
    parts = [""]
    for sign in word:
        if parts[-1] and width_of(parts[-1] + sign, size) > width:
            parts.append("")
        parts[-1] += sign
    return parts


def columns(lines: Sequence[Line], height: float) -> list[list[Line]]:
    """The lines on as many pages as they need; at least one."""
    pages: list[list[Line]] = [[]]
    left = height
    for line in lines:
        if line.height > left and pages[-1]:
            pages.append([])
            left = height
        pages[-1].append(line)
        left -= line.height
    return pages


def fitted(texts: Sequence[Text], width: float, height: float, sizes: Sequence[float]) -> list[list[Line]]:
    """At the first of these sizes at which all fits on one page; at the last one on several."""
    for size in sizes:
        pages = columns(wrapped(texts, width, size), height)
        if len(pages) == 1:
            break
    return pages


def content(lines: Sequence[Line], font: Font, left: float, right: float, top: float) -> str:
    """Lines from `top` downwards as a page's content; those from right to left stand at the right."""
    parts = ["BT"]
    y = top
    for line in lines:
        y -= line.height
        if not line.words:
            continue
        shown = drawn(line.words, rtl=line.rtl)
        x = right - width_of(shown, line.size) if line.rtl else left
        grey = "0.4 g" if line.grey else "0 g"
        parts.append(f"{grey} /F {line.size:.2f} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm <{font.encoded(shown)}> Tj")
    return "\n".join([*parts, "ET\n"])
