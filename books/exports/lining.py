"""Where the lines of a page's present text stand on its image: matched with the lines that the second reading found.

Its text is often better than the engine's and its lines are mostly the same, so each line of the text looks for the
engine's line that is most like it: first in order (the best monotone alignment by dynamic programming), then, for notes
in margins and other columns, wherever one is left. A line that none is like has no place, and formats say how many.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from books import markup
from books.exports.base import Leaf, Options, leaves
from books.exports.trees import lines as plain_lines
from books.folding import fold, merged
from books.models import Book
from books.second_reading.models import SecondReading

CHUNK = 100
# Share of common pairs of letters from which two lines may be the same, and from which also out of order.
ALIKE, CERTAIN = 0.4, 0.6
# Lines this far from where they would be if both had evenly many are not compared.
BAND_LINES, BAND_SHARE = 12, 0.25
# Our words on the page, not the page's.
NOT_PRINTED = ("image", "gap")
BREAKING = frozenset({"header", "page-num", "margin", "gloss", "signature", "catchword"})

Box = tuple[int, int, int, int]
Pairs = Counter[str]


@dataclass(frozen=True)
class Placed:
    """A line of the text: where it stands in pixels (left, top, right, bottom), if that is known; `block` counts the
    paragraphs."""

    words: str
    block: int
    box: Box | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Lined:
    """A leaf with the lines of its transcription; the pixels are of an image of `width` x `height`, 0 where unknown."""

    leaf: Leaf
    lines: tuple[Placed, ...]
    width: int = 0
    height: int = 0
    engine: str = ""

    @property
    def placed(self) -> int:
        """How many lines have a place."""
        return sum(line.box is not None for line in self.lines)

    def sentence(self) -> str:
        """For a file's notes on how it was made."""
        if not self.lines:
            return "There is no text on this page."
        if not self.placed:
            return "Where lines stand on the page is not known."
        left = len(self.lines) - self.placed
        rest = f"; {left} lines were not found and have no place" if left else ""
        return (
            f"Places of lines were found by {self.engine} on an image of {self.width} x {self.height} pixels{rest}. "
            "Places of words are estimated from their length."
        )


def lined(book: Book, options: Options) -> Iterator[Lined]:
    """The leaves with the places of their transcriptions' lines, in three queries for every hundred."""
    every = leaves(book, options)
    while some := list(islice(every, CHUNK)):
        rows = SecondReading.objects.filter(page__in=[leaf.page.pk for leaf in some], error="")
        readings = {row.page_id: row for row in rows}
        for leaf in some:
            yield lined_leaf(leaf, readings.get(leaf.page.pk))


def lined_leaf(leaf: Leaf, reading: SecondReading | None) -> Lined:
    """One leaf. A reading of another image than the page has now says nothing of it."""
    text = leaf.transcription.data if leaf.transcription else ""
    lines = list(_lines(text))
    if reading is None or not reading.width or reading.image_sha256 != leaf.page.image_sha256:
        return Lined(leaf, tuple(lines))
    found = matched([line.words for line in lines], [str(row[4]) for row in reading.lines])
    placed = tuple(
        line if at is None else _at(line, reading.lines[at]) for line, at in zip(lines, found, strict=True)
    )
    return Lined(leaf, placed, reading.width, reading.height, reading.engine)


def matched(lines: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """For each line the index of the one that is like it among the others, each used once."""
    own, theirs = [_pairs(line) for line in lines], [_pairs(line) for line in others]
    alike = _likeness(own, theirs)
    found: list[int | None] = [None] * len(lines)
    for one, other in _in_order(len(own), len(theirs), alike):
        found[one] = other
    free = set(range(len(theirs))) - {at for at in found if at is not None}
    rest = [(_like(own[one], theirs[other]), one, other) for one in _open(found, own) for other in free]
    for likeness, one, other in sorted(rest, reverse=True):
        if likeness >= CERTAIN and found[one] is None and other in free:
            found[one] = other
            free.remove(other)
    return found


def words_of(line: Placed) -> Iterator[tuple[str, Box | None]]:
    """The line's words, each with the part of its box that its share of letters gives."""
    words = line.words.split()
    if line.box is None:
        yield from ((word, None) for word in words)
        return
    left, top, right, bottom = line.box
    scale = (right - left) / max(len(" ".join(words)), 1)
    start = 0
    for word in words:
        end = start + len(word)
        yield word, (left + round(start * scale), top, left + round(end * scale), bottom)
        start = end + 1


def _lines(text: str) -> Iterator[Placed]:
    """The printed lines; what stands apart from the running text is a line, and a block, of its own."""
    block = 0
    printed = "".join(_printed(markup.parse(text.replace(markup.BLANK, "").replace(markup.UNREADABLE, ""))))
    for line in plain_lines(printed):
        if words := " ".join(line.split()):
            yield Placed(words, block)
        else:
            block += 1


def _printed(pieces: Sequence[markup.Piece]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif piece.name in BREAKING:
            yield "\n\n" + "".join(_printed(piece.pieces)) + "\n\n"
        elif piece.name not in NOT_PRINTED:
            yield from _printed(piece.pieces)


def _at(line: Placed, row: Sequence[int | str | float]) -> Placed:
    left, top, right, bottom = (int(edge) for edge in row[:4])
    return Placed(line.words, line.block, (left, top, right, bottom), float(row[5]))


def _open(found: Sequence[int | None], own: Sequence[Pairs]) -> list[int]:
    return [one for one, at in enumerate(found) if at is None and own[one]]


def _pairs(line: str) -> Pairs:
    """Pairs of letters, as engines may see them: f is their long s."""
    letters = merged(fold(line)).replace(" ", "").replace("f", "s")
    return Counter(letters[at : at + 2] for at in range(len(letters) - 1)) or Counter(letters)


def _like(one: Pairs, other: Pairs) -> float:
    """Dice's coefficient: 1 for the same, 0 for nothing in common."""
    sizes = one.total() + other.total()
    return 2 * (one & other).total() / sizes if sizes else 0.0


def _likeness(own: Sequence[Pairs], theirs: Sequence[Pairs]) -> dict[tuple[int, int], float]:
    """Of lines that stand about equally far down the page."""
    found = {}
    band = BAND_LINES + BAND_SHARE * len(theirs)
    for one, pairs in enumerate(own):
        middle = one * len(theirs) / max(len(own), 1)
        for other in range(max(0, int(middle - band)), min(len(theirs), int(middle + band) + 1)):
            if (likeness := _like(pairs, theirs[other])) >= ALIKE:
                found[one, other] = likeness
    return found


def _in_order(count: int, others: int, alike: dict[tuple[int, int], float]) -> Iterator[tuple[int, int]]:
    """The pairs of greatest likeness together that do not cross."""
    best = [[0.0] * (others + 1) for _ in range(count + 1)]
    for one in range(count - 1, -1, -1):
        for other in range(others - 1, -1, -1):
            both = alike.get((one, other), 0.0)
            taken = both + best[one + 1][other + 1] if both else 0.0
            best[one][other] = max(taken, best[one + 1][other], best[one][other + 1])
    one = other = 0
    while one < count and other < others:
        both = alike.get((one, other), 0.0)
        if both and best[one][other] == both + best[one + 1][other + 1]:
            yield one, other
            one, other = one + 1, other + 1
        elif best[one][other] == best[one + 1][other]:
            one += 1
        else:
            other += 1
