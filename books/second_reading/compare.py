"""How much two readings of a page differ, whatever order their lines are in.

Both are folded (books.folding: case, diacritics, ligatures, line ends) and reduced to letters, with u as v, i as j, and
f as the long s that engines take for it. Compared are the groups of four letters in a row, each as often as it comes:
an engine that reads one letter in twenty wrong loses some of them, two different pages share hardly any. Measured on
the twelve pages of the sample book: 3 to 8 % between a page's transcription by people and RapidOCR's reading, 81 % and
more between two pages, 51 % and more when half of a page is missing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from books import markup, scripts
from books.folding import fold, merged

GROUP = 4  # letters
# Fewer letters than these tell nothing.
FEWEST = 100
# What stands in these tags is not print: our words on a picture, how much is missing, another hand.
NOT_PRINTED = ("image", "gap", "gloss")

Groups = Counter[str]


def of_text(text: str, known: Sequence[str]) -> tuple[Groups, float]:
    """The groups of a transcription's letters in scripts that the engine knows, and those letters' share of all."""
    plain = markup.plain(text.replace(markup.BLANK, "").replace(markup.UNREADABLE, ""), NOT_PRINTED)
    shares = [scripts.share_of(script, plain)[0] for script in known]
    return _groups(plain, tuple(known)), min(sum(shares), 1.0)


def of_reading(text: str, known: Sequence[str]) -> Groups:
    """The same of what the engine read."""
    return _groups(text, tuple(known))


def disagreement(text: Groups, reading: Groups, share: float = 1.0) -> float | None:
    """The share (0 to 1) of the longer one's groups that the other has not; None where there is too little to compare.

    `share` is that of the text's letters which the engine knows. Where it knows less than half of them, it cannot judge
    the page; where it knows most, what it makes of the others is not held against the text.
    """
    own, other = sum(text.values()), sum(reading.values()) * share
    if share < 0.5 or max(own, other) < FEWEST:
        return None
    return max(0.0, 1 - sum((text & reading).values()) / max(own, other))


def _groups(text: str, known: tuple[str, ...]) -> Groups:
    letters = "".join(_letters(known).findall(unicodedata.normalize("NFC", text)))
    folded = merged(fold(letters)).replace(" ", "").replace("f", "s")
    return Counter(folded[at : at + GROUP] for at in range(len(folded) - GROUP + 1))


@cache
def _letters(known: tuple[str, ...]) -> re.Pattern[str]:
    """Letters of these scripts, with the marks that combine with them."""
    ranges = "".join(scripts.LETTERS[part] for name in known for part in scripts.MADE_OF.get(name, (name,)))
    return re.compile(f"[{ranges}\u0300-\u036f]+")
