"""The words that were found, with what stands around them, spelt as on the page."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from books.folding import places, readable
from books.search_query import SearchQuery, Term

AROUND = 70
"""Characters shown on each side of a found word."""
MOST_PLACES = 3

Piece = tuple[str, bool]
"""Some text, and whether it is a found word."""


def snippet(data: str, query: SearchQuery) -> list[Piece]:
    """Up to three places of a page's text where words of the query stand, in the page's own spelling.

    Unescaped: whoever shows the pieces escapes them.
    """
    text = readable(data)
    marks = _marks(text, query)
    pieces: list[Piece] = []
    for start, end in _windows(text, marks):
        pieces.append((_dots(start > 0) if not pieces else " … ", False))
        pieces += _pieces(text, start, end, [mark for mark in marks if start <= mark[0] and mark[1] <= end])
        last = end
    return [piece for piece in (*pieces, (_dots(last < len(text)), False)) if piece[0]] if pieces else []


def _dots(more: bool) -> str:
    return " … " if more else ""


def _marks(text: str, query: SearchQuery) -> list[tuple[int, int]]:
    """Where found words begin and end in the text, in order and apart from each other."""
    folded, at = places(text)
    found = sorted(
        (at[match.start()], _end(text, at[match.end() - 1] + 1))
        for term in query.terms
        for match in _pattern(term, query.apart).finditer(folded)
    )
    marks: list[tuple[int, int]] = []
    for start, end in found:
        if not marks or start >= marks[-1][1]:
            marks.append((start, end))
    return marks


def _pattern(term: Term, apart: bool) -> re.Pattern[str]:
    words = term.words if apart else re.sub("[uv]", "[uv]", re.sub("[ij]", "[ij]", term.words))
    return re.compile("(?<![^ ])" + words.replace(" ", " +") + ("[^ ]*" if term.open_end else "(?![^ ])"))


def _end(text: str, end: int) -> int:
    """Points and accents belong to the letter before them."""
    while end < len(text) and unicodedata.category(text[end]) == "Mn":
        end += 1
    return end


def _windows(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    windows: list[tuple[int, int]] = []
    for first, last in marks:
        start, end = _word_start(text, first), _word_end(text, last)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        elif len(windows) == MOST_PLACES:
            break
        else:
            windows.append((start, end))
        if windows[-1][1] - windows[-1][0] > 6 * AROUND:
            break
    return windows


def _word_start(text: str, at: int) -> int:
    start = max(0, at - AROUND)
    space = text.find(" ", start, at)
    return start if not start or space < 0 else space + 1


def _word_end(text: str, at: int) -> int:
    end = min(len(text), at + AROUND)
    space = text.rfind(" ", at, end)
    return end if end == len(text) or space < 0 else space


def _pieces(text: str, start: int, end: int, marks: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    edges = [start, *(edge for mark in marks for edge in mark), end]
    for number, (one, other) in enumerate(pairwise(edges)):
        if one < other:
            yield text[one:other], number % 2 == 1
