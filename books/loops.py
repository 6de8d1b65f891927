"""Repetition in texts: the measurements behind the rule against loops (I23), fast enough for runaway
answers.

Words are counted without digits, long ones in pieces, scripts without spaces by character: counting up while
repeating ("Item 1 ..., Item 2 ...") is a loop too, a column of figures is none.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]{1,12}")
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Repeat:
    """A stretch of a text that repeats itself: where it starts, its period and its length, in words."""

    start: int
    period: int
    length: int

    @property
    def times(self) -> float:
        return self.length / self.period

    @property
    def is_loop(self) -> bool:
        """A short phrase must come very often, a long passage need only come twice: refrains are no
        loops.
        """
        if self.period == 1:
            return self.length >= 60
        return (
            (self.times >= 4 and self.length >= 40)
            or (self.times >= 3 and self.length >= 150)
            or (self.times >= 2 and self.length >= 120)
        )


@dataclass(frozen=True)
class Measured:
    """A text's words, its longest exact repetition, and the share of word groups that have come before (0
    to 1).
    """

    words: list[str]
    repeat: Repeat | None
    share: float


def measure(text: str) -> Measured:
    """Measure a text of any length; below three words there is nothing to find."""
    words = WORD.findall(text)
    if len(words) < 3:
        return Measured(words, None, 0.0)
    numbers = _numbered(words)
    threes = _threes(numbers)
    period = _usual_distance(threes)
    repeat = _longest_run(numbers, period) if period else None
    return Measured(words, repeat, 1 - len(np.unique(threes)) / len(threes))


def _numbered(words: list[str]) -> Numbers:
    """Each word as a number, the same word always the same."""
    number_of = {word: number for number, word in enumerate(set(words))}
    return np.fromiter(map(number_of.__getitem__, words), np.int64, len(words))


def _threes(numbers: Numbers) -> Numbers:
    """Each group of three consecutive words as one number."""
    base = int(numbers.max()) + 1
    return (numbers[:-2] * base + numbers[1:-1]) * base + numbers[2:]


def _usual_distance(threes: Numbers) -> int:
    """How many words after each other the same groups come most often; 0 when none comes twice."""
    order = np.argsort(threes, kind="stable")
    same = threes[order[1:]] == threes[order[:-1]]
    distances = (order[1:] - order[:-1])[same]
    return int(np.bincount(distances).argmax()) if len(distances) else 0


def _longest_run(numbers: Numbers, period: int) -> Repeat:
    """The longest stretch in which every word is the one a period earlier."""
    breaks = np.flatnonzero(numbers[period:] != numbers[:-period])
    edges = np.concatenate(([-1], breaks, [len(numbers) - period]))
    gaps = np.diff(edges) - 1
    at = int(gaps.argmax())
    return Repeat(start=int(edges[at]) + 1, period=period, length=int(gaps[at]) + period)
