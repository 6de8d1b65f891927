"""What the library's part of the JSON API takes and gives: pydantic models in, TypedDicts out."""

from collections import Counter
from typing import Annotated, Any, Literal, NotRequired
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import TypedDict

from books.deposits import NewBook, NewPage
from books.languages import normalise
from books.models import Book, Kind, Page
from sourcebatch.lib.clock import rfc3339
from sourcebatch.lib.http import Body, Query, Time

MAX_PAGES = 20_000
MAX_NUMBER = 1_000_000
Language = Annotated[
    str,
    Field(max_length=100, description="ISO 639 code or English name; empty: unknown"),
    AfterValidator(normalise),
]


def _web_address(address: str) -> str:
    """An address that a page image can be fetched from; whether its host is allowed is decided when it is."""
    wrong = "give an http or https address, such as https://example.org/page-1.jpg"
    if any(sign.isspace() or not sign.isprintable() for sign in address):
        raise ValueError(f"the address contains a space or a control character: {wrong}")
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"this is no address of an image: {wrong}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address carries a password that everybody would see: leave it out")
    return address


def _title(title: str) -> str:
    if not title.strip():
        raise ValueError("a book needs a title")
    return " ".join(title.split())


ImageUrl = Annotated[
    str, Field(max_length=2000, examples=["https://example.org/1.jpg"]), AfterValidator(_web_address)
]


class PageOcrBody(Body):
    """A text that the page has already, from somewhere else."""

    data: Annotated[str, Field(max_length=1_000_000)]
    language: Language = ""


class PageBody(Body):
    """One page; without `page_number` it follows the one before it in the list."""

    image_url: ImageUrl
    page_number: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None
    label: Annotated[str, Field(max_length=200)] | None = None
    ocr: PageOcrBody | None = None


class BookBody(Body):
    """A book to be saved, or updated when there is one of that `source_id`."""

    title: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_title)]
    author: Annotated[str, Field(max_length=500)] | None = None
    language: Language | None = None
    target_language: Language | None = None
    year: Annotated[int, Field(ge=-3000, le=3000)] | None = None
    source_id: Annotated[str, Field(max_length=500)] | None = None
    source_url: ImageUrl | None = None
    rights: Annotated[str, Field(max_length=2000)] | None = None
    pages: Annotated[list[PageBody], Field(max_length=MAX_PAGES)] = []

    @model_validator(mode="after")
    def _each_number_once(self) -> "BookBody":
        uses = Counter(page.number for page in self.numbered())
        if twice := [number for number, times in uses.items() if times > 1]:
            raise ValueError(f"page_number {', '.join(map(str, twice[:10]))} is given to more than one page")
        return self

    def numbered(self) -> list[NewPage]:
        """The pages with their numbers: as given, else one more than the page before."""
        found: list[NewPage] = []
        for page in self.pages:
            number = page.page_number or (found[-1].number + 1 if found else 1)
            ocr = page.ocr or PageOcrBody(data="")
            found.append(NewPage(number, page.image_url, page.label, ocr.data, ocr.language))
        return found

    def as_deposit(self) -> NewBook:
        """What the library saves: only fields that were given."""
        given = self.model_dump(exclude_none=True, exclude={"pages", "source_id"})
        if not given.get("target_language", "en"):
            del given["target_language"]
        return NewBook(given, self.source_id, self.numbered())


class BookFilter(Query):
    """Which books are listed."""

    needs: Literal["ocr", "translation"] | None = None


class BookDetail(Query):
    """How much of a book is told. `target_language` picks the translation; the book's own is the default."""

    text: bool = True
    target_language: Language = ""


class BookAnswer(TypedDict):
    """A book as it is listed."""

    id: str
    title: str
    author: str
    language: str
    target_language: str
    year: int | None
    source_id: str | None
    source_url: str
    rights: str
    attribution: str
    direction: str
    automatic: bool
    is_public: bool
    hidden: bool
    pages_count: int
    pages_ocr: int
    pages_translated: int
    pages_blank: int
    pages_flagged: int
    created_at: Time
    updated_at: Time


class TextAnswer(TypedDict):
    """A page's current transcription. `?text=false` leaves `data` out; an unknown price is null."""

    id: str
    data: NotRequired[str]
    language: str
    source: Literal["machine", "human", "import"]
    model: str
    author: str
    prompt_version: str
    job_id: str
    image_sha256: str
    finish_reason: str
    flags: list[dict[str, Any]]
    reviewed_by: str
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: float | None
    updated_at: Time


class TranslationAnswer(TextAnswer):
    """A page's current translation; `stale`: made from a transcription that has changed since; `glossary` changes with
    the terms that it was made with, empty: none.
    """

    target_language: str
    stale: bool
    glossary: str


class PageAnswer(TypedDict):
    """A page with its texts; null where there is none yet."""

    id: str
    page_number: int
    label: str
    image_url: str
    blank: bool
    ocr: TextAnswer | None
    translation: TranslationAnswer | None


class BookWithPagesAnswer(BookAnswer):
    """A book with its pages in the order of their numbers."""

    pages: list[PageAnswer]


def book_answer(book: Book) -> BookAnswer:
    """A book as it is listed."""
    return {
        "id": book.pk, "title": book.title, "author": book.author, "language": book.language,
        "target_language": book.target_language, "year": book.year, "source_id": book.source_id,
        "source_url": book.source_url, "rights": book.rights, "attribution": book.attribution,
        "direction": book.direction, "automatic": book.automatic, "is_public": book.is_public,
        "hidden": book.hidden, "pages_count": book.pages_count, "pages_ocr": book.pages_ocr,
        "pages_translated": book.pages_translated, "pages_blank": book.pages_blank,
        "pages_flagged": book.pages_flagged, "created_at": rfc3339(book.created_at) or "",
        "updated_at": rfc3339(book.updated_at) or "",
    }  # fmt: skip


# The columns of a text that are told as they are; `data` is read only when it is asked for.
TEXT_COLUMNS = (
    "id", "language", "source", "model", "author", "prompt_version", "job_id", "image_sha256",
    "finish_reason", "flags", "reviewed_by", "input_tokens", "output_tokens", "thinking_tokens",
)  # fmt: skip
MORE_COLUMNS = (
    "page_id", "kind", "target_language", "text_sha256", "based_on", "glossary", "cost_micro_usd", "created_at",
)  # fmt: skip


def text_answer(row: dict[str, Any]) -> TextAnswer:
    """A text from its columns."""
    told: Any = {name: row[name] for name in (*TEXT_COLUMNS, "data") if name in row}
    cost = row["cost_micro_usd"]
    told["cost_usd"] = None if cost is None else cost / 1_000_000
    told["updated_at"] = rfc3339(row["created_at"])
    found: TextAnswer = told
    return found


def page_answer(page: Page, texts: dict[str, dict[str, Any]]) -> PageAnswer:
    """A page from its row and the columns of its current texts by kind."""
    ocr, translation = texts.get(Kind.OCR), texts.get(Kind.TRANSLATION)
    return {
        "id": page.pk, "page_number": page.number, "label": page.label, "image_url": page.image_url,
        "blank": page.blank, "ocr": text_answer(ocr) if ocr else None,
        "translation": _translation(translation, ocr) if translation else None,
    }  # fmt: skip


def _translation(row: dict[str, Any], ocr: dict[str, Any] | None) -> TranslationAnswer:
    stale = ocr is not None and row["based_on"] not in ("", ocr["text_sha256"])
    return {
        **text_answer(row), "target_language": row["target_language"], "stale": stale,
        "glossary": row["glossary"],
    }  # fmt: skip
