"""From pieces of lines in the order in which an engine found them to lines in the order of reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

# Of a usual line's height: an empty strip from top to bottom as wide as this parts columns, ...
COLUMN_GAP = 1.0
# ... where each side has so many pieces; fewer are a margin's.
COLUMN_PIECES = 6
# Pieces are on one line when their middles are nearer than this.
SAME_LINE = 0.45


@dataclass(frozen=True)
class Line:
    """A line, or a piece of one, on an image: edges in pixels from the top left, confidence from 0 to 1."""

    left: int
    top: int
    right: int
    bottom: int
    text: str
    confidence: float

    @property
    def middle(self) -> float:
        """Its height on the page."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> int:
        """From its upper to its lower edge."""
        return self.bottom - self.top


def in_order(pieces: Sequence[Line]) -> list[Line]:
    """Whole lines, column after column, each column from top to bottom."""
    pieces = [piece for piece in pieces if piece.text.strip()]
    if not pieces:
        return []
    usual = median(piece.height for piece in pieces)
    return [_joined(row) for column in _columns(pieces, usual) for row in _rows(column)]


def _columns(pieces: list[Line], usual: float) -> list[list[Line]]:
    """Columns of the whole page; else, under a heading that runs across, columns of its bands."""
    if len(columns := _side_by_side(pieces, usual)) > 1:
        return columns
    bands = _cut(pieces, lambda one: (one.top, one.bottom), usual)
    parts = [column for band in bands for column in _side_by_side(band, usual)]
    return parts if len(parts) > len(bands) else [pieces]


def _side_by_side(pieces: list[Line], usual: float) -> list[list[Line]]:
    """The columns from left to right; a strip with little on one side of it parts a margin, no column."""
    parts = _cut(pieces, lambda one: (one.left, one.right), usual)
    return parts if min(map(len, parts)) >= COLUMN_PIECES else [pieces]


def _cut(pieces: list[Line], edges: Callable[[Line], tuple[int, int]], usual: float) -> list[list[Line]]:
    """The pieces in groups between which an empty strip runs, in their order."""
    parts: list[list[Line]] = []
    reached = float("-inf")
    for piece in sorted(pieces, key=edges):
        start, end = edges(piece)
        if start - reached >= COLUMN_GAP * usual:
            parts.append([])
        parts[-1].append(piece)
        reached = max(reached, end)
    return parts


def _rows(pieces: list[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda one: one.middle):
        if rows and abs(piece.middle - rows[-1][0].middle) < SAME_LINE * min(
            piece.height, rows[-1][0].height
        ):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return rows


def _joined(row: list[Line]) -> Line:
    row = sorted(row, key=lambda one: one.left)
    letters = sum(len(one.text) for one in row)
    return Line(
        min(one.left for one in row), min(one.top for one in row),
        max(one.right for one in row), max(one.bottom for one in row),
        " ".join(one.text.strip() for one in row),
        round(sum(one.confidence * len(one.text) for one in row) / letters, 3),
    )  # fmt: skip


def plain(lines: Sequence[Line]) -> str:
    """The lines as text."""
    return "\n".join(line.text for line in lines)
