"""Looking over books in which something has changed, by the rules that need a page's neighbours."""

from collections.abc import Callable, Iterator

from django.contrib.admin.models import CHANGE
from django.db.models import Exists, OuterRef

from books import quality_neighbours, texts
from books.models import Book, Kind, PageText, Source
from books.second_reading.models import Inspection
from sourcebatch.lib.adminlog import Actor, record

CHUNK = 100
Ended = Callable[[], bool]


def library(ended: Ended) -> str:
    """Look over the books that changed last first, until `ended`; what came of it, in words."""
    count, flagged = 0, 0
    for book in _changed():
        if ended():
            break
        flagged += len(one_book(book))
        Inspection.note(book.pk, texts_at=book.updated_at)
        count += 1
    return f"Looked over {count} books; {flagged} texts flagged."


def one_book(book: Book) -> list[str]:
    """Flag the book's transcriptions that do not fit between their neighbours; the reasons that were new."""
    rows = list(_facts(book))
    pages = [facts for facts, _, _ in rows]
    found: list[str] = []
    for at, finding in quality_neighbours.check(pages):
        _, text_id, source = rows[at]
        if source == Source.MACHINE and texts.flag(PageText(pk=text_id), finding.flag):
            found.append(f"Page {pages[at].number}: {finding.reason}")
    if found:
        book.recount()
        record(Actor(via="schedule"), [book], CHANGE, f"Looked over: {len(found)} texts flagged")
    return found


def _changed() -> Iterator[Book]:
    seen = Inspection.objects.filter(book=OuterRef("pk"), texts_at__gte=OuterRef("updated_at"))
    yield from Book.objects.visible().filter(~Exists(seen), pages_ocr__gt=0).order_by("-updated_at")[:CHUNK]


def _facts(book: Book) -> Iterator[tuple[quality_neighbours.Facts, str, str]]:
    """Of each page that has a transcription, in order: its facts, and its text's id and source."""
    current = PageText.objects.current().filter(
        page__book=book, page__hidden=False, page__blank=False, kind=Kind.OCR
    )
    in_order = current.select_related("page").order_by("page__number")
    last = -1
    while chunk := list(in_order.filter(page__number__gt=last)[:CHUNK]):
        for text in chunk:
            page = text.page
            facts = quality_neighbours.facts(
                page.number, text.data, ink=page.ink, image_sha256=page.image_sha256,
                finish_reason=text.finish_reason,
            )  # fmt: skip
            yield facts, text.pk, text.source
        last = chunk[-1].page.number
