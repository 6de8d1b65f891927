"""The made-up library's rows: some hundred pages at a time, each block in one transaction, counts as they must be.

Books stand at every stage of work: untouched, transcribed, translated, with failures, with corrections, under way.
"""

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from books import texts
from books.models import Book, Kind, Page, Source
from books.texts import NewText
from jobs.demo.words import AUTHORS, Words
from jobs.lifecycle import failures
from jobs.lifecycle.common import Figures
from jobs.models import (
    GeminiBatch,
    Job,
    JobEvent,
    JobPage,
    PageState,
    PaidCall,
    Phase,
    Spending,
    Stage,
    Status,
)
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic
from sourcebatch.lib.ids import first_id

PREFIX = "demo:"
"""What the source identifiers of made-up books begin with."""
LANGUAGES = ("la",) * 6 + ("de", "grc", "fr", "it")
YEARS_BACK = 3
OCR, TRANSLATE = "batch_ocr", "batch_translate"
MICRO_A_PAGE = {OCR: 1900, TRANSLATE: 2700}
# Where a book stands, by how many of a hundred.
STANDS = (
    ("untouched", 20), ("transcribed", 27), ("translated", 43), ("at gemini", 2), ("waiting", 2), ("paused", 1),
    ("failed", 2), ("cancelled", 2), ("automatic", 1),
)  # fmt: skip
FLAG = {"rule": "loop", "reason": "The same line stands there again and again."}


@dataclass
class Demo:
    """One run. `tick` is told of each finished book's pages."""

    books: int
    pages: int
    seed: int
    tick: Callable[[int], Any] = lambda pages: None
    luck: random.Random = field(init=False)
    words: Words = field(init=False)
    spent: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.luck, self.words = random.Random(self.seed), Words(self.seed)  # noqa: S311

    def write(self) -> None:
        """All of it. Raises IntegrityError where the same made-up books are already."""
        began = now() - dt.timedelta(days=365 * YEARS_BACK)
        step = (now() - began) / (self.books + 1)
        left = self.pages
        for number in range(1, self.books + 1):
            count = self._count(left, self.books - number + 1)
            left -= count
            with atomic():
                _BookRows(self, number, began + number * step, count).write()
            self.tick(count)
        for period, micro in sorted(self.spent.items()):
            Spending.add(period, spent=micro)

    def _count(self, left: int, books: int) -> int:
        """Pages of the next book: half to one and a half times what the others have on average."""
        if books == 1:
            return left
        return max(1, min(left - books + 1, round(left / books * self.luck.uniform(0.5, 1.5))))

    def id(self, moment: dt.datetime) -> str:
        """An id as it would have been made then."""
        return first_id(moment)[:10] + "".join(self.luck.choices("0123456789abcdefghjkmnpqrstvwxyz", k=16))


@dataclass
class _BookRows:
    """One book with its pages, texts, jobs and money."""

    demo: Demo
    number: int
    made: dt.datetime
    count: int
    # By page, the hash of the transcription that its translation is made from.
    sources: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        luck = self.demo.luck
        self.language = luck.choice(LANGUAGES)
        self.stand = luck.choices([name for name, _ in STANDS], weights=[share for _, share in STANDS])[0]
        self.book = self._book()
        self.pages = self._pages()
        self.whole = [page for page in self.pages if not page.blank]
        self.book.pages_count, self.book.pages_blank = self.count, self.count - len(self.whole)
        if self.stand != "untouched":
            self._work()
            failures.judge(self.book.pk)
        counted = ("pages_count", "pages_ocr", "pages_translated", "pages_blank", "pages_flagged")
        Book.objects.filter(pk=self.book.pk).update(**{name: getattr(self.book, name) for name in counted})

    def _book(self) -> Book:
        luck = self.demo.luck
        return Book.objects.create(
            id=self.demo.id(self.made), title=self.demo.words.title(self.language, self.number, luck),
            author=luck.choice(AUTHORS), language=self.language, year=luck.randint(1470, 1650),
            source_id=f"{PREFIX}{self.number}", source_url=f"https://demo.invalid/{self.number}/manifest.json",
            rights="https://creativecommons.org/publicdomain/mark/1.0/", is_public=luck.random() < 0.3,
            hidden=luck.random() < 0.01, automatic=self.stand == "automatic", created_by="demo",
            created_at=self.made, updated_at=self.made,
        )  # fmt: skip

    def _pages(self) -> list[Page]:
        luck, address = self.demo.luck, f"https://demo.invalid/{self.number}"
        return Page.objects.bulk_create(
            [
                Page(
                    id=self.demo.id(self.made), book=self.book, number=number,
                    label=f"f. {(number + 1) // 2}{'rv'[(number + 1) % 2]}", image_url=f"{address}/{number}.jpg",
                    width=2400, height=3300, blank=luck.random() < 0.02, created_at=self.made,
                )
                for number in range(1, self.count + 1)
            ]
        )  # fmt: skip

    def _work(self) -> None:
        """The jobs that brought the book to where it stands."""
        if self.stand in ("failed", "cancelled", "paused", "waiting"):
            self._job(OCR, self.stand, self.made)
            return
        self._job(OCR, "completed", self.made)
        if self.stand == "at gemini":
            self._job(TRANSLATE, "at gemini", self.made + dt.timedelta(days=2))
        elif self.stand in ("translated", "automatic"):
            self._job(TRANSLATE, "completed", self.made + dt.timedelta(days=2))

    def _job(self, type_: str, stand: str, moment: dt.datetime) -> None:
        job = Job(
            id=self.demo.id(moment), type=type_, book=self.book, book_title=self.book.title,
            language=self.language, target_language="" if type_ == OCR else "en", model=settings.OCR_BATCH_MODEL,
            prompt_version=f"{type_}/1", created_by=self.demo.luck.choice(("anna", "bert", "carla")),
            created_via="admin", created_at=moment, updated_at=moment, **_STATES[stand],
        )  # fmt: skip
        rows = list(self._ledger(job, stand))
        job.progress = Figures(**Counter(str(row.state) for row in rows)).as_progress()
        done = [row for row in rows if row.state == PageState.SUCCEEDED]
        micro = len(done) * MICRO_A_PAGE[type_]
        job.estimated_micro_usd, job.cost_micro_usd = len(rows) * MICRO_A_PAGE[type_], micro or None
        if job.is_ended:
            job.started_at, job.completed_at = moment, moment + dt.timedelta(hours=5)
        job.save(force_insert=True)
        batch = self._batch(job, stand, moment, len(rows), micro)
        for row in rows:
            row.batch = batch
        JobPage.objects.bulk_create(rows)
        self._events(job, moment)
        self._texts(job, {row.page_id for row in done}, moment + dt.timedelta(hours=5))

    def _ledger(self, job: Job, stand: str) -> Iterator[JobPage]:
        luck = self.demo.luck
        for page in self.whole:
            state, reason, error = _PAGES[stand]
            if stand == "completed" and page is not self.whole[0] and luck.random() < 0.01:
                state, reason, error = PageState.FAILED, "recitation", "Gemini declined to repeat this text."
            yield JobPage(
                id=self.demo.id(job.created_at), job=job, page=page, type=job.type, number=page.number, state=state,
                is_open=stand in ("at gemini", "waiting", "paused"), reason=reason, error=error,
                attempts=int(state not in (PageState.WAITING, PageState.SKIPPED)),
                cost_micro_usd=MICRO_A_PAGE[job.type] if state == PageState.SUCCEEDED else 0,
                updated_at=job.created_at,
            )  # fmt: skip

    def _batch(self, job: Job, stand: str, moment: dt.datetime, pages: int, micro: int) -> GeminiBatch | None:
        if stand not in ("completed", "failed", "at gemini"):
            return None
        open_ = stand == "at gemini"
        batch = GeminiBatch(
            id=self.demo.id(moment), job=job, display_name=f"demo-{job.pk}", name=f"batches/demo-{job.pk}",
            stage=Stage.OPEN if open_ else Stage.CLOSED, state=f"JOB_STATE_{'RUNNING' if open_ else 'SUCCEEDED'}",
            model=job.model, pages=pages, bytes=pages * 380_000, submitted_at=moment, created_at=moment,
            create_called_at=moment, cost_micro_usd=micro,
        )  # fmt: skip
        if open_:
            batch.next_poll_at = now() + dt.timedelta(days=365)
        else:
            batch.ended_at = batch.collected_at = moment + dt.timedelta(hours=self.demo.luck.uniform(0.5, 9))
        batch.save(force_insert=True)
        if micro:
            self._paid(job, batch, micro)
        return batch

    def _paid(self, job: Job, batch: GeminiBatch, micro: int) -> None:
        day = batch.created_at + dt.timedelta(hours=5)
        PaidCall.objects.create(
            id=self.demo.id(day), job_id=job.pk, batch_id=batch.pk, type=job.type, model=job.model,
            requests=batch.pages, input_tokens=batch.pages * 1400, output_tokens=batch.pages * 800,
            cost_micro_usd=micro, actor=job.created_by, created_at=day,
        )  # fmt: skip
        self.demo.spent.update({f"{day:%Y-%m-%d}": micro, f"{day:%Y-%m}": micro})

    def _events(self, job: Job, moment: dt.datetime) -> None:
        verbs = ["create"] + ([str(job.status)] if job.is_ended or job.status == Status.PAUSED else [])
        hours = (0, 5)
        JobEvent.objects.bulk_create(
            JobEvent(
                id=self.demo.id(moment + dt.timedelta(hours=after)), job=job, verb=verb, actor=job.created_by,
                via="admin", created_at=moment + dt.timedelta(hours=after),
            )
            for verb, after in zip(verbs, hours, strict=False)
        )  # fmt: skip

    def _texts(self, job: Job, page_ids: set[str], moment: dt.datetime) -> None:
        """The job's texts, and a person's corrections of a few of them."""
        luck, kind = self.demo.luck, Kind.OCR if job.type == OCR else Kind.TRANSLATION
        pages = [page for page in self.whole if page.pk in page_ids]
        news = [(page, self._text(job, kind, page, moment)) for page in pages]
        written = texts.write_many(news)
        corrected = [
            (page, replace(new, data=f"{new.data}\nEt cetera.", source=Source.HUMAN, author="anna", flags=()))
            for page, new in news if luck.random() < 0.005
        ]  # fmt: skip
        texts.write_many(corrected)
        mended = {page.pk for page, _ in corrected}
        flagged = {one.text.page_id for one in written if one.text.is_flagged} - mended
        self.book.pages_flagged += len(flagged)
        if kind == Kind.OCR:
            self.book.pages_ocr = len(pages)
            self.sources = {page.pk: texts.text_hash(new.data) for page, new in (*news, *corrected)}
        else:
            self.book.pages_translated = len(pages)

    def _text(self, job: Job, kind: Kind, page: Page, moment: dt.datetime) -> NewText:
        luck, translated = self.demo.luck, kind == Kind.TRANSLATION
        note = f"{self.number}/{page.number}"
        return NewText(
            kind, self.demo.words.page("en" if translated else self.language, luck, note), Source.MACHINE,
            target_language="en" if translated else "", language=self.language, model=job.model,
            ordered_model=job.model, prompt_version=job.prompt_version, job_id=job.pk,
            based_on=self.sources.get(page.pk, "") if translated else "",
            input_tokens=1400, output_tokens=800, cost_micro_usd=MICRO_A_PAGE[job.type], finish_reason="STOP",
            flags=[FLAG] if luck.random() < 0.02 else (), created_at=moment,
        )  # fmt: skip


_FAILED = "The library's server does not know this image (404)."
_STATES: dict[str, dict[str, Any]] = {
    "completed": {"status": Status.COMPLETED, "batch_phase": Phase.COMPLETED},
    "failed": {"status": Status.FAILED, "batch_phase": Phase.COMPLETED, "error": f"No page succeeded: {_FAILED}"},
    "cancelled": {"status": Status.CANCELLED, "batch_phase": Phase.PREPARING},
    "paused": {"status": Status.PAUSED, "batch_phase": Phase.PREPARING},
    "waiting": {"status": Status.PENDING, "batch_phase": Phase.PREPARING},
    "at gemini": {
        "status": Status.PROCESSING, "batch_phase": Phase.SUBMITTED, "gemini_state": "JOB_STATE_RUNNING",
    },
}  # fmt: skip
_PAGES: dict[str, tuple[PageState, str, str]] = {
    "completed": (PageState.SUCCEEDED, "", ""),
    "failed": (PageState.FAILED, "image", _FAILED),
    "cancelled": (PageState.SKIPPED, "cancelled", "The job was cancelled."),
    "paused": (PageState.WAITING, "", ""),
    "waiting": (PageState.WAITING, "", ""),
    "at gemini": (PageState.SUBMITTED, "", ""),
}
