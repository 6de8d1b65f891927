"""Which pages' two readings disagree far more than their book's usual, and which read like a neighbour's text.

The usual is the median of a book's disagreements, its spread their median absolute deviation (MAD, times 1.4826 to be
comparable with a standard deviation): both stay what they are while fewer than half of the pages are wrong. A page is
flagged beyond median + 6 MAD, and at least 0.25 beyond the median, so that in a book that the engine reads evenly a
small difference is no matter. Below eight compared pages nothing is usual, and only the neighbours are asked: a page
whose reading is found in a neighbour's text, not in its own, has the wrong text however many pages there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from books import texts
from books.models import Book, Kind, Page, PageText
from books.second_reading import compare
from books.second_reading.compare import Groups
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
    """Says so when the reading is a neighbour's text, or the text is what was read on a neighbour."""
    if differs < DOUBTFUL:
        return ""
    reading = SecondReading.objects.select_related("page", "book").get(page=page_id)
    known = engine.scripts(reading.book.language)
    own_reading = compare.of_reading(reading.text, known)
    near = _near(reading.page)
    other_texts = _closest(
        (text.page.number, *compare.of_text(text.data, known), own_reading) for text in _texts_of(near)
    )
    if _convinces(other_texts, differs):
        return (
            f"The OCR engine on this machine reads here what is the text of page {other_texts[1]} "
            f"({other_texts[0]:.0%} differ), not this text ({differs:.0%} differ): texts may stand on the wrong pages."
        )
    own = [compare.of_text(text.data, known) for text in _texts_of([page_id])]
    others = SecondReading.objects.filter(page__in=near).select_related("page")
    elsewhere = _closest(
        (other.page.number, *groups, compare.of_reading(other.text, known))
        for groups in own
        for other in others
    )
    if _convinces(elsewhere, differs):
        return (
            f"The OCR engine on this machine finds this text on page {elsewhere[1]} ({elsewhere[0]:.0%} differ), "
            f"not here ({differs:.0%} differ): texts may stand on the wrong pages."
        )
    return ""


def _closest(pairs: Iterable[tuple[int, Groups, float, Groups]]) -> tuple[float, int]:
    """The smallest disagreement among texts and readings, with its page's number."""
    found = [(compare.disagreement(text, reading, share), number) for number, text, share, reading in pairs]
    return min(((differs, number) for differs, number in found if differs is not None), default=(1.0, 0))


def _convinces(closest: tuple[float, int], differs: float) -> bool:
    return closest[0] <= DOUBTFUL and differs - closest[0] >= LEAST_BEYOND


def _near(page: Page) -> list[str]:
    near = Page.objects.visible().filter(book=page.book_id)
    before = near.filter(number__lt=page.number).order_by("-number")[:NEAR]
    behind = near.filter(number__gt=page.number).order_by("number")[:NEAR]
    return [one.pk for one in (*before, *behind)]


def _texts_of(page_ids: Sequence[str]) -> list[PageText]:
    return list(PageText.objects.current().filter(page__in=page_ids, kind=Kind.OCR).select_related("page"))
