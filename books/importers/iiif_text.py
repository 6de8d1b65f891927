"""The texts of a manifest: labels, values, attributions, in every shape that libraries give them.

A string, a number, a list, Presentation 2's `{"@value", "@language"}`, Presentation 3's `{"en": [...]}`,
with HTML in any of them: all become one line of plain text.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TAG = re.compile(r"<[^<>]{0,2000}>")
_BREAK = re.compile(r"<\s*(?:br|/p|/div|/li)\b[^<>]{0,200}>", re.IGNORECASE)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_LICENCE = re.compile(
    r"https?://(?:www\.)?(?:creativecommons\.org/(?:licenses|publicdomain)|rightsstatements\.org/(?:vocab|page))/[^\s\"'<>]+"
)
_YEAR = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-4][0-9])(?!\d)")
_ANY_LANGUAGE = ("none", "@none", "und", "")
MAX_DEPTH = 6
MAX_LENGTH = 5000

Entries = tuple[tuple[str, str], ...]

LABELS = {
    "title": {"title", "titel", "titre", "titolo", "título", "naam", "name"},
    "author": {
        "author", "authors", "author(s)", "creator", "creators", "contributor", "contributors", "verfasser", "autor",
        "autoren", "autor/in", "autore", "autori", "auteur", "auteurs", "urheber", "schöpfer", "maker", "written by",
        "vervaardiger", "créateur", "personen",
    },
    "language": {
        "language", "languages", "language(s)", "sprache", "sprachen", "langue", "langues", "lingua", "lingue", "taal",
        "idioma", "språk", "text language", "language of text",
    },
    "year": {
        "date", "year", "dates", "published", "publication date", "date published", "date of publication", "issued",
        "publication/creation", "publication", "created", "date created", "datecreated", "erscheinungsjahr", "jahr",
        "entstehungsjahr", "datierung", "datum", "zeitraum", "period", "année", "date de publication", "anno", "data",
        "año", "fecha", "jaar", "date of origin", "origin date", "erschienen",
    },
    "rights": {
        "rights", "license", "licence", "rights/license", "lizenz", "licenza", "licencia", "droits", "rechte",
        "rechten",
        "conditions of use", "full conditions of use", "terms of use", "usage rights", "copyright", "nutzungsrechte",
        "rights statement", "licentie",
    },
}  # fmt: skip


def plain(value: Any) -> str:
    """One line of plain text from any shape of text. Never raises."""
    found = dict.fromkeys(text for part in _parts(value, 0) if (text := _clean(part)))
    return "; ".join(found)[:MAX_LENGTH]


def every_word(value: Any) -> str:
    """All its texts in all languages, HTML and all: for looking for an address in them."""
    if isinstance(value, Mapping):
        return " ".join(every_word(each) for each in list(value.values())[:50])[: MAX_LENGTH * 4]
    if isinstance(value, list):
        return " ".join(every_word(each) for each in value[:50])[: MAX_LENGTH * 4]
    return value[:MAX_LENGTH] if isinstance(value, str) else ""


def licence_in(value: Any) -> str:
    """The address of a known licence in a text or in its links; empty if there is none."""
    found = _LICENCE.search(html.unescape(every_word(value)))
    return found.group(0).rstrip(".,;)") if found else ""


def entries_of(metadata: Any) -> Entries:
    """The pairs of a manifest's metadata; entries without a value are left out."""
    pairs = [
        (plain(entry.get("label")), plain(entry.get("value")))
        for entry in (metadata if isinstance(metadata, list) else [])[:200]
        if isinstance(entry, Mapping)
    ]
    return tuple((label, value) for label, value in pairs if value)


def find(entries: Entries, what: str) -> Iterator[str]:
    """The values whose label means this, such as `author`. A label may have several languages, joined by `; `."""
    names = LABELS[what]
    for label, value in entries:
        if any(word.strip(" :").lower() in names for word in label.split(";")):
            yield value


def year_in(text: str) -> int | None:
    """The first year between 1000 and 2049 in a text."""
    found = _YEAR.search(text)
    return int(found.group(0)) if found else None


def _parts(value: Any, depth: int) -> Iterator[str]:
    """Its texts in the one language chosen."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str | int | float):
        yield str(value)
    elif isinstance(value, list):
        for each in _one_language(value[:100]):
            yield from _parts(each, depth + 1)
    elif isinstance(value, Mapping):
        if "@value" in value or "value" in value:
            yield from _parts(value.get("@value", value.get("value")), depth + 1)
        elif value:
            yield from _parts(value[_chosen(list(value))], depth + 1)


def _chosen(tongues: list[Any]) -> Any:
    """Untagged text first, then English, then whatever there is."""
    wanted = {str(tongue).lower(): tongue for tongue in reversed(tongues)}
    for name in (*_ANY_LANGUAGE, "en", "english"):
        if name in wanted:
            return wanted[name]
    return next((tongue for name, tongue in wanted.items() if name.startswith("en-")), tongues[0])


def _one_language(values: list[Any]) -> list[Any]:
    """Of Presentation 2's list of tagged values those in one language; untagged values all stay."""
    tongues = [
        each.get("@language") for each in values if isinstance(each, Mapping) and each.get("@language")
    ]
    if not tongues:
        return values
    chosen = _chosen(tongues)
    return [
        each for each in values if not isinstance(each, Mapping) or each.get("@language") in (chosen, None)
    ]


def _clean(text: str) -> str:
    """Without HTML, entities and runs of white space."""
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub(" ", text))
    return _SPACE.sub(" ", html.unescape(text)).strip()
