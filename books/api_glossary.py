"""`/api/books/{id}/glossary`: the terms of a book and their renderings, read and replaced as a whole."""

from typing import Annotated

from django.contrib.admin.models import CHANGE
from django.http import HttpResponse
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from books import glossary
from books.api import api_actor
from books.api_shapes import Language
from books.glossary import GlossaryError, Term
from books.models import Book
from sourcebatch.lib.adminlog import record
from sourcebatch.lib.http import ApiError, Body, Caller, Query, answer, call


class TermBody(Body):
    """A term and its rendering: `*` at the term's end stands for any ending, `|` between renderings for *or*."""

    term: Annotated[str, Field(min_length=1, max_length=200, examples=["ratio"])]
    rendering: Annotated[str, Field(min_length=1, max_length=400, examples=["reason | account"])]
    note: Annotated[str, Field(max_length=400)] = ""


class GlossaryQuery(Query):
    """Which language."""

    target_language: Annotated[Language, Field(description="empty: the book's own")] = ""


class GlossaryBody(Body):
    """All terms for a language: `terms`, or `csv` with term, rendering and note in a line each; an empty list empties
    the glossary.
    """

    target_language: Language = ""
    terms: Annotated[list[TermBody], Field(max_length=glossary.MOST_TERMS)] | None = None
    csv: Annotated[str, Field(max_length=2_000_000, examples=["ratio,reason\nfides,faith"])] | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> "GlossaryBody":
        if (self.terms is None) == (self.csv is None):
            raise ValueError("give terms or csv, one of the two")
        return self

    def given(self) -> list[Term]:
        """The terms, from wherever they came. Raises GlossaryError."""
        if self.csv is not None:
            return list(glossary.parse(self.csv))
        return [Term(one.term, one.rendering, one.note) for one in self.terms or []]


class TermAnswer(TypedDict):
    """A term and its rendering."""

    term: str
    rendering: str
    note: str


class GlossaryAnswer(TypedDict):
    """`version` changes with the terms; `outdated_pages` were translated with other terms than they would be now."""

    book_id: str
    target_language: str
    version: str
    terms: list[TermAnswer]
    outdated_pages: int


@call({200: GlossaryAnswer, 404: None}, permission="books.view_book", query=GlossaryQuery)
def show_glossary(caller: Caller, query: GlossaryQuery, book_id: str) -> HttpResponse:
    """Show a book's glossary for one language."""
    book = _book(book_id)
    return answer(_told(book, query.target_language or book.target_language))


@call(
    {200: GlossaryAnswer, 404: None}, scope="operate", permission="books.change_book", body=GlossaryBody,
)  # fmt: skip
def save_glossary(caller: Caller, body: GlossaryBody, book_id: str) -> HttpResponse:
    """Replace a book's glossary for one language. Texts stay as they are until somebody has them made again."""
    book = _book(book_id)
    target = body.target_language or book.target_language
    try:
        kept = glossary.replace(book, target, body.given(), by=caller.name)
    except GlossaryError as error:
        field = "terms" if body.csv is None else "csv"
        raise ApiError(400, str(error), errors={field: [str(error)]}) from None
    record(api_actor(caller), [book], CHANGE, f"Glossary for {target}: {len(kept)} terms")
    return answer(_told(book, target))


def _book(book_id: str) -> Book:
    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        raise ApiError(404, "There is no book of that id: look at /api/books for those there are.")
    return book


def _told(book: Book, target: str) -> GlossaryAnswer:
    terms = glossary.terms_of(book.pk, target)
    return {
        "book_id": book.pk,
        "target_language": target,
        "version": glossary.digest(terms),
        "terms": [{"term": one.term, "rendering": one.rendering, "note": one.note} for one in terms],
        "outdated_pages": len(glossary.outdated(book.pk, target)),
    }
