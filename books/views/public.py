"""Public reading: books that were made public, for everybody, with nothing of the admin in them.

A book that is not public is answered as one that does not exist.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from books.models import Book, Kind, Page, PageText
from books.page_images import image_address
from books.reading import Column, neighbours
from books.rendering import render_note
from books.search_query import LONGEST_QUERY, SearchQuery
from books.snippets import Piece, snippet
from books.views.access import public_book
from books.views.search import cleaned
from sourcebatch.lib.show import link

BOOKS_A_PAGE = 50
PAGES_A_PAGE = 120
# Seconds for which a page may be shown without asking again: as long as a withdrawn book may stay visible.
FRESH = 60
# The view, by the name of its address, that offers a public book's text; linked to only where there is one.
DOWNLOADS = "library-export"


def for_all(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Cacheable by everybody, with an ETag over what is sent."""
    return wraps(view)(require_safe(conditional_page(cache_control(public=True, max_age=FRESH)(view))))


@for_all
def library(request: HttpRequest) -> HttpResponse:
    """The public books by title."""
    books = Book.objects.visible().filter(is_public=True).order_by("title", "pk")
    shown = Paginator(books, BOOKS_A_PAGE).get_page(request.GET.get("page"))
    covers = _covers([book.pk for book in shown.object_list])
    rows = [(book, covers.get(book.pk)) for book in shown.object_list]
    return render(
        request, "reading/public/library.html", {"books": shown, "rows": rows, "longest": LONGEST_QUERY}
    )


def _covers(book_ids: list[str]) -> dict[str, Page]:
    """By book its first page with something on it, in one query; where many are blank, some first page."""
    pages = Page.objects.visible().filter(book__in=book_ids, number__lte=12).order_by("book", "number")
    covers: dict[str, Page] = {}
    for page in pages:
        if page.book_id not in covers or (covers[page.book_id].blank and not page.blank):
            covers[page.book_id] = page
    return covers


@for_all
def book(request: HttpRequest, book_id: str) -> HttpResponse:
    """What the book is, where it is from, and its pages."""
    shown = public_book(book_id)
    pages = Paginator(_pages(shown).order_by("number"), PAGES_A_PAGE).get_page(request.GET.get("page"))
    context = {"book": shown, "pages": pages, "longest": LONGEST_QUERY, **_about(shown)}
    return render(request, "reading/public/book.html", context)


@for_all
def page(request: HttpRequest, book_id: str, number: int) -> HttpResponse:
    """One page: scan, transcription, translation, and how the texts came about."""
    shown = public_book(book_id)
    leaf = get_object_or_404(_pages(shown).select_related("book"), number=number)
    translations = _translations(leaf)
    asked = request.GET.getlist("to")
    wanted = [one for one in translations if one.target_language in asked] or translations
    columns = [Column(leaf, Kind.OCR), *wanted]
    context = {
        "choices": [(one, one in wanted) for one in translations], "chosen": _chosen(wanted, translations),
        "book": shown, "page": leaf, "columns": columns, "around": neighbours(leaf),
        "image": image_address(leaf), "machine_made": any(_by_machine(column.text) for column in columns),
        "longest": LONGEST_QUERY, **found_on(request, columns), **_about(shown),
    }  # fmt: skip
    return render(request, "reading/public/page.html", context)


def found_on(request: HttpRequest, columns: list[Column]) -> dict[str, Any]:
    """For a page that was reached by a search: its words, and where they stand in each text."""
    query = SearchQuery(cleaned(request, "q"))
    if not query.terms:
        return {"q": ""}
    places: list[tuple[Column, list[Piece]]] = [
        (column, snippet(column.text.data, query)) for column in columns if column.text
    ]
    return {"q": query.typed, "places": [place for place in places if place[1]]}


def _pages(book: Book) -> Any:
    return Page.objects.visible().filter(book=book)


def _translations(page: Page) -> list[Column]:
    """A column for each language that the page has been translated into; at least the book's."""
    there = PageText.objects.current().filter(page=page, kind=Kind.TRANSLATION)
    codes = sorted({page.book.target_language, *there.values_list("target_language", flat=True)})
    return [Column(page, Kind.TRANSLATION, code) for code in codes]


def _chosen(wanted: list[Column], all_: list[Column]) -> str:
    """What the next page is asked for, so that it shows the same languages; empty where all are shown."""
    return "" if wanted == all_ else "?" + urlencode([("to", one.target_language) for one in wanted])


def _by_machine(text: PageText | None) -> bool:
    return text is not None and text.source == "machine"


def _about(book: Book) -> dict[str, Any]:
    """Rights, attribution and downloads, safe to show."""
    is_link = book.rights.startswith(("http://", "https://"))
    return {
        "rights_link": book.rights if is_link else "",
        "rights": "" if is_link else render_note(book.rights),
        "attribution": render_note(book.attribution),
        "source_link": book.source_url if book.source_url.startswith(("http://", "https://")) else "",
        "downloads": link(DOWNLOADS, book.pk),
    }
