"""The search page of the staff."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from books import search
from books.models import Book, Kind, SearchText
from books.search_query import LONGEST_QUERY, SearchQuery
from books.snippets import Piece, snippet
from books.views.access import staff
from books.views.room import show
from sourcebatch.lib.show import language_name

A_PAGE = 20
MOST_HITS = 5_000
"""So many hits are counted and can be leafed through: counting half a million helps nobody."""
SURELY_MORE = 2 * MOST_HITS
"""Twice as many, for those on hidden pages."""
MOST_BOOKS = 6


@dataclass(frozen=True)
class Hit:
    """A text that was found, and the places of its words."""

    row: SearchText
    pieces: list[Piece]

    @property
    def language(self) -> str:
        """Of the text; of the book where the text does not say."""
        return self.row.language or ("" if self.row.target_language else self.row.page.book.language)


class CappedPaginator(Paginator[Any]):
    """Pages of ids of hits, of which no more than MOST_HITS are counted. With a `query` they are its hits without any
    filter, and where its words are common only the first of them are looked for.
    """

    object_list: QuerySet[SearchText]

    def __init__(self, found: QuerySet[SearchText], query: SearchQuery | None = None) -> None:
        super().__init__(found.values_list("pk", flat=True), A_PAGE)
        self.query = query

    @cached_property
    def count(self) -> int:
        return min(MOST_HITS, self.counted)

    @cached_property
    def counted(self) -> int:
        """As `count`, and one more if there are more."""
        if self.query and search.are_on_more(self.query, SURELY_MORE):
            return MOST_HITS + 1
        return self.object_list.order_by()[: MOST_HITS + 1].count()

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        first = search.first_hits(self.query, number * A_PAGE) if self.query else None
        found = self.object_list if first is None else first.values_list("pk", flat=True)
        return Page(found[(number - 1) * A_PAGE : number * A_PAGE], number, self)


@require_safe
@never_cache
@staff("books.view_page")
def search_page(request: HttpRequest) -> HttpResponse:
    """`?q=` words; `kind`, `language`, `book` narrow it, `apart=1` tells u from v, `page` leafs."""
    asked = {name: cleaned(request, name) for name in ("q", "kind", "language", "book", "apart")}
    query = SearchQuery(asked["q"], apart=bool(asked["apart"]))
    found = search.hits(query, kind=asked["kind"], language=asked["language"], book=asked["book"])
    narrowed = asked["kind"] or asked["language"] or asked["book"] or asked["apart"]
    context = {
        **asked, "terms": query.terms, **shown(request, query, found, whole=not narrowed), "kinds": Kind.choices,
        "languages": _languages(), "book_asked": Book.objects.filter(pk=asked["book"]).first(),
        "books_named": [] if asked["book"] else _books_named(query),
        "query_string": urlencode({name: value for name, value in asked.items() if value}),
        "longest": LONGEST_QUERY,
    }  # fmt: skip
    return show(request, "reading/search.html", context)


def shown(
    request: HttpRequest, query: SearchQuery, found: QuerySet[SearchText], *, whole: bool = False
) -> dict[str, Any]:
    """One page of hits with their snippets, for a template: `pages`, `hits` and whether there are `more`. `whole`: they
    are all hits of the query.
    """
    paginator = CappedPaginator(found, query if whole and query.terms else None)
    pages = paginator.get_page(request.GET.get("page"))
    ids = list(pages.object_list)
    rows = SearchText.objects.select_related("page__book", "text").in_bulk(ids)
    # A text that somebody has replaced since the look above is gone.
    hits = [Hit(rows[pk], snippet(rows[pk].text.data, query)) for pk in ids if pk in rows]
    return {"pages": pages, "hits": hits, "more": paginator.counted > MOST_HITS}


def cleaned(request: HttpRequest, name: str) -> str:
    """What was asked, without what some databases refuse, and no longer than anybody types."""
    asked = request.GET.get(name, "").replace("\0", " ")[:LONGEST_QUERY]
    return asked.encode("utf-8", "replace").decode().strip()


def _languages() -> list[tuple[str, str]]:
    """Codes and names of the languages that books are in or are translated into."""
    books = Book.objects.visible().order_by()
    codes = {
        code
        for name in ("language", "target_language")
        for code in books.values_list(name, flat=True).distinct()
    }
    return sorted(
        ((code, language_name(code)) for code in codes if code), key=lambda pair: pair[1].casefold()
    )


def _books_named(query: SearchQuery) -> list[Book]:
    return list(Book.objects.visible().filter(pk__in=search.by_name(query)[:50])[:MOST_BOOKS])
