"""Which script and which language a text seems to be in, by its letters and by its commonest little
words.
"""

import re
from collections import Counter
from functools import cache

LETTERS = {
    "Latn": "A-Za-zªºÀ-ÖØ-öø-ʯᵀ-ᶿḀ-ỿꜢ-ꟿﬀ-ﬆ\ue000-\uf8ff",
    "Grek": "Ͱ-Ͽἀ-῿",
    "Cyrl": "Ѐ-ԯᲀ-ᲈꙀꙂ-ꚟ",
    "Hebr": "א-תװ-ײיִ-ﭏ",
    "Arab": "ؠ-ي٠-ۿݐ-ݿﭐ-﷿ﹰ-ﻼ",
    "Syrc": "ܐ-ݏ",
    "Armn": "Ա-֏",
    "Geor": "Ⴀ-ჿ",
    "Copt": "Ⲁ-⳿Ϣ-ϯ",
    "Ethi": "ሀ-፼",
    "Deva": "ऀ-ॿ",
    "Beng": "ঀ-৿",
    "Taml": "஀-௿",
    "Tibt": "ༀ-࿿",
    "Thai": "ก-๛",
    "Hang": "ᄀ-ᇿ가-힣",
    "Kana": "ぁ-ヿ",
    "Hani": "㐀-䶿一-鿿豈-﫿",
}
# Scripts that are written with the letters of several of the above.
MADE_OF = {
    "Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Kana", "Hani"), "Kore": ("Hang", "Hani"), "Latf": ("Latn",),
    "Aran": ("Arab",), "Syre": ("Syrc",),
}  # fmt: skip
NAMES = {
    "Latn": "Latin", "Grek": "Greek", "Cyrl": "Cyrillic", "Hebr": "Hebrew", "Arab": "Arabic", "Syrc": "Syriac",
    "Armn": "Armenian", "Geor": "Georgian", "Copt": "Coptic", "Ethi": "Ethiopic", "Deva": "Devanagari",
    "Beng": "Bengali", "Taml": "Tamil", "Tibt": "Tibetan", "Thai": "Thai", "Hang": "Korean", "Kana": "Japanese",
    "Hani": "Chinese",
}  # fmt: skip
# Little words that are common in one of these languages and rare in the others.
LITTLE_WORDS = {
    "en": "the of and to that was with his which from not they were this have for are had their",
    "de": "der die und das nicht von den mit sich dem ist auch ein eine auff wie oder so vnd werden zu",
    "fr": "le les des du qui dans que une pour par ce il est sur au aux ne pas sont avec plus",
    "la": "et in ad non cum ut est quod sed qui quae ex ab hoc per sunt enim aut atque etiam nec",
    "it": "il di che la non per con del della una gli nel alla sono come le si questo piu anche",
    "es": "el los las del que por con una para se su como mas pero sus este al lo ha muy",
    "nl": "het een van dat zijn niet met voor aan ook door maar worden werd naar bij uit dit ende den",
    "pt": "os as que da do uma com não para se por mais dos das como ao foi ele seu muito",
}
SAMPLE = 20_000  # characters


def share_of(script: str, text: str) -> tuple[float, int]:
    """The share of a text's letters that belong to a script (0 to 1), and how many letters were counted."""
    counts = _counts(text[:SAMPLE])
    total = sum(counts.values())
    own = sum(counts[part] for part in MADE_OF.get(script, (script,)))
    return (own / total if total else 0.0), total


def main_script(text: str) -> str:
    """The script that most letters belong to, `Latn`; empty for a text without letters."""
    counts = _counts(text[:SAMPLE])
    return max(counts, key=lambda script: counts[script]) if sum(counts.values()) else ""


def is_known(script: str) -> bool:
    """Whether the letters of a script are listed here."""
    return all(part in LETTERS for part in MADE_OF.get(script, (script,)))


def main_language(text: str) -> tuple[str, float, float]:
    """The best match among LITTLE_WORDS, its share of all words (0 to 1), and how many times the next one's
    it is.
    """
    words = Counter(re.findall(r"[^\W\d_]+", text[:SAMPLE].lower().replace("ſ", "s")))
    total = sum(words.values()) or 1
    shares = {code: sum(words[word] for word in little) / total for code, little in _little().items()}
    best, second = sorted(shares, key=lambda code: -shares[code])[:2]
    return best, shares[best], shares[best] / shares[second] if shares[second] else float("inf")


def share_of_language(code: str, text: str) -> float | None:
    """The share of words that are little words of a language; None when the language is not listed here."""
    if code not in LITTLE_WORDS:
        return None
    words = re.findall(r"[^\W\d_]+", text[:SAMPLE].lower().replace("ſ", "s"))
    return sum(word in _little()[code] for word in words) / max(len(words), 1)


@cache
def _little() -> dict[str, frozenset[str]]:
    return {code: frozenset(words.split()) for code, words in LITTLE_WORDS.items()}


@cache
def _letters(script: str) -> re.Pattern[str]:
    return re.compile(f"[{LETTERS[script]}]+")


def _counts(text: str) -> Counter[str]:
    return Counter({script: sum(map(len, _letters(script).findall(text))) for script in LETTERS})
