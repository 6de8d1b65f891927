"""Search for readers: in all public books or in one, words in their context; nothing that is not public."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from books import search
from books.models import Book
from books.search_query import LONGEST_QUERY, SearchQuery
from books.views.access import public_book
from books.views.public import for_all
from books.views.search import cleaned, shown


@for_all
def library_search(request: HttpRequest) -> HttpResponse:
    """`?q=` words on pages of public books."""
    return _found(request, None)


@for_all
def book_search(request: HttpRequest, book_id: str) -> HttpResponse:
    """The same in one public book."""
    return _found(request, public_book(book_id))


def _found(request: HttpRequest, book: Book | None) -> HttpResponse:
    query = SearchQuery(cleaned(request, "q"))
    hits = search.hits(query, book=book.pk if book else "").filter(page__book__is_public=True)
    context = {"q": query.typed, "terms": query.terms, "book": book, "longest": LONGEST_QUERY}
    return render(request, "reading/public/search.html", {**context, **shown(request, query, hits)})
