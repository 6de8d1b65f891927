"""What exporters take and give: options, a book read leaf by leaf, bytes in pieces.

An exporter is a module of this package with an `EXPORTER`. It reads a book by `leaves`, which asks the database
twice for every hundred pages, so that its memory does not grow with the book.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from django.db.models import Q

from books.models import Book, Kind, Page, PageText, PageTextQuerySet, Source

CHUNK = 100
Parts = Literal["both", "transcription", "translation"]
Layout = Literal["facing", "interleaved"]


class ExportRefused(Exception):
    """Why there is no such export, in a sentence that says what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Options:
    """What goes into an export.

    `language` keeps to translations into that language, empty means all there are; `reviewed` keeps to texts that
    a person wrote, corrected or vouched for; `layout` is for formats that put a translation beside its original;
    `fetch` allows fetching page images that are not stored here; `address` is where readers reach this
    installation, such as https://books.example.org.
    """

    text: Parts = "both"
    language: str = ""
    reviewed: bool = False
    layout: Layout = "facing"
    fetch: bool = False
    address: str = ""

    @property
    def transcription(self) -> bool:
        """Whether transcriptions are wanted."""
        return self.text != "translation"

    @property
    def translation(self) -> bool:
        """Whether translations are wanted."""
        return self.text != "transcription"

    def wanted(self, text: PageText) -> bool:
        """Whether this text goes into the export."""
        if self.reviewed and text.source != Source.HUMAN and text.reviewed_at is None:
            return False
        if text.kind == Kind.OCR:
            return self.transcription
        return self.translation and self.language in ("", text.target_language)


class Exporter(Protocol):
    """One format. `order` sorts the list that people choose from: small numbers first; `public`: for everybody."""

    name: str
    label: str
    extension: str
    mime: str
    order: int
    public: bool

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The file in pieces. Raises ExportRefused before the first piece."""


@dataclass(frozen=True)
class Leaf:
    """One visible page with its current texts, as far as they are wanted; translations by language.

    `stale` holds the languages whose translation was made from a transcription that has changed since.
    """

    page: Page
    transcription: PageText | None
    translations: tuple[PageText, ...]
    stale: frozenset[str]

    @property
    def texts(self) -> tuple[PageText, ...]:
        """Transcription first, then the translations."""
        return (*((self.transcription,) if self.transcription else ()), *self.translations)

    def is_stale(self, text: PageText) -> bool:
        """Whether this text is a translation of what its page no longer says."""
        return text.kind == Kind.TRANSLATION and text.target_language in self.stale


def leaves(book: Book, options: Options) -> Iterator[Leaf]:
    """The visible pages in order, in two queries for every hundred."""
    last = -1
    while pages := list(Page.objects.visible().filter(book=book, number__gt=last).order_by("number")[:CHUNK]):
        texts = _texts([page.pk for page in pages])
        yield from (_leaf(page, texts[page.pk], options) for page in pages)
        last = pages[-1].number


def _texts(page_ids: Sequence[str]) -> defaultdict[str, list[PageText]]:
    found: defaultdict[str, list[PageText]] = defaultdict(list)
    for text in PageText.objects.current().filter(page__in=page_ids).order_by("target_language"):
        found[text.page_id].append(text)
    return found


def _leaf(page: Page, texts: Sequence[PageText], options: Options) -> Leaf:
    source = next((text for text in texts if text.kind == Kind.OCR), None)
    translations = [text for text in texts if text.kind == Kind.TRANSLATION]
    stale = {
        text.target_language
        for text in translations
        if source is not None and text.based_on not in ("", source.text_sha256)
    }
    return Leaf(
        page,
        source if source is not None and options.wanted(source) else None,
        tuple(text for text in translations if options.wanted(text)),
        frozenset(stale),
    )


def texts_of(book: Book, options: Options) -> PageTextQuerySet:
    """The texts that go into the export, for counting."""
    texts = PageText.objects.current().filter(page__book=book, page__hidden=False)
    if options.reviewed:
        texts = texts.filter(Q(source=Source.HUMAN) | Q(reviewed_at__isnull=False))
    if not options.transcription:
        texts = texts.exclude(kind=Kind.OCR)
    if not options.translation:
        texts = texts.filter(kind=Kind.OCR)
    elif options.language:
        texts = texts.filter(Q(kind=Kind.OCR) | Q(target_language=options.language))
    return texts.order_by()


def translated_into(book: Book, options: Options) -> list[str]:
    """The languages of the translations that go into the export, by code."""
    found = texts_of(book, options).filter(kind=Kind.TRANSLATION)
    return sorted(set(found.values_list("target_language", flat=True).distinct()))
