"""What to look at first, and how good the rest is: suspicious pages in order, random samples."""

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from books.models import Book, Kind, Page, PageQuerySet, PageText, SampleJudgement
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic
from sourcebatch.lib.ids import new_id

LARGEST_SAMPLE = 500
# Two-sided 95 % of the normal distribution.
Z = 1.959964


def suspects(book: Book | None = None) -> PageQuerySet:
    """Visible pages with open flags, of all books or one, the most suspicious first, then as read."""
    # Not by a join: a database might then begin with the books, and put all of their flagged pages in order.
    flagged = Page.objects.visible().flagged().exclude(book__in=Book.objects.filter(hidden=True).order_by())
    if book is not None:
        flagged = flagged.filter(book=book)
    return flagged.order_by("-suspicion", "-book_id", "number")


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


def pages_of(suspects_shown: Iterable[Page]) -> list[dict[str, Any]]:
    """The pages with their books and flagged texts, as lists show them, in two queries more."""
    shown = list(suspects_shown)
    books = Book.objects.in_bulk({page.book_id for page in shown})
    for page in shown:
        page.book = books[page.book_id]
    flagged: dict[str, list[PageText]] = {page.pk: [] for page in shown}
    for text in (
        PageText.objects.flagged().filter(page_id__in=list(flagged)).order_by("kind", "target_language")
    ):
        flagged[text.page_id].append(text)
    return [{"page": page, "points": page.suspicion, "texts": flagged[page.pk]} for page in shown]
