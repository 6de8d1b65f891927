"""The library's calls of the JSON API."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse

from books.api_shapes import (
    MORE_COLUMNS,
    TEXT_COLUMNS,
    BookAnswer,
    BookBody,
    BookDetail,
    BookFilter,
    BookWithPagesAnswer,
    book_answer,
    page_answer,
)
from books.deposits import deposit
from books.models import Book, BookQuerySet, Kind, Page, PageText
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.http import ApiError, Caller, answer, call, stream

CHUNK = 500


@call({200: list[BookAnswer]}, permission="books.view_book", query=BookFilter)
def list_books(caller: Caller, query: BookFilter) -> StreamingHttpResponse:
    """List the books, newest first, without their pages. Hidden books are left out."""
    books = Book.objects.needing(query.needs) if query.needs else Book.objects.visible()
    return stream(map(book_answer, _newest_first(books.defer("metadata"))))


def _newest_first(books: BookQuerySet) -> Iterator[Book]:
    """A chunk at a time, each by a query of its own: no query takes longer in a larger library."""
    in_order = books.order_by("-id")
    chunk = list(in_order[:CHUNK])
    while chunk:
        yield from chunk
        chunk = list(in_order.filter(pk__lt=chunk[-1].pk)[:CHUNK])


@call({200: BookWithPagesAnswer, 404: None}, permission="books.view_book", query=BookDetail)
def show_book(caller: Caller, query: BookDetail, book_id: str) -> HttpResponse:
    """Show a book with its pages and their current texts. Hidden pages are left out."""
    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        raise ApiError(404, "There is no book of that id: look at /api/books for those there are.")
    return answer(book_with_pages(book, query))


@call(
    {200: BookWithPagesAnswer, 201: BookWithPagesAnswer},
    scope="operate", permission="books.change_book", body=BookBody,
)  # fmt: skip
def save_book(caller: Caller, body: BookBody) -> HttpResponse:
    """Save a book, or update the one of the same `source_id`.

    A new book is answered by 201, an update by 200. Texts stay, pages keep their numbers, pages that are not
    named stay as they are.
    """
    book, created = deposit(body.as_deposit(), by=caller.name)
    named = len(body.pages)
    said = f"Saved with {named} pages" if created else f"Updated: {named} pages named"
    record(api_actor(caller), [book], ADDITION if created else CHANGE, said)
    return answer(book_with_pages(book, BookDetail()), 201 if created else 200)


def api_actor(caller: Caller) -> Actor:
    """Who calls, for the log."""
    return Actor(caller.name, "api", token=not caller.by_session)


def book_with_pages(book: Book, detail: BookDetail) -> BookWithPagesAnswer:
    """A book with its visible pages, in three queries whatever its size."""
    pages = Page.objects.visible().filter(book=book).order_by("number").defer("service")
    texts = _current_texts(book, detail)
    return {**book_answer(book), "pages": [page_answer(page, texts[page.pk]) for page in pages]}


def _current_texts(book: Book, detail: BookDetail) -> defaultdict[str, dict[str, dict[str, Any]]]:
    """The columns of the current texts by page id and kind."""
    language = detail.target_language or book.target_language
    columns = (*TEXT_COLUMNS, *MORE_COLUMNS, *(("data",) if detail.text else ()))
    wanted = Q(kind=Kind.OCR) | Q(kind=Kind.TRANSLATION, target_language=language)
    found: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    rows = PageText.objects.current().filter(wanted, page__book=book).order_by().values(*columns)
    for row in rows.iterator():
        found[row["page_id"]][row["kind"]] = row
    return found
