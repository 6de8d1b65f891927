"""What to look at first, and how good the rest is: suspicious pages in order, random samples."""

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from books.models import Book, Kind, Page, PageText, SampleJudgement
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic
from sourcebatch.lib.ids import new_id

# Points of a flag by its rule, from what makes a page useless to what may well be right; others count 3.
WEIGHTS = {
    "not_translated": 10, "loop": 10, "refusal": 10, "copied": 8, "truncated": 8, "length_ratio": 6, "too_long": 6,
    "more_than_the_ink": 6, "same_image": 6, "untranslated": 5, "wrong_script": 5, "placeholder": 5,
    "wrong_language": 4, "stray_marker": 2, "preamble": 2, "broken_tags": 1,
}  # fmt: skip
ORDINARY = 3
LARGEST_SAMPLE = 500
# Two-sided 95 % of the normal distribution.
Z = 1.959964


@dataclass(frozen=True)
class Suspect:
    """A page with open flags: `points` say how suspicious, `texts` are the flagged ones."""

    page_id: str
    points: int
    text_ids: tuple[str, ...]


def suspects(book: Book | None = None) -> list[Suspect]:
    """Visible pages with open flags, of all books or one, the most suspicious first, then as read."""
    flagged = PageText.objects.flagged().filter(page__hidden=False, page__book__hidden=False)
    if book is not None:
        flagged = flagged.filter(page__book=book)
    rows = flagged.order_by().values_list("page__book_id", "page__number", "page_id", "pk", "flags")
    # Put in order here: a database that is asked to may look at every page in its order, to find the few flagged ones.
    in_order = sorted(rows.iterator(), key=lambda row: row[1])
    in_order.sort(key=lambda row: row[0], reverse=True)
    found: dict[str, list[tuple[str, int]]] = {}
    for _, _, page_id, text_id, flags in in_order:
        found.setdefault(page_id, []).append((text_id, points_of(flags)))
    pages = [
        Suspect(page_id, sum(points for _, points in texts), tuple(text_id for text_id, _ in texts))
        for page_id, texts in found.items()
    ]
    return sorted(pages, key=lambda suspect: -suspect.points)


def points_of(flags: Iterable[dict[str, Any]]) -> int:
    """How suspicious a text is by its flags that nobody has dismissed."""
    return sum(WEIGHTS.get(flag.get("rule", ""), ORDINARY) for flag in flags if "dismissed_by" not in flag)


@dataclass(frozen=True)
class Interval:
    """The share of wrong pages among those judged, and between what bounds it lies for the book (95 %)."""

    wrong: int
    judged: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.wrong / self.judged if self.judged else 0.0


def wilson(wrong: int, judged: int, z: float = Z) -> Interval:
    """Wilson's score interval of a share (1927): sensible also for few pages and for none wrong at all."""
    if not judged:
        return Interval(0, 0, 0.0, 1.0)
    share, spread = wrong / judged, z * z / judged
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / judged + spread / (4 * judged))
    low = 0.0 if wrong == 0 else max(middle - half, 0.0)
    return Interval(wrong, judged, low, 1.0 if wrong == judged else min(middle + half, 1.0))


def draw_sample(book: Book, kind: str, size: int, *, by: str) -> str:
    """Draw up to `size` pages of a book that have such a text, each as likely as the other; the draw's id.

    Raises ValueError when there is none.
    """
    target = book.target_language if kind == Kind.TRANSLATION else ""
    there = PageText.objects.current().filter(
        page__book=book, page__hidden=False, page__blank=False, kind=kind, target_language=target
    )
    texts = list(there.order_by("page__number").values_list("page_id", "pk"))
    if not texts:
        raise ValueError("This book has no text of that kind yet.")
    drawn = sorted(secrets.SystemRandom().sample(range(len(texts)), min(size, len(texts), LARGEST_SAMPLE)))
    draw = new_id()
    rows = [
        SampleJudgement(draw=draw, page_id=page_id, text_id=text_id, kind=kind, created_by=by)
        for page_id, text_id in (texts[i] for i in drawn)
    ]
    with atomic():
        SampleJudgement.objects.bulk_create(rows)
    return draw


def judge(row: SampleJudgement, verdict: str, *, by: str) -> None:
    """Note what a person says of one page; saying it again changes it."""
    row.verdict, row.judged_by, row.judged_at = verdict, by, now()
    row.save(update_fields=["verdict", "judged_by", "judged_at"])


def interval_of(rows: Iterable[SampleJudgement]) -> Interval:
    """The interval from what has been judged so far."""
    verdicts = [row.verdict for row in rows if row.verdict]
    return wilson(verdicts.count(SampleJudgement.Verdict.WRONG), len(verdicts))


@dataclass(frozen=True)
class Draw:
    """One sample of a book, for lists."""

    id: str
    book: Book
    kind: str
    size: int
    interval: Interval
    first: SampleJudgement


def recent_draws(book: Book | None = None, most: int = 20) -> list[Draw]:
    """The latest samples, newest first."""
    rows = SampleJudgement.objects.order_by("-id")
    if book is not None:
        rows = rows.filter(page__book=book)
    found: dict[str, list[SampleJudgement]] = {}
    for row in rows[: most * 100]:
        found.setdefault(row.draw, []).append(row)
    return [_draw(draw) for draw in list(found)[:most]]


def _draw(draw: str) -> Draw:
    rows = list(SampleJudgement.objects.filter(draw=draw).select_related("page__book"))
    return Draw(draw, rows[0].page.book, rows[0].kind, len(rows), interval_of(rows), rows[0])


def pages_of(suspects_shown: Iterable[Suspect]) -> list[dict[str, Any]]:
    """The pages with their flagged texts, as lists show them, in two queries."""
    shown = list(suspects_shown)
    pages = Page.objects.select_related("book").in_bulk([suspect.page_id for suspect in shown])
    texts = PageText.objects.in_bulk([pk for suspect in shown for pk in suspect.text_ids])
    return [
        {
            "page": pages[suspect.page_id],
            "points": suspect.points,
            "texts": [texts[pk] for pk in suspect.text_ids if pk in texts],
        }
        for suspect in shown
        if suspect.page_id in pages
    ]
