"""Reading pages a second time, a little at a time: by the schedule, or for one book by the command.

One run at a time on a machine, held by a lock that ends with its process. A run ends when its seconds are over, when it
is told to stop, and when other tasks wait for a worker; at most one page's reading is in their way.
"""

import fcntl
import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE
from django.core.cache import cache
from django.db.models import Exists, OuterRef
from PIL import Image

from books import images, page_images
from books.exports.images import is_here
from books.images import ImageError
from books.models import Book, Kind, Page, PageText, Source
from books.second_reading import compare, engines
from books.second_reading.engines import Engine, EngineError
from books.second_reading.judge import judge
from books.second_reading.layout import Line, plain
from books.second_reading.models import Inspection, SecondReading
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated
from sourcebatch.lib.stop import stop_requested

logger = logging.getLogger(__name__)
CHUNK = 100
SCHEDULE = Actor(via="schedule")
Ended = Callable[[], bool]


@dataclass
class Done:
    """What a run did, and for whom."""

    by: Actor = SCHEDULE
    read: int = 0
    compared: int = 0
    unreadable: int = 0
    elsewhere: int = 0
    flagged: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """In words."""
        parts = [f"Read {self.read} pages a second time"]
        if self.compared > self.read:
            parts.append(f"compared {self.compared}")
        if self.unreadable:
            parts.append(f"{self.unreadable} could not be read")
        if self.elsewhere:
            parts.append(f"{self.elsewhere} images are not stored here (keep_images stores them)")
        return f"{', '.join(parts)}; {len(self.flagged)} texts flagged."


@contextmanager
def alone() -> Iterator[bool]:
    """Whether no other run goes on here; the lock goes with the process, however that ends."""
    with (settings.DATA_DIR / "second-reading.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def library(ended: Ended, by: Actor = SCHEDULE) -> str:
    """Go on with the library's books, those that changed last first, until `ended`; what was done, in words."""
    name, absent = engines.chosen()
    if not name:
        return absent
    with alone() as mine:
        if not mine:
            return "Another run is reading."
        done = Done(by)
        with engines.running(name) as engine:
            for waiting in _books():
                if ended():
                    break
                try:
                    whole = one_book(waiting, engine, done, ended)
                except EngineError as broken:
                    return f"{done.sentence()} {broken.sentence}"
                if whole:
                    Inspection.note(waiting.pk, readings_at=waiting.updated_at)
    return done.sentence()


def one_book(book: Book, engine: Engine, done: Done, ended: Ended, *, fetch: bool = False) -> bool:
    """Read and compare what is new in a book, then flag what is suspicious; whether all of it was done.

    Raises EngineError for an engine that does not work at all.
    """
    before = done.compared
    try:
        return _all_of(book, engine, done, ended, fetch=fetch)
    finally:
        if done.compared > before:
            _flag(book, engine, done)


def _flag(book: Book, engine: Engine, done: Done) -> None:
    found = judge(book, engine)
    done.flagged += found
    if found:
        record(done.by, [book], CHANGE, f"Second readings: {len(found)} texts flagged")


def until(seconds: float) -> Ended:
    """Ends after so many seconds, or when this process is told to stop."""
    end = time.monotonic() + seconds
    return lambda: stop_requested() or time.monotonic() >= end


def _books() -> Iterator[Book]:
    """Books that changed since all of them was read."""
    seen = Inspection.objects.filter(book=OuterRef("pk"), readings_at__gte=OuterRef("updated_at"))
    yield from Book.objects.visible().filter(~Exists(seen), pages_ocr__gt=0).order_by("-updated_at")[:CHUNK]


def _all_of(book: Book, engine: Engine, done: Done, ended: Ended, *, fetch: bool) -> bool:
    found = PageText.objects.current().filter(
        page__book=book, page__hidden=False, page__blank=False, kind=Kind.OCR, source=Source.MACHINE
    )
    numbered = found.select_related("page").order_by("page__number")
    last = -1
    while chunk := list(numbered.filter(page__number__gt=last)[:CHUNK]):
        readings = {
            one.page_id: one for one in SecondReading.objects.filter(page__in=[t.page_id for t in chunk])
        }
        for text in chunk:
            reading = readings.get(text.page_id)
            if reading is None or reading.image_sha256 != text.page.image_sha256:
                if not fetch and not is_here(text.page):
                    done.elsewhere += 1
                    continue
                if ended():
                    return False
                reading = _read(text.page, book, engine, done)
            _compare(text, reading, book, engine, done)
        last = chunk[-1].page.number
    return True


def _compare(text: PageText, reading: SecondReading, book: Book, engine: Engine, done: Done) -> None:
    if reading.error or reading.text_id == text.pk:
        return
    known = engine.scripts(text.language or book.language)
    groups, share = compare.of_text(text.data, known)
    reading.text_id = text.pk
    reading.disagreement = compare.disagreement(groups, compare.of_reading(reading.text, known), share)
    reading.save(update_fields=["text_id", "disagreement"])
    done.compared += 1


def _read(page: Page, book: Book, engine: Engine, done: Done) -> SecondReading:
    """Read the image that the page has now, and keep what came of it in place of an earlier reading."""
    lines: list[Line] = []
    error, size = "", (0, 0)
    try:
        jpeg = _jpeg(page)
        with Image.open(io.BytesIO(jpeg)) as image:
            size = image.size
        lines = engine.read(jpeg, book.language, settings.SECOND_READING_PAGE_SECONDS)
    except (ImageError, EngineError) as failure:
        if getattr(failure, "broken", False) and not _seen_before(page):
            raise
        error = failure.sentence[:500]
        logger.warning("Page %s of book %s got no second reading: %s", page.number, book.pk, error)
    done.read += not error
    done.unreadable += bool(error)
    return _kept(
        page, book=book, engine=engine.name, image_sha256=page.image_sha256, error=error,
        width=size[0], height=size[1], text=plain(lines), lines=_rows(lines),
        confidence=_confidence(lines), text_id="", disagreement=None, created_at=now(),
    )  # fmt: skip


def _kept(page: Page, **values: Any) -> SecondReading:
    """The page's one row, as an update or as a new row; another machine may be as far."""
    rows = SecondReading.objects.filter(page=page)

    def attempt() -> SecondReading:
        if rows.update(**values):
            return rows.get()
        with atomic():
            return SecondReading.objects.create(page=page, **values)

    return repeated(attempt)


def _seen_before(page: Page) -> bool:
    """Whether the engine fell over this very page before: then it is the page, else the engine that is broken."""
    return not cache.add(f"second-reading-fell:{page.pk}", 1, 24 * 3600)


def _jpeg(page: Page) -> bytes:
    """The image that a model is sent. One that had to be fetched is not kept: a library's scans would fill the disk."""
    if is_here(page):
        return page_images.image_bytes(page)
    image = images.load(page)
    if page.image_sha256 != image.sha256:
        page.image_sha256 = image.sha256
        Page.objects.filter(pk=page.pk).update(image_sha256=image.sha256)
    return image.data


def _rows(lines: list[Line]) -> list[list[int | str | float]]:
    return [[one.left, one.top, one.right, one.bottom, one.text, one.confidence] for one in lines]


def _confidence(lines: list[Line]) -> float | None:
    letters = sum(len(one.text) for one in lines)
    return sum(one.confidence * len(one.text) for one in lines) / letters if letters else None
