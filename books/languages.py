"""Languages as people name them and as they are stored: the shortest ISO 639 code, empty for unknown
(I29).
"""

import re
from functools import cache

import langcodes

from sourcebatch.lib.show import english_name

UNKNOWN = {"", "unknown", "und", "undetermined", "unbekannt", "inconnu", "?", "-", "none", "n/a"}
# Names that no list of present-day languages has, in the words of catalogues; periods of a language have
# codes.
NAMES = {
    "altgriechisch": "grc", "ancient greek": "grc", "classical greek": "grc", "greek, ancient": "grc",
    "greek, ancient (to 1453)": "grc", "grec ancien": "grc", "greco antico": "grc", "griego antiguo": "grc",
    "mittelhochdeutsch": "gmh", "middle high german": "gmh",
    "althochdeutsch": "goh", "old high german": "goh",
    "frühneuhochdeutsch": "de", "early new high german": "de", "niederdeutsch": "nds",
    "mittellatein": "la", "neulatein": "la", "neo-latin": "la", "medieval latin": "la",
    "mittelenglisch": "enm", "altenglisch": "ang", "anglo-saxon": "ang", "early modern english": "en",
    "altfranzösisch": "fro", "ancien français": "fro", "moyen français": "frm",
    "kirchenslawisch": "cu", "church slavonic": "cu", "althebräisch": "hbo", "classical chinese": "lzh",
}  # fmt: skip
# ISO 639-2 has two codes for some languages; catalogues use the bibliographic one.
BIBLIOGRAPHIC = {
    "ger": "de", "fre": "fr", "gre": "el", "dut": "nl", "cze": "cs", "rum": "ro", "chi": "zh", "per": "fa",
    "arm": "hy", "geo": "ka", "ice": "is", "alb": "sq", "baq": "eu", "bur": "my", "mac": "mk", "mao": "mi",
    "may": "ms", "slo": "sk", "tib": "bo", "wel": "cy", "scr": "hr", "scc": "sr",
}  # fmt: skip
PRIVATE = re.compile(r"q[a-t][a-z](-|$)")
NAMED_IN = ("en", "de", "fr", "it", "es", "nl", "la")
RTL_SCRIPTS = {"Hebr", "Arab", "Syrc", "Thaa", "Nkoo", "Samr", "Mand", "Adlm", "Rohg"}


def normalise(given: str) -> str:
    """The shortest ISO 639 code of what somebody wrote: `la` for `Latin`, `lat` or `la`; `""` for unknown.

    Raises ValueError with a sentence for what is no language.
    """
    word = " ".join(given.split()).lower()
    if word in UNKNOWN:
        return ""
    return _code(word) or _refuse(given)


def name_of(code: str) -> str:
    """The English name of a code, `Latin`; `unknown language` for the empty one."""
    if not code:
        return "unknown language"
    return english_name(code)


def direction_of(code: str) -> str:
    """`rtl` or `ltr`, by the script that the language is usually written in."""
    return "rtl" if script_of(code) in RTL_SCRIPTS else "ltr"


@cache
def script_of(code: str) -> str:
    """ISO 15924 code of the script a language is usually written in, `Latn`; `""` when unknown."""
    if not langcodes.tag_is_valid(code):
        return ""
    return OLD_SCRIPTS.get(code) or langcodes.Language.get(code).maximize().script or ""


# Where the tables of likely scripts are silent, or think of an older script than books are printed in.
OLD_SCRIPTS = {"grc": "Grek", "hbo": "Hebr", "arc": "Hebr", "syc": "Syrc", "lzh": "Hani", "sa": "Deva"}


def _refuse(given: str) -> str:
    raise ValueError(
        f"{given[:60]!r} is not a language this system knows: "
        "use an ISO 639 code such as la, or a name such as Latin."
    )


@cache
def _code(word: str) -> str:
    """The code of a lower-case code or name; empty when there is none."""
    if found := NAMES.get(word) or BIBLIOGRAPHIC.get(word):
        return found
    tag = word.replace("_", "-")
    if re.fullmatch(r"[a-z]{2,3}(-.*)?", tag) and langcodes.tag_is_valid(tag) and not PRIVATE.match(tag):
        return langcodes.standardize_tag(tag, macro=True)
    if len(word) < 4:
        return ""
    for language in NAMED_IN:
        try:
            return langcodes.find(word, language=language).to_tag()
        except LookupError:
            continue
    return ""
