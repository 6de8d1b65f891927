"""What differs between two texts, word by word, for people to look at."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# Beyond this many words on a side (after what is alike at both ends is set aside) lines are compared instead:
# the word comparison takes time in the square of the length, and a looping text has 30,000 words.
MOST_WORDS = 3000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")

Op = Literal["same", "gone", "new"]


@dataclass(frozen=True)
class Piece:
    """A run of text that is in both versions (`same`), only in the old (`gone`) or the new one (`new`)."""

    op: Op
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """The pieces, in order; leaving out the `new` gives `old`, leaving out the `gone` gives `new`."""
    return _joined(_compare(_WORDS.findall(old), _WORDS.findall(new)))


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Compare the middles; the common head and tail are told apart cheaply first."""
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    yield Piece("same", "".join(old[:head]))
    yield from _middle(old[head : len(old) - tail], new[head : len(new) - tail])
    yield Piece("same", "".join(old[len(old) - tail :]))


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items from the start on are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _middle(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Words where they are few, else lines, and at worst all of the one for all of the other."""
    if max(len(old), len(new)) > MOST_WORDS:
        old, new = _LINES.findall("".join(old)), _LINES.findall("".join(new))
    if max(len(old), len(new)) > MOST_WORDS:
        yield from (Piece("gone", "".join(old)), Piece("new", "".join(new)))
        return
    for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            yield Piece("same", "".join(old[i:j]))
        else:
            yield from (Piece("gone", "".join(old[i:j])), Piece("new", "".join(new[k:m])))


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """Neighbours of one kind as one piece, empty ones left out."""
    out: list[Piece] = []
    for piece in pieces:
        if piece.text and out and out[-1].op == piece.op:
            out[-1] = Piece(piece.op, out[-1].text + piece.text)
        elif piece.text:
            out.append(piece)
    return out
