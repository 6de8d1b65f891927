"""What is usual in a book: the length of its texts, and how much longer or shorter a translation is.

Looked up for every page that comes in, so it is kept for a minute in each process: it is a measure, not a
fact.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db.models.functions import Length

from books.models import Kind, Page, PageText

KEPT = 60.0  # seconds
SAMPLE = 200  # pages
FEWEST = 10  # pages: below that nothing is usual
_kept: dict[tuple[Any, ...], tuple[float, float | None]] = {}


def usual_length(book_id: str, kind: str, target_language: str = "") -> int | None:
    """The median length in characters of the book's current texts; None while there are fewer than ten."""
    found = _remembered(
        ("length", book_id, kind, target_language), lambda: _length(book_id, kind, target_language)
    )
    return None if found is None else round(found)


def usual_ratio(book_id: str, target_language: str) -> float | None:
    """The median length of a translation divided by its source's; None while there are fewer than ten."""
    return _remembered(("ratio", book_id, target_language), lambda: _ratio(book_id, target_language))


def forget() -> None:
    """Look everything up again next time."""
    _kept.clear()


def _remembered(key: tuple[Any, ...], look: Callable[[], float | None]) -> float | None:
    if not key[1]:
        return None
    until, value = _kept.get(key, (0.0, None))
    if time.monotonic() >= until:
        value = look()
        if len(_kept) > 1000:
            _kept.clear()
        _kept[key] = (time.monotonic() + KEPT, value)
    return value


def _length(book_id: str, kind: str, target_language: str) -> float | None:
    lengths = _lengths(_sample(book_id), kind, target_language).values()
    return statistics.median(lengths) if len(lengths) >= FEWEST else None


def _ratio(book_id: str, target_language: str) -> float | None:
    ids = _sample(book_id)
    sources, translations = _lengths(ids, Kind.OCR, ""), _lengths(ids, Kind.TRANSLATION, target_language)
    ratios = [translations[pk] / sources[pk] for pk in translations if sources.get(pk)]
    return statistics.median(ratios) if len(ratios) >= FEWEST else None


def _sample(book_id: str) -> list[str]:
    """Pages from the middle of a book, where it is most like itself."""
    ids = list(
        Page.objects.filter(book_id=book_id, hidden=False).order_by("number").values_list("pk", flat=True)
    )
    start = max(0, (len(ids) - SAMPLE) // 2)
    return ids[start : start + SAMPLE]


def _lengths(ids: list[str], kind: str, target_language: str) -> dict[str, int]:
    rows = PageText.objects.filter(
        page_id__in=ids, kind=kind, target_language=target_language, is_current=True, is_flagged=False
    ).order_by()  # fmt: skip
    return dict(rows.annotate(size=Length("data")).values_list("page_id", "size"))
