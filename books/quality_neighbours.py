"""What shows only beside the pages before and behind: pages cut off, too full, doubled, or with another page's text.

A rule is one small function `(pages, at) -> Finding | None` over the facts of a book's pages in order, with its
evidence in the sentence, like the rules of books.quality; it only flags. The texts it is given are those that count
now, so a book is looked over when all that is new has come in: after a batch is collected, by the schedule.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from books import markup
from books.markup import Tagged
from books.quality import LITTLE_INK, Finding

# Pages before and behind that a page is measured by, and how many of them must have a text.
AROUND, FEWEST = 5, 4
# Of the length that the neighbours let expect. Pages of verse and of prose, with notes and without, differ by a third.
CUT, SHORT, LONG = 0.7, 0.4, 2.2
LEAST_MORE = 600  # characters
# Share of common groups of words from which two texts are the same one, and how many words one must have for that.
SAME, LEAST_WORDS = 0.7, 30
# So many numbered pages on a side must agree before one that does not is wrong.
AGREE = 2
WHOLE = re.compile(r"[.!?:;·…]['\"’”»)\]]*$|\]\]$")
ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
MAX_TOKENS = "MAX_TOKENS"


@dataclass(frozen=True)
class Facts:
    """A page as its neighbours see it. `printed` is the number printed on it, folios counted by pages; `ink` 0 to 1."""

    number: int
    length: int
    ink: float | None = None
    printed: int | None = None
    ends: bool = True
    pictures: bool = False
    image_sha256: str = ""
    finish_reason: str = ""
    groups: frozenset[int] = field(default=frozenset(), repr=False)


Rule = Callable[[Sequence[Facts], int], Finding | None]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Register a rule."""
    RULES.append(function)
    return function


def facts(
    number: int, text: str, *, ink: float | None = None, image_sha256: str = "", finish_reason: str = ""
) -> Facts:
    """What the rules need of a text."""
    plain = markup.plain(text, ("page-num", "signature", "catchword", "image", "gap"))
    words = re.findall(r"[^\W\d_]+", plain.lower())
    # Groups of words are kept as numbers: a book's worth of them stays small.
    groups = frozenset(hash(three) for three in zip(words, words[1:], words[2:], strict=False))
    return Facts(
        number, len("".join(plain.split())), ink, printed_number(text), bool(WHOLE.search(text.rstrip())),
        "[[image" in text, image_sha256, finish_reason, groups,
    )  # fmt: skip


def check(pages: Sequence[Facts]) -> Iterator[tuple[int, Finding]]:
    """All findings of a book's pages, which must be in order, by their place in it."""
    for at in range(len(pages)):
        for one in RULES:
            if found := one(pages, at):
                yield at, found


@rule
def cut_off(pages: Sequence[Facts], at: int) -> Finding | None:
    """A text that stops in the middle of a sentence and is shorter than the page must have (I21)."""
    page = pages[at]
    if page.finish_reason == MAX_TOKENS:
        return Finding(
            "cut_off", "flag", "The model stopped at its length limit: the end of the page is missing."
        )
    expected = _expected(pages, at)
    if page.ends or expected is None or not SHORT * expected[0] <= page.length < CUT * expected[0]:
        return None
    reason = (
        f"The text stops in the middle of a sentence after {page.length:,} letters; by its neighbours the page should "
        f"have about {expected[0]:,.0f}: its end may be missing."
    )
    return Finding("cut_off", "flag", reason)


@rule
def short_for_neighbours(pages: Sequence[Facts], at: int) -> Finding | None:
    """Far less than the pages around, although as much is printed on it."""
    page, expected = pages[at], _expected(pages, at)
    if expected is None or page.length >= SHORT * expected[0]:
        return None
    reason = f"{page.length:,} letters; by its neighbours the page should have about {expected[0]:,.0f}."
    return Finding("short_for_neighbours", "flag", reason)


@rule
def long_for_neighbours(pages: Sequence[Facts], at: int) -> Finding | None:
    """Far more than the pages around: another page's text too, or an invented one."""
    page, expected = pages[at], _expected(pages, at)
    if expected is None or page.length <= max(LONG * expected[1], expected[1] + LEAST_MORE):
        return None
    reason = f"{page.length:,} letters; by its neighbours the page should have about {expected[1]:,.0f}."
    return Finding("long_for_neighbours", "flag", reason)


@rule
def same_as_neighbour(pages: Sequence[Facts], at: int) -> Finding | None:
    """The text of the page before or behind once more, from another image."""
    page = pages[at]
    for other in (*pages[max(at - 1, 0) : at], *pages[at + 1 : at + 2]):
        least = min(len(page.groups), len(other.groups))
        if least < LEAST_WORDS or (page.image_sha256 and page.image_sha256 == other.image_sha256):
            continue
        share = len(page.groups & other.groups) / least
        if share >= SAME:
            reason = f"{share:.0%} of this text stand on page {other.number} too: one of the two is on the wrong page."
            return Finding("same_as_neighbour", "flag", reason)
    return None


@rule
def page_number_jump(pages: Sequence[Facts], at: int) -> Finding | None:
    """The printed number is not the one that the numbers around call for: the text of another page (I03)."""
    page = pages[at]
    if page.printed is None:
        return None
    before = [one for one in pages[max(at - AROUND, 0) : at] if one.printed is not None]
    behind = [one for one in pages[at + 1 : at + 1 + AROUND] if one.printed is not None]
    step = _step(pages, at)
    if step is None:
        return None
    wanted = [_agreed(some, page, step) for some in (before, behind)]
    found = {one for one in wanted if one is not None}
    if len(found) == 1 and page.printed not in found and (None not in wanted or _has_end(pages, at)):
        return Finding("page_number_jump", "flag", _jump(page.printed, found.pop()))
    # Both sides agree with themselves but not with each other: from here on everything is shifted.
    first = (
        bool(before) and before[-1].number == page.number - 1 and before[-1].printed != page.printed - step
    )
    if first and len(found) == 2 and wanted[1] == page.printed:
        return Finding("page_number_jump", "flag", _jump(page.printed, wanted[0] or 0))
    return None


def _jump(printed: int, wanted: int) -> str:
    return (
        f"The number printed here is {printed}; by the pages around it should be {wanted}: texts may be shifted, or "
        "leaves missing."
    )


def printed_number(text: str) -> int | None:
    """The number tagged as the page's, from `12`, `- 12 -`, `XII`, `xij`, `fol. 3v`; None for none or several."""
    tag = next(
        (one for one in markup.parse(text) if isinstance(one, Tagged) and one.name == "page-num"), None
    )
    if tag is None:
        return None
    words = re.findall(r"\d+\s*[rv]?\b|\b[ivxlcdmj]+\b", tag.text.lower().replace("fol", " "))
    return _value(words[0].replace(" ", "")) if len(words) == 1 else None


def _value(word: str) -> int | None:
    if word[0].isdigit():
        digits = word.rstrip("rv")
        # A leaf has two pages: 3r is the fifth, 3v the sixth.
        return int(digits) if digits == word else 2 * int(digits) - word.endswith("r")
    values = [ROMAN["i" if letter == "j" else letter] for letter in word]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)


def _expected(pages: Sequence[Facts], at: int) -> tuple[float, float] | None:
    """The least and the most letters that the page should have by its neighbours: as many, or as many for its ink.

    None where too few neighbours have a text, where the ink is not known or next to none, and for pictures, which are
    ink too. An ornament is no picture that a text tells of: hence the least counts where a page has little.
    """
    page = pages[at]
    around = [*pages[max(at - AROUND, 0) : at], *pages[at + 1 : at + 1 + AROUND]]
    texts = [
        (one.length, one.length / one.ink) for one in around if one.ink and one.length and not one.pictures
    ]
    if len(texts) < FEWEST or page.pictures or not page.ink or page.ink < LITTLE_INK:
        return None
    length, dense = (median(values) for values in zip(*texts, strict=True))
    return min(length, dense * page.ink), max(length, dense * page.ink)


def _step(pages: Sequence[Facts], at: int) -> int | None:
    """By how much printed numbers grow from page to page: 1, or 2 where an image shows two pages or leaves are counted
    on one side only as pages; None where the numbers around follow no rule.
    """
    some = [one for one in pages[max(at - AROUND, 0) : at + 1 + AROUND] if one.printed is not None]
    steps = [
        ((two.printed or 0) - (one.printed or 0)) / (two.number - one.number) for one, two in pairwise(some)
    ]
    for step in (1, 2):
        if len(steps) >= 2 * AGREE and sum(found == step for found in steps) >= len(steps) / 2:
            return step
    return None


def _agreed(some: Sequence[Facts], page: Facts, step: int) -> int | None:
    """The number that at least two of these pages, and most of them, call for on this page."""
    calls = [(one.printed or 0) + step * (page.number - one.number) for one in some]
    best = max(set(calls), key=calls.count, default=None)
    if best is None or calls.count(best) < AGREE or calls.count(best) <= len(calls) / 2:
        return None
    return best


def _has_end(pages: Sequence[Facts], at: int) -> bool:
    """Whether the book begins or ends near here, so that one side has too few pages to agree."""
    return at < AGREE or at >= len(pages) - AGREE
