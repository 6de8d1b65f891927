"""From boxes in the order of their discovery to lines in the order of reading."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median

SAME_LINE = 0.45  # of a line's height: centres nearer than this are on one line
PARAGRAPH = 1.8  # of the usual distance of lines: a wider gap begins a new paragraph


@dataclass(frozen=True)
class Box:
    """A piece of a line: its place in pixels and its text."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @classmethod
    def around(cls, corners: list[list[float]], text: str) -> Box:
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return cls(min(xs), min(ys), max(xs), max(ys), text.strip())

    @property
    def centre(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


def page_text(boxes: list[Box]) -> str:
    """The page as lines of text, columns one after the other, a blank line between paragraphs."""
    boxes = [box for box in boxes if box.text]
    return "\n\n".join(_column_text(column) for column in columns(boxes))


def columns(boxes: list[Box]) -> list[list[Box]]:
    """Two columns where a gap runs down most of the page, with text on both sides; else all in one."""
    gutter = _gutter(boxes)
    if gutter is None:
        return [boxes] if boxes else []
    left = [box for box in boxes if box.right <= gutter]
    right = [box for box in boxes if box.left >= gutter]
    across = [box for box in boxes if box.left < gutter < box.right]
    first = min((box.top for box in left + right), default=0)
    heads = [box for box in across if box.centre < first]
    feet = [box for box in across if box.centre >= first]
    return [column for column in (heads, left, right, feet) if column]


def _gutter(boxes: list[Box]) -> float | None:
    """The x of a white strip in the page's middle; a tenth of the boxes may cross it."""
    if len(boxes) < 16:
        return None
    low, high = min(box.left for box in boxes), max(box.right for box in boxes)
    for step in range(7, 14):
        x = low + (high - low) * step / 20
        left = sum(box.right <= x for box in boxes)
        right = sum(box.left >= x for box in boxes)
        if left + right >= 0.9 * len(boxes) and min(left, right) >= 0.35 * len(boxes):
            return x
    return None


def rows(boxes: list[Box]) -> list[list[Box]]:
    """Boxes of one line together, lines from top to bottom, pieces from left to right."""
    found: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.centre):
        first = found[-1][0] if found else None
        if first and abs(box.centre - first.centre) < SAME_LINE * min(box.height, first.height):
            found[-1].append(box)
        else:
            found.append([box])
    return [sorted(row, key=lambda box: box.left) for row in found]


def _column_text(boxes: list[Box]) -> str:
    lines = rows(boxes)
    steps = [below[0].centre - above[0].centre for above, below in pairwise(lines)]
    usual = median(steps) if steps else 0
    text = ""
    for at, row in enumerate(lines):
        gap = "" if at == 0 else "\n\n" if steps[at - 1] > PARAGRAPH * usual else "\n"
        text += gap + " ".join(box.text for box in row)
    return text
