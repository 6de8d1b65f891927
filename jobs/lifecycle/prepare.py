"""Preparing: fetch a chunk of page images at once, build the requests, write them as one segment, commit the rows.

Each image goes into the segment as it comes, so that a chunk costs no more memory than a few pages. The order of
writes is safe by itself: a crash after the segment leaves rubbish that the sweep removes, a crash before it leaves
nothing. One page that cannot be prepared never stops the others.
"""

import ctypes
import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.conf import settings

from books import images, texts
from books.models import Page, PageText, Source
from jobs import prices
from jobs.lifecycle import segments
from jobs.lifecycle.common import Figures, Held, Queued, order_of
from jobs.lifecycle.copies import answered, request_hash
from jobs.lifecycle.finish import settle_phase
from jobs.lifecycle.prompts import prompt_named
from jobs.models import BatchPreparation, Job, JobPage, PageState, Phase
from jobs.operations import operation
from jobs.operations.base import Operation, Order, Refused, Request, line_request
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, update_many

THREADS = 32
HEAPS = 2
_M_ARENA_MAX = -8  # mallopt's number for it, in malloc.h
# The least that a page waits after its first, second ... attempt at a library that wants a pause, and the most: one
# that is down for some minutes must not fail all pages of a book.
PAUSES = (dt.timedelta(minutes=1), dt.timedelta(minutes=15))
LONGEST_PAUSE = dt.timedelta(hours=1)
# Pages that are ready wait so long for others that are not.
COMPANY = dt.timedelta(minutes=10)
LONGEST_FETCH = 20.0  # seconds after which a step begins no other image
_OUTCOME = ("state", "is_open", "attempts", "not_before", "reason", "error", "updated_at")


@dataclass
class Work:
    """One page on its way through this step."""

    row: JobPage
    page: Page
    image: images.PageImage | None = None
    request: Request | None = None
    request_hash: str = ""
    reason: str = ""
    sentence: str = ""
    retry: bool = False
    wait: float = 0.0
    crowded: bool = False
    blank: bool = False
    line: segments.Line | None = None
    copied: PageText | None = None


@dataclass(frozen=True)
class Step:
    """What stays the same for the pages of one step."""

    held: Held
    work: Operation
    order: Order
    prompt: str


def prepare(held: Held) -> Figures:
    """Prepare the next chunk of waiting pages; returns the ledger's figures after it."""
    job = held.job
    step = Step(held, operation(job.type), order_of(job), prompt_named(job.prompt_version).text)
    rows = list(
        job.ledger.due().select_related("page").order_by("attempts", "number")
        [: _chunk_size(held)]
    )  # fmt: skip
    items: list[Work] = []
    lined: list[Work] = []
    lines = segments.write(job.pk, _lines(step, rows, items, lined))
    for item, line in zip(lined, lines, strict=True):
        item.line = line
    _copy_answers(step, lined)
    with atomic():
        held.touch(batch_phase=Phase.PREPARING)
        _record(step, items)
        present = held.recount()
        settle_phase(held, present)
        if any(item.copied or item.blank for item in items):
            job.book.recount()
    rests = resting(job) if present.waiting else None
    if rests and not (present.prepared and rests[0] >= COMPANY):
        raise Queued(f"The images cannot be had for now. {rests[1]}", retry_after=rests[0].total_seconds())
    return present


def resting(job: Job) -> tuple[dt.timedelta, str] | None:
    """How long all pages that wait to be prepared have to, at the libraries' own wish, and why; None where one has
    not: libraries that ask for a pause get it, and the pages of others come first.
    """
    if job.ledger.due().exists():
        return None
    waiting = job.ledger.filter(state=PageState.WAITING).exclude(not_before=None)
    first = waiting.order_by("not_before").first()
    if first is None or first.not_before is None:
        return None
    return max(first.not_before - now(), dt.timedelta()), first.error


def go_alone(job: Job) -> bool:
    """Whether pages that are ready to be sent are not to wait for those that are not."""
    rests = resting(job)
    return rests is not None and rests[0] >= COMPANY


@cache
def _keep_few_heaps() -> None:
    """glibc gives each thread a heap of its own and keeps what was on it: with 32 threads 36 MB for nothing. Once for
    each process; other C libraries have no such heaps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS)


def _chunk_size(held: Held) -> int:
    """A worker has more time than somebody who waits for the answer to a call."""
    size: int = settings.PREPARE_CHUNK_SIZE
    return max(size, settings.WORKER_CHUNK_SIZE) if held.actor.via == "schedule" else size


# --- From pages to lines -----------------------------------------------------------------------------------------


def _lines(step: Step, rows: Sequence[JobPage], items: list[Work], lined: list[Work]) -> Iterator[bytes]:
    """The lines of the pages that can be sent, as their images come. `items` gets every page that was looked at,
    `lined` those with a line, in the order of the lines.
    """
    step.work.look_up([row.page for row in rows], step.order)
    for item in _with_images(step, rows) if step.work.reads_image else _without_images(rows):
        items.append(item)
        if item.reason or item.blank or not _build(item, step):
            continue
        assert item.request is not None
        image = item.image
        yield segments.render(
            item.row.pk,
            line_request(item.request),
            image.data if image else None,
            image.mime if image else "",
        )
        if image:
            # The bytes are in the segment now.
            item.image = replace(image, data=b"")
        lined.append(item)


def _without_images(rows: Sequence[JobPage]) -> Iterator[Work]:
    return (Work(row, row.page) for row in rows)


def _with_images(step: Step, rows: Sequence[JobPage]) -> Iterator[Work]:
    """Fetch and normalise the images side by side; the fetcher keeps its manners per host. Ends early when hosts are
    slow: what was not begun waits for the next step, so that other jobs get their turns.
    """
    _keep_few_heaps()
    by_page = {row.page_id: row for row in rows}
    until = time.monotonic() + LONGEST_FETCH
    begun = (row.page for number, row in enumerate(rows) if number < 1 or time.monotonic() < until)
    for page, result in images.load_many(begun, workers=THREADS):
        item = Work(by_page[page.pk], page)
        if isinstance(result, images.ImageError):
            item.reason, item.sentence, item.retry = "image", result.sentence, result.retryable
            item.wait, item.crowded = result.retry_after or 0.0, result.crowded
        else:
            item.image = result
            item.blank = images.is_blank(result.ink) and not page.blank_overruled
        step.held.renew()
        yield item


def _build(item: Work, step: Step) -> bool:
    """Make the page's request; False where that cannot be."""
    try:
        item.request = step.work.request(item.page, step.order, step.prompt, item.row.escalation)
    except Refused as refused:
        item.reason, item.sentence, item.retry = refused.reason, refused.sentence, False
        return False
    item.request_hash = request_hash(item.request, item.image, step.order.model)
    return True


def _copy_answers(step: Step, lined: Sequence[Work]) -> None:
    """Find out which requests were answered before; an order to make texts anew is sent in any case."""
    if not settings.COPY_ANSWERS or step.held.job.overwrite:
        return
    known = answered([item.request_hash for item in lined])
    for item in lined:
        item.copied = known.get(item.request_hash)


# --- Writing -----------------------------------------------------------------------------------------------------


def _record(step: Step, items: Sequence[Work]) -> None:
    """Write every page's outcome: a preparation, a copied answer, a blank, another try later, or a failure."""
    job = step.held.job
    keys = [item.row.pk for item in items]
    waiting = JobPage.objects.filter(pk__in=keys, state=PageState.WAITING).order_by()
    still = set(waiting.values_list("pk", flat=True))
    items = [item for item in items if item.row.pk in still]
    BatchPreparation.objects.filter(job=job, page_id__in=[item.page.pk for item in items]).delete()
    _note_images(items)
    if blank := [item.page for item in items if item.blank]:
        texts.mark_all_blank(blank)
    _write_copies(step, [item for item in items if item.copied])
    for item in items:
        _decide(item)
    update_many([item.row for item in items], _OUTCOME)
    kept = [item for item in items if item.row.state in (PageState.PREPARED, PageState.FAILED)]
    BatchPreparation.objects.bulk_create([_preparation(item, step.work, step.order) for item in kept])


def _note_images(items: Sequence[Work]) -> None:
    """Hash and ink of the images, where they are news."""
    news = []
    for item in items:
        page, image = item.page, item.image
        if image and (page.ink, page.image_sha256) != (image.ink, image.sha256):
            page.ink, page.image_sha256 = image.ink, image.sha256
            news.append(page)
    update_many(news, ("ink", "image_sha256"))


def _decide(item: Work) -> None:
    """Put on the row what has become of its page; written with the others'."""
    row = item.row
    row.updated_at = now()
    if item.blank:
        ink = 100 * item.image.ink if item.image else 0
        row.state, row.is_open, row.reason = PageState.SKIPPED, False, "blank"
        row.error = f"The page looks blank ({ink:.2f} % ink), so it was not sent; overrule it on the page if it is not."
    elif item.copied:
        row.state, row.is_open = PageState.SUCCEEDED, False
        row.reason = "kept_in_history" if item.sentence else "answered_before"
        row.error = (
            f"Nothing was sent: the same request was answered before, for page {item.copied.page.number} of "
            f"{item.copied.page.book.title}, and that answer was copied. {item.sentence}"
        ).strip()
    elif item.line:
        row.state = PageState.PREPARED
    else:
        _note_failure(item)


def _note_failure(item: Work) -> None:
    """Another try later, or the end. That too many others wait for the same library is no attempt of this page."""
    row = item.row
    row.reason, row.error = item.reason, item.sentence
    row.attempts += not item.crowded
    if not item.retry or row.attempts >= settings.MAX_ATTEMPTS:
        row.state, row.is_open, row.not_before = PageState.FAILED, False, None
    elif item.wait:
        least = PAUSES[min(max(row.attempts, 1), len(PAUSES)) - 1]
        row.not_before = now() + min(max(dt.timedelta(seconds=item.wait), least), LONGEST_PAUSE)


def _write_copies(step: Step, items: Sequence[Work]) -> None:
    """The answers of others on these pages, at no cost."""
    job, news = step.held.job, []
    for item in items:
        assert item.copied is not None
        assert item.request is not None
        new = texts.NewText(
            kind=step.work.kind,
            data=item.copied.data,
            source=Source.MACHINE,
            target_language=step.work.target_of(step.order),
            language=step.order.language,
            author=job.created_by,
            model=item.copied.model,
            ordered_model=step.order.model,
            prompt_version=job.prompt_version,
            based_on=item.request.source_sha256,
            glossary=item.request.glossary,
            image_sha256=item.image.sha256 if item.image else "",
            job_id=job.pk,
            request_hash=item.request_hash,
            cost_micro_usd=0,
            finish_reason=item.copied.finish_reason,
            flags=item.copied.flags,
        )
        news.append((item.page, new))
    for item, written in zip(items, texts.write_many(news, overwrite=""), strict=True):
        item.sentence = written.kept


def _preparation(item: Work, work: Operation, order: Order) -> BatchPreparation:
    preparation = BatchPreparation(
        job_id=item.row.job_id, page=item.page, key=item.row.pk, failed=not item.line, error=item.sentence
    )
    if item.image:
        preparation.image_sha256 = item.image.sha256
    if item.line and item.request:
        preparation.request_hash = item.request_hash
        preparation.request = _described(item)
        preparation.segment, preparation.offset = item.line.segment, item.line.offset
        preparation.length, preparation.line_sha256 = item.line.length, item.line.sha256
        preparation.source_sha256 = item.request.source_sha256
        preparation.glossary = item.request.glossary
        # Each text is rounded up by itself, as Gemini counts: of a quota, rather a little too many.
        preparation.input_tokens = prices.text_tokens(item.request.system) + prices.input_tokens(
            item.request.text, order.model, item.image
        )
    return preparation


def _described(item: Work) -> dict[str, Any]:
    """What is kept of the request in the database: which image and which parameters, not the bytes and texts."""
    assert item.request is not None
    described: dict[str, Any] = {"generationConfig": item.request.generation}
    if item.image:
        described["image"] = {
            "sha256": item.image.sha256,
            "width": item.image.width,
            "height": item.image.height,
        }
    return described
