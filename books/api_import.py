"""`POST /api/books/import`: a book from the address of its manifest, or from the Internet Archive."""

from typing import Annotated, Any, NotRequired

from django.http import HttpResponse
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from books.api import api_actor, book_with_pages
from books.api_shapes import BookDetail, BookWithPagesAnswer, ImageUrl, Language
from books.importers import ImportRefused, fetched
from books.importers.archive_org import IDENTIFIER, manifest_address
from books.importers.intake import Wishes, take_in
from books.importers.writer import SaveReport
from sourcebatch.lib.http import ApiError, Body, Caller, answer, call


class ImportBody(Body):
    """Where the book is: `url` (a manifest, METS, PDF, ZIP or table) or `archive_id`, one of the two.

    `title`, `author` and `language` are taken instead of what the source says.
    """

    url: ImageUrl | None = None
    archive_id: (
        Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$", examples=["epigrammata00more"])] | None
    ) = None
    title: Annotated[str, Field(max_length=1000)] = ""
    author: Annotated[str, Field(max_length=500)] = ""
    language: Language = ""
    split_spreads: Annotated[bool, Field(description="make two pages of each image that shows two")] = False

    @model_validator(mode="after")
    def _one_of_the_two(self) -> "ImportBody":
        if (self.url is None) == (self.archive_id is None):
            raise ValueError("give url or archive_id, one of the two")
        return self

    def address(self) -> str:
        """Where to fetch it."""
        return self.url or manifest_address(self.archive_id or "")


class OtherBook(TypedDict):
    """A further book of the same source."""

    id: str
    title: str


class ImportAnswer(BookWithPagesAnswer):
    """The book with its pages, `report` in one sentence, and what is odd about it. `others`: a table may hold many."""

    report: str
    added: int
    updated: int
    oddities: list[str]
    others: list[OtherBook]


class Offer(TypedDict):
    """Something that can be imported instead."""

    url: str
    title: str


class ImportRefusal(TypedDict):
    """Why nothing was imported. `offers`: the manifests of a collection; `retryable`: later it may go well."""

    error: str
    retryable: NotRequired[bool]
    errors: NotRequired[dict[str, list[str]]]
    offers: NotRequired[list[Offer]]


@call(
    {200: ImportAnswer, 201: ImportAnswer, 400: ImportRefusal},
    scope="operate", permission="books.add_book", body=ImportBody,
)  # fmt: skip
def import_book(caller: Caller, body: ImportBody) -> HttpResponse:
    """Import a book from an address or from the Internet Archive, or bring it up to date.

    A new book is answered by 201, one that was here by 200. Only its description is fetched now, its images when
    they are read. A collection is refused with the manifests that it offers.
    """
    wishes = Wishes(body.title.strip(), body.author.strip(), body.language, body.split_spreads)
    try:
        reports = take_in(fetched(body.address()), actor=api_actor(caller), wishes=wishes)
    except ImportRefused as refused:
        raise _refusal(refused) from None
    return answer(_told(reports), 201 if reports[0].created else 200)


def _refusal(refused: ImportRefused) -> ApiError:
    """400, whether the source is at fault or its library does not answer: this service is well in both cases."""
    more: dict[str, Any] = {"retryable": True} if refused.retryable else {}
    if refused.offers:
        more["offers"] = [Offer(url=address, title=title) for address, title in refused.offers]
    return ApiError(400, refused.sentence, **more)


def _told(reports: list[SaveReport]) -> ImportAnswer:
    first, *others = reports
    return {
        **book_with_pages(first.book, BookDetail(text=False)),
        "report": first.sentence(),
        "added": first.added,
        "updated": first.updated,
        "oddities": [str(said) for said in first.book.metadata.get("oddities", [])],
        "others": [{"id": report.book.pk, "title": report.book.title} for report in others],
    }
