"""Long s, which the recogniser reads as f, put right on Latin pages where Latin itself decides.

Only pages that show a long s at all are touched: on them s hardly ever stands before another letter. The rules are
about letters (Latin has no ft, fp or fc), prefixes (inferre, but insidere) and the commonest beginnings of words.
What could be either (fit or sit in a doubtful place, fero or sero) stays as it was read.
"""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]+")
LATIN = {"non", "cum", "ut", "ad", "quod", "quae", "nec", "atque", "est", "eft", "funt", "enim", "ab", "ex", "sed",
         "fed", "per", "hic", "haec", "tibi", "fic", "quam", "ille"}  # fmt: skip
LEAST_LATIN = 0.03  # of all words
LEAST_F = 8  # on a page, to judge by
MOST_S = 0.15  # of s before a letter among f and s

# True f inside a word: after ad-, ex-, ob-, dis-, sub-; after other prefixes before -fer, -fac, -fic, ...
DOUBLE = re.compile(r"^(?:a|e|o|di|s?u|fu)ff(?!e(?:[mst]|mus|tis|nt|ns)?$|olet)", re.IGNORECASE)
ROOT = (
    r"(?:er(?!i)|eri|ac(?!r)|ic|ec|und|unct|ug|orm|ort|ix|in[igx]|all|at[aeiou]|ess|ig|irm|luc|lu|li|r[aeu])"
)
PREFIXED = re.compile(rf"^(?:con|cō|in|re|de|per|pro|prae|præ|trans|circum|suf|of)f(?={ROOT})", re.IGNORECASE)
COMPOUND = re.compile(r"(?<=[ei])f(?=ic|ex|act|er[oaeiu]?s?$)|(?<!m)(?<=i)f(?=er)", re.IGNORECASE)
BEFORE_CONSONANT = re.compile(r"f(?=[bcdfgmnpqtv]|st)")
# Beginnings of words that can only have an s, or nearly always have one.
BEGINNINGS = re.compile(
    r"^f(?=(?:ed|e|i|ibi|i[cn]e?|icut\w*|it|int|umus|unt|um|u[ao]\w{0,3}|uis|uum|ub\w*|uper\w*|uffic\w*|umm\w+"
    r"|empe[rt]\w*|emel|en[ae][cftx]\w*|ens\w*|entent\w*|eptem|ecur\w*|equ\w+|eru[ia]\w*|exu\w*|ed[ei]\w*"
    r"|ol[aiou]\w{0,2}|ol[eu]\w+|olli\w+|olœ\w+|oror\w*|on[aiou]\w+|ors|ignum|ign[aio]\w*|imul\w*|imil\w*"
    r"|ibil\w*|ilent\w*|ider\w*|acr\w+|anct\w+|apien\w*|agitt\w*|angui\w*|atell\w*|atis|ax[aiou]\w*|(?:ae|æ)[pu]\w+"
    r"|ubit\w*|uccef\w*|ueu\w*|u[cf]urr\w*|ulc\w+|ententi\w*|alut\w*|alu[eoi]\w*|apit\w*|atur\w*)$)",
    re.IGNORECASE,
)


def repaired(text: str) -> str:
    """The text with s for f where that is sure, or as it was when it is no Latin page with long s."""
    if not (_has_long_s(text) and _is_latin(text)):
        return text
    return WORD.sub(lambda word: _word(word.group()), text)


def _has_long_s(text: str) -> bool:
    f, s = text.count("f"), len(re.findall(r"s(?=[^\W\d_])", text))
    return f >= LEAST_F and s <= MOST_S * (f + s)


def _is_latin(text: str) -> bool:
    words = [word.lower() for word in WORD.findall(text)]
    return sum(word in LATIN for word in words) >= LEAST_LATIN * len(words)


def _word(word: str) -> str:
    """One word: letters that are surely f are set aside, the rest become s."""
    if "f" not in word:
        return word
    true = {at for match in (DOUBLE.match(word), PREFIXED.match(word)) if match for at in _places(match)}
    true |= {match.start() for match in COMPOUND.finditer(word)}
    sure = {0} if BEGINNINGS.match(word) else set()
    return "".join(_letter(word, at, true, sure) for at in range(len(word)))


def _places(match: re.Match[str]) -> list[int]:
    """Where the f stands that a prefix brings: the last one or two letters of the match."""
    end = match.end()
    return [end - 1, end - 2] if match.group().endswith("ff") else [end - 1]


def _letter(word: str, at: int, true: set[int], sure: set[int]) -> str:
    letter = word[at]
    if letter != "f" or at in true or at == len(word) - 1:
        return letter
    inside = at > 0 and word[at - 1].isalpha()
    before_consonant = BEFORE_CONSONANT.match(word, at) is not None
    return "s" if inside or before_consonant or at in sure else letter
