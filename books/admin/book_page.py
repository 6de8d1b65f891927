"""What the page of one book shows besides its fields: its pages as pictures, its jobs, its spending."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpRequest

from books import findings
from books.models import Book, Kind, Page, PageText, Source
from jobs.admin_actions import PageWork, jobs_of, recipes, spent_on_trials, work_on_pages
from sourcebatch.lib.show import link

TILES = 60


@dataclass(frozen=True)
class Tile:
    """One page in the grid: its picture, its state as a word for the colour, and what that means."""

    page: Page
    state: str
    ocr: bool
    translation: bool
    work: PageWork
    url: str


def context(request: HttpRequest, book_id: str) -> dict[str, Any]:
    """For the template; empty for a book that is not there (Django says so itself)."""
    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        return {}
    pages = book.pages.only("id", "number", "label", "blank", "hidden", "book_id").order_by("number")
    slice_ = Paginator(pages, TILES).get_page(request.GET.get("p"))
    return {
        "book": book,
        "grid": slice_,
        "tiles": tiles(list(slice_)),
        "jobs": jobs_of(book.pk),
        "spending": _spending(book),
        "stale": PageText.objects.current()
        .filter(page__book=book, page__hidden=False, is_stale=True)
        .count(),
        "terms": book.glossary.count(),
        "findings": findings.of_book(book),
        "oddities": book.metadata.get("oddities", []),
        "first_page": next(iter(slice_), None) if slice_.number == 1 else pages.first(),
        "public_url": link("library-book", book.pk) if book.is_public else "",
        "recipes": recipes(books=True)
        if request.user.has_perm("jobs.spend_money") and not book.hidden
        else [],
    }


def tiles(pages: list[Page]) -> list[Tile]:
    """The grid's tiles in two queries."""
    ids = [page.pk for page in pages]
    texts: dict[str, list[PageText]] = {}
    wanted = ("page_id", "kind", "is_flagged", "source")
    for text in PageText.objects.current().filter(page_id__in=ids).only(*wanted):
        texts.setdefault(text.page_id, []).append(text)
    work = work_on_pages(ids)
    return [_tile(page, texts.get(page.pk, []), work[page.pk]) for page in pages]


def _tile(page: Page, texts: list[PageText], work: PageWork) -> Tile:
    kinds = {text.kind for text in texts}
    return Tile(
        page, _state(page, texts, kinds, work), Kind.OCR in kinds, Kind.TRANSLATION in kinds, work,
        link("reading-room", page.pk) or link("admin:books_page_change", page.pk),
    )  # fmt: skip


def _state(page: Page, texts: list[PageText], kinds: set[str], work: PageWork) -> str:
    """The most pressing thing to say about a page."""
    if page.hidden:
        return "hidden"
    if any(text.is_flagged for text in texts):
        return "flagged"
    if work.under_way:
        return "working"
    if work.failed and not texts:
        return "failed"
    if page.blank:
        return "blank"
    if any(text.source == Source.HUMAN for text in texts):
        return "edited"
    return "translated" if Kind.TRANSLATION in kinds else "transcribed" if Kind.OCR in kinds else "open"


def _spending(book: Book) -> dict[str, int]:
    """Micro-dollars: what its jobs cost, single pages that were done at once, and trials of prompts."""
    jobs = book.jobs.aggregate(spent=Sum("cost_micro_usd"))["spent"] or 0
    single = (
        PageText.objects.filter(page__book=book, job_id="").aggregate(spent=Sum("cost_micro_usd"))["spent"]
        or 0
    )
    trials = spent_on_trials(book.pk)
    return {"jobs": jobs, "single": single, "trials": trials, "all": jobs + single + trials}
