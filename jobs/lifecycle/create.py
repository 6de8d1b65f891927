"""Creating a job: which pages it takes, which it leaves out and why, what it will cost; then one transaction.

`plan` decides without writing (confirmation pages, dry runs), `create` decides and writes. That no page is in two
live jobs of a type is the database's constraint: a creation that loses a race decides again.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from books import languages
from books.models import Book, Page, PageText, Source
from jobs import prices
from jobs.lifecycle.common import Actor, BadOrder, NothingToDo, note
from jobs.lifecycle.prompts import prompt_in_use
from jobs.lifecycle.signals import job_ready
from jobs.models import GeminiBatch, Job, JobPage, PageState
from jobs.operations import operation, operations
from jobs.operations.base import Operation, Order, Skip
from jobs.prices import Estimate
from sourcebatch.lib.db import atomic, in_chunks, races, repeated

RACES = 10
OVERWRITES = ("", "machine", "human")


@dataclass(frozen=True)
class NewJob:
    """What somebody asks for. `page_ids=None` means every page of the book that needs it.

    `overwrite` is `""` (pages that have the text are left out), `"machine"` (machine text is made again) or
    `"human"` (a person's text too; the old one stays in history).
    """

    type: str
    page_ids: Sequence[str] | None
    book_id: str = ""
    book_title: str = ""
    language: str = ""
    target_language: str = ""
    model: str = ""
    overwrite: str = ""
    priority: int = 0


@dataclass(frozen=True)
class SkippedPage:
    """A page that the job leaves out: a code for filters and a sentence for people."""

    page_id: str
    page_number: int
    reason: str
    sentence: str


@dataclass(frozen=True)
class Plan:
    """What a job would do, decided but not written. Dollars are in `estimate`."""

    book: Book
    order: Order
    page_ids: list[str]
    skipped: list[SkippedPage]
    estimate: Estimate
    notices: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    live_jobs: frozenset[str] = frozenset()

    @property
    def pages(self) -> int:
        """How many pages it would work on."""
        return len(self.page_ids)

    @property
    def model(self) -> str:
        return self.order.model

    @property
    def language(self) -> str:
        return self.order.language

    @property
    def target_language(self) -> str:
        return self.order.target_language

    @property
    def skipped_by_reason(self) -> dict[str, int]:
        """How many pages are left out, by the code of the reason."""
        return dict(Counter(one.reason for one in self.skipped))


@dataclass(frozen=True)
class Created:
    """The job; `created` is False when a live job already does all that was asked."""

    job: Job
    created: bool
    skipped: list[SkippedPage]
    notices: list[str]


def plan(new: NewJob) -> Plan:
    """Decide what a job would do. Raises BadOrder."""
    work = operation_named(new.type)
    asked = list(dict.fromkeys(new.page_ids)) if new.page_ids is not None else None
    book = _book(new, asked)
    order, notices = _order(new, work, book)
    pages = _pages(book, asked)
    skipped, live_jobs = _skips(pages, work, order)
    left = [page for page in pages if page.pk not in skipped]
    return Plan(
        book=book,
        order=order,
        page_ids=[page.pk for page in left],
        skipped=[
            SkippedPage(p.pk, p.number, skipped[p.pk].reason, skipped[p.pk].sentence)
            for p in pages
            if p.pk in skipped
        ],
        estimate=prices.estimate_order(work, order, len(left)),
        notices=notices,
        numbers={page.pk: page.number for page in pages},
        live_jobs=live_jobs,
    )


def create(new: NewJob, actor: Actor) -> Created:
    """Create a job for the pages that need it. Raises BadOrder and NothingToDo."""
    try:
        # Another job may take one of these pages between the decision and the writing: then decide again.
        decided, job = repeated(lambda: _decided(new, actor), RACES)
    except races():
        raise NothingToDo(
            "Other jobs keep taking these pages: look at the list of jobs and try again.", skipped=[]
        ) from None
    if job is None:
        return _nothing_new(decided)
    job_ready.send(sender=Job, job_id=job.pk)
    return Created(job, True, decided.skipped, decided.notices)


def _decided(new: NewJob, actor: Actor) -> tuple[Plan, Job | None]:
    """A plan, and the job made by it unless there is nothing to do."""
    decided = plan(new)
    if not decided.page_ids:
        return decided, None
    with atomic():
        return decided, _write(new, decided, actor)


def _nothing_new(decided: Plan) -> Created:
    """All pages are left out: either one live job has them all, or there is nothing to do."""
    if len(decided.live_jobs) == 1 and all(one.reason == "in_live_job" for one in decided.skipped):
        job = Job.objects.get(pk=next(iter(decided.live_jobs)))
        return Created(
            job, False, decided.skipped, [*decided.notices, "A job that is under way already does this."]
        )
    reasons = Counter(one.sentence for one in decided.skipped)
    why = (
        "; ".join(f"{count}: {sentence}" for sentence, count in reasons.most_common(5))
        or "the book has no pages."
    )
    raise NothingToDo(f"No page is left to work on. {why}", skipped=decided.skipped)


def _write(new: NewJob, decided: Plan, actor: Actor) -> Job:
    order = decided.order
    job = Job.objects.create(
        type=order.type,
        book=decided.book,
        book_title=(new.book_title or decided.book.title)[:1000],
        language=order.language,
        target_language=order.target_language,
        model=order.model,
        overwrite=order.overwrite,
        prompt_version=prompt_in_use(order.type).name,
        priority=new.priority,
        created_by=actor.name,
        created_via=actor.via,
        estimated_micro_usd=_micro(decided.estimate.batch_usd),
    )
    rows = [
        JobPage(job=job, page_id=pk, type=order.type, number=decided.numbers[pk]) for pk in decided.page_ids
    ]
    if new.page_ids is not None:
        # What was asked for by name is accounted for by name, also when it is left out.
        rows += [_left_out(job, one) for one in decided.skipped]
    for chunk in in_chunks(rows):
        JobPage.objects.bulk_create(chunk)
    skipped = len(rows) - len(decided.page_ids)
    job.progress = {
        "total": len(rows), "completed": 0, "failed": 0, "skipped": skipped, "open": len(decided.page_ids),
        "waiting": len(decided.page_ids), "prepared": 0, "submitted": 0,
    }  # fmt: skip
    job.save(update_fields=["progress"])
    note(job, "create", actor, f"{len(decided.page_ids)} pages, {len(decided.skipped)} left out")
    return job


def _micro(usd: Decimal | None) -> int | None:
    return None if usd is None else round(usd * 1_000_000)


def _left_out(job: Job, one: SkippedPage) -> JobPage:
    return JobPage(
        job=job, page_id=one.page_id, type=job.type, number=one.page_number, state=PageState.SKIPPED, is_open=False,
        reason=one.reason, error=one.sentence,
    )  # fmt: skip


# --- Checking what was asked -------------------------------------------------------------------------------------


def _bad(field_name: str, sentence: str) -> BadOrder:
    return BadOrder(sentence, errors={field_name: [sentence]})


def operation_named(type_: str) -> Operation:
    if type_ not in operations():
        raise _bad("type", f"There is no job type {type_!r}: use one of {', '.join(operations())}.")
    return operation(type_)


def _book(new: NewJob, asked: list[str] | None) -> Book:
    if asked is not None and not asked:
        raise _bad("page_ids", "No page was named: give at least one page id.")
    book_id = new.book_id
    if not book_id and asked:
        book_id = Page.objects.filter(pk=asked[0]).values_list("book_id", flat=True).first() or ""
        if not book_id:
            raise _bad("page_ids", f"These pages do not exist: {asked[0]}.")
    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        raise _bad("book_id", f"There is no book {book_id!r}: look at /api/books for those there are.")
    return book


def _order(new: NewJob, work: Operation, book: Book) -> tuple[Order, list[str]]:
    if new.overwrite not in OVERWRITES:
        raise _bad("overwrite", 'overwrite must be false, true, "machine" or "human".')
    notices: list[str] = []
    asked = _language("language", new.language)
    if asked and book.language and asked != book.language:
        notices.append(
            f"The book's language is {languages.name_of(book.language)}, so it is read as that and not as "
            f"{languages.name_of(asked)}."
        )
    model, notice = prices.resolve_model(new.model or getattr(settings, work.batch_model_setting))
    if notice:
        notices.append(notice)
    order = Order(
        type=work.type, book_id=book.pk, book_title=book.title, author=book.author, year=book.year,
        language=book.language or asked, model=model, overwrite=new.overwrite,
        target_language=_language("target_language", new.target_language) or book.target_language,
    )  # fmt: skip
    return replace(order, target_language=work.target_of(order)), notices


def _language(field_name: str, given: str) -> str:
    try:
        return languages.normalise(given)
    except ValueError as error:
        raise _bad(field_name, str(error)) from None


def _pages(book: Book, asked: list[str] | None) -> list[Page]:
    fields = ("id", "book_id", "number", "hidden", "blank", "blank_overruled")
    if asked is None:
        return list(book.pages.visible().only(*fields).order_by("number"))
    found = {
        page.pk: page
        for chunk in in_chunks(asked)
        for page in Page.objects.filter(pk__in=chunk).only(*fields)
    }
    wrong = [pk for pk in asked if pk not in found or found[pk].book_id != book.pk]
    if wrong:
        named = ", ".join(wrong[:20]) + (f" and {len(wrong) - 20} more" if len(wrong) > 20 else "")
        raise _bad("page_ids", f"These pages do not exist or are not of this book: {named}.")
    return sorted(found.values(), key=lambda page: page.number)


# --- Which pages are left out --------------------------------------------------------------------------------------


def _skips(pages: Sequence[Page], work: Operation, order: Order) -> tuple[dict[str, Skip], frozenset[str]]:
    """Reasons by page id, the first that applies, and the live jobs that have some of the pages."""
    skips: dict[str, Skip] = {}
    live_jobs: set[str] = set()
    for chunk in in_chunks(pages):
        ids = [page.pk for page in chunk]
        live = dict(
            JobPage.objects.filter(page_id__in=ids, type=work.type, is_open=True).values_list(
                "page_id", "job_id"
            )
        )
        live_jobs.update(live.values())
        done = _sources(ids, work, order)
        for page in chunk:
            skip = _skip(page, live.get(page.pk), done.get(page.pk), order)
            if skip:
                skips[page.pk] = skip
        left = [page for page in chunk if page.pk not in skips]
        skips.update(work.skips(left, order))
    return skips, frozenset(live_jobs)


def _sources(ids: Sequence[str], work: Operation, order: Order) -> dict[str, str]:
    """Of the pages that have this text already: whether a machine or a person wrote it."""
    texts = PageText.objects.filter(
        page_id__in=ids, kind=work.kind, target_language=work.target_of(order), is_current=True
    )
    return dict(texts.values_list("page_id", "source"))


def _skip(page: Page, live_job: str | None, source: str | None, order: Order) -> Skip | None:
    if page.hidden:
        return Skip("hidden", "The page is hidden.")
    if live_job:
        return Skip("in_live_job", f"The page is in the job {live_job}, which is under way.")
    if source == Source.HUMAN and order.overwrite != "human":
        return Skip("human_text", "A person wrote or corrected this text; machines leave it alone.")
    if source and not order.overwrite:
        return Skip("already_done", "The page has this text already.")
    if page.blank and not page.blank_overruled:
        return Skip("blank", "The page is blank.")
    return None


def time_to_expect() -> dt.timedelta:
    """How long batches took lately, from submission to the end: the median of the last 50, 12 hours without any."""
    ended: list[Any] = list(
        GeminiBatch.objects.filter(ended_at__isnull=False, submitted_at__isnull=False)
        .order_by("-id").values_list("submitted_at", "ended_at")[:50]
    )  # fmt: skip
    spans = sorted(end - start for start, end in ended)
    # Less than a minute is what only a stand-in on the same machine does: nobody can plan with it.
    return max(spans[len(spans) // 2], dt.timedelta(minutes=1)) if spans else dt.timedelta(hours=12)
