"""Sentences that were stored in English, as the reader's language says them.

What is stored (flags, reasons, events, the change log) is English, the language of the API and of logs. Apps
tell here which sentences they store, as templates with `%(names)s`; a stored sentence that fits one is shown as the
template's translation with the same values. What fits none stays as it is.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext

_HOLE = re.compile(r"%\((\w+)\)s|%%")
# Values that are known themselves.
_NESTED = ("sentence", "why", "doing")
_known: dict[str, re.Pattern[str]] = {}


def know(templates: Iterable[str]) -> None:
    """Sentences that may be stored; those with more words of their own are tried first."""
    _known.update({template: _pattern(template) for template in templates})
    ordered = sorted(_known, key=lambda template: -len(_HOLE.sub("", template)))
    for template in ordered:
        _known[template] = _known.pop(template)
    _match.cache_clear()


def shown(stored: Any) -> str:
    """A stored text in the reader's language, sentence by sentence where it is not known as a whole."""
    text = str(stored or "")
    if not text or (get_language() or "en").startswith("en"):
        return text
    whole = _translated(text)
    if whole is not None:
        return whole
    return " ".join(_translated(part) or part for part in re.split(r"(?<=[.!?])\s+", text))


def is_known(sentence: str) -> bool:
    """Whether some template fits."""
    return _match(sentence) is not None


def _translated(text: str) -> str | None:
    found = _match(text)
    if found is None:
        return None
    template, values = found
    said = {name: shown(value) if name in _NESTED else value for name, value in values}
    return gettext(template) % said


@lru_cache(maxsize=4096)
def _match(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    for template, pattern in _known.items():
        found = pattern.fullmatch(text)
        if found is not None:
            return template, tuple(found.groupdict().items())
    return None


def _pattern(template: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    for hole in _HOLE.finditer(template):
        value = r"[\d.,]+" if hole[1] == "count" else ".+?"
        parts += [re.escape(template[at : hole.start()]), f"(?P<{hole[1]}>{value})" if hole[1] else "%"]
        at = hole.end()
    return re.compile("".join([*parts, re.escape(template[at:])]), re.DOTALL)
