"""Which pages' two readings disagree far more than their book's usual, and which read like a neighbour's text.

The usual is the median of a book's disagreements, its spread their median absolute deviation (MAD, times 1.4826 to be
comparable with a standard deviation): both stay what they are while fewer than half of the pages are wrong. A page is
flagged beyond median + 6 MAD, and at least 0.25 beyond the median, so that in a book that the engine reads evenly a
small difference is no matter. Below eight compared pages nothing is usual, and only the neighbours are asked: a page
whose reading is found in a neighbour's text, not in its own, has the wrong text however many pages there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from books import texts
from books.models import Book, Kind, Page, PageText
from books.second_reading import compare
from books.second_reading.engines import Engine
from books.second_reading.models import SecondReading

RULE = "second_reading"
FEWEST = 8  # pages
TIMES = 6
MAD = 1.4826
LEAST_SPREAD = 0.02
LEAST_BEYOND = 0.25
# From here on a page's own text is doubtful enough to look whether it is a neighbour's.
DOUBTFUL = 0.5
NEAR = 2  # pages before and behind


@dataclass(frozen=True)
class Usual:
    """What is usual in a book: shares from 0 to 1 in which its pages' two readings differ."""

    middle: float
    limit: float


def usual_of(disagreements: Sequence[float]) -> Usual | None:
    """None for too few pages."""
    if len(disagreements) < FEWEST:
        return None
    middle = median(disagreements)
    spread = MAD * median(abs(one - middle) for one in disagreements)
    return Usual(middle, middle + max(TIMES * max(spread, LEAST_SPREAD), LEAST_BEYOND))


def judge(book: Book, engine: Engine) -> list[str]:
    """Flag the book's suspicious texts; the reasons that were new."""
    rows = _rows(book)
    usual = usual_of([differs for _, _, differs in rows])
    limit = min(usual.limit, DOUBTFUL) if usual else DOUBTFUL
    found: list[str] = []
    for page_id, text_id, differs in rows:
        if differs <= limit:
            continue
        reason = _neighbours(page_id, differs, engine) or _unusual(differs, usual)
        text = PageText.objects.filter(pk=text_id).first()
        if reason and text is not None and texts.flag(text, {"rule": RULE, "reason": reason}):
            found.append(reason)
    if found:
        book.recount()
    return found


def _rows(book: Book) -> list[tuple[str, str, float]]:
    """Page, text and disagreement of every page that was compared."""
    found = (
        SecondReading.objects.filter(book=book).order_by().values_list("page_id", "text_id", "disagreement")
    )
    return [(page_id, text_id, differs) for page_id, text_id, differs in found if differs is not None]


def _unusual(differs: float, usual: Usual | None) -> str:
    if usual is None or differs <= usual.limit:
        return ""
    return (
        f"The OCR engine on this machine reads something else here: {differs:.0%} differ, usual in this book are "
        f"{usual.middle:.0%}. The text may be invented, cut off or another page's."
    )


def _neighbours(page_id: str, differs: float, engine: Engine) -> str:
    """Says so when the reading fits a neighbour's text far better than the page's own."""
    if differs < DOUBTFUL:
        return ""
    reading = SecondReading.objects.select_related("page", "book").get(page=page_id)
    known = engine.scripts(reading.book.language)
    own = compare.of_reading(reading.text, known)
    best, number = differs, 0
    for text in _texts_near(reading.page):
        groups, share = compare.of_text(text.data, known)
        other = compare.disagreement(groups, own, share)
        if other is not None and other < best:
            best, number = other, text.page.number
    if best > DOUBTFUL or differs - best < LEAST_BEYOND:
        return ""
    return (
        f"The OCR engine on this machine reads here what is the text of page {number} ({best:.0%} differ), not this "
        f"text ({differs:.0%} differ): texts may stand on the wrong pages."
    )


def _texts_near(page: Page) -> list[PageText]:
    near = Page.objects.visible().filter(book=page.book_id)
    before = near.filter(number__lt=page.number).order_by("-number")[:NEAR]
    behind = near.filter(number__gt=page.number).order_by("number")[:NEAR]
    ids = [one.pk for one in (*before, *behind)]
    return list(PageText.objects.current().filter(page__in=ids, kind=Kind.OCR).select_related("page"))
