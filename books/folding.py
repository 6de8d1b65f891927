"""Texts as they are compared in a search, and where each of their letters stood.

Folded are case, diacritics, ligatures, the long s, and words that a line's end divides; tags go. What is no letter
or digit divides words, so a folded text is words with single spaces between them. Each letter is folded by itself:
so that the place of a found word in the folded text leads back to its place in the text.
"""

import re
import unicodedata
from collections.abc import Iterator

from books import markup

# What Unicode does not take apart but readers look for as the plain letters.
_LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ꝛ": "r"}
_DIVIDED = re.compile(r"(?<=[^\W\d_])(?:[-\u2010\u00ac\u2e17\u2e40]|\u00ad)[ \t]*\r?\n[ \t]*(?=[^\W\d_])")
_INSIDE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
# Chinese and Japanese set no spaces: each character is a word.
_NO_SPACES = re.compile("[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_MERGED = str.maketrans("vj", "ui")
LONGEST = 200_000
"""Characters of a page's text that are searched; PostgreSQL refuses words of more than a megabyte in one row."""


def readable(text: str) -> str:
    """A page's text without tags and with words joined that a line's end divides; spaces and ends of lines are
    one space.
    """
    joined = _DIVIDED.sub("", markup.plain(text[:LONGEST]).replace(markup.BLANK, ""))
    return " ".join(_INSIDE.sub("", joined.replace(markup.UNREADABLE, "")).split())


def fold(text: str) -> str:
    """Words of letters and digits in small plain letters, with one space between them."""
    return " ".join(text.translate(_TABLE).split())


def merged(folded: str) -> str:
    """The same with u and v, and i and j, as one letter, as old printers set them."""
    return folded.translate(_MERGED)


def places(text: str) -> tuple[str, list[int]]:
    """The text folded letter by letter, with spaces where it has them, and for each folded letter where it
    stands in the text.
    """
    letters = list(_letters(text))
    return "".join(letter for _, letter in letters), [at for at, _ in letters]


def _letters(text: str) -> Iterator[tuple[int, str]]:
    for at, letter in enumerate(text):
        for folded in _TABLE[ord(letter)]:
            yield at, folded


class _Table(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _folded(chr(code))
        return found


def _folded(letter: str) -> str:
    parts = [part for part in unicodedata.normalize("NFKD", letter) if unicodedata.category(part) != "Mn"]
    small = "".join(_LETTERS.get(part, part) for part in "".join(parts).casefold())
    plain = [part for part in unicodedata.normalize("NFKD", small) if unicodedata.category(part) != "Mn"]
    words = "".join(part if unicodedata.category(part)[0] in "LNM" else " " for part in plain)
    return f" {words} " if _NO_SPACES.match(letter) else words


_TABLE = _Table()
