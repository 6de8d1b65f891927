"""Preparing: fetch a chunk of page images at once, build the requests, write them as one segment, commit the rows.

The order of writes is safe by itself: a crash after the segment leaves rubbish that the sweep removes, a crash
before it leaves nothing. One page that cannot be prepared never stops the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from books import images, texts
from books.models import Page
from jobs import prices
from jobs.lifecycle import segments
from jobs.lifecycle.common import Figures, Held, Queued, order_of
from jobs.lifecycle.finish import settle_phase
from jobs.lifecycle.prompts import prompt_named
from jobs.models import BatchPreparation, JobPage, PageState, Phase
from jobs.operations import operation
from jobs.operations.base import Operation, Order, Refused, Request, line_request
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic

THREADS = 16
LONGEST_PAUSE = 3600.0  # seconds


@dataclass
class Work:
    """One page on its way through this step."""

    row: JobPage
    page: Page
    image: images.PageImage | None = None
    request: Request | None = None
    reason: str = ""
    sentence: str = ""
    retry: bool = False
    wait: float = 0.0
    blank: bool = False
    line: segments.Line | None = None


def prepare(held: Held) -> Figures:
    """Prepare the next chunk of waiting pages; returns the ledger's figures after it."""
    job = held.job
    rows = list(
        job.ledger.filter(state=PageState.WAITING).select_related("page").order_by("attempts", "number")
        [: settings.PREPARE_CHUNK_SIZE]
    )  # fmt: skip
    work, order = operation(job.type), order_of(job)
    items = [Work(row, row.page) for row in rows]
    if work.reads_image:
        _read_images(items, held)
    prompt = prompt_named(job.prompt_version).text
    for item in items:
        if not item.reason and not item.blank:
            _build(item, work, order, prompt)
    _write_segment(job.pk, items)
    with atomic():
        held.touch(batch_phase=Phase.PREPARING)
        for item in items:
            _record(item, work, order)
        present = held.recount()
        settle_phase(held, present)
    if not job.is_ended:
        _leave_alone(items)
    return present


def _leave_alone(items: list[Work]) -> None:
    """A library that asks for a pause gets it: otherwise its pages would use up their attempts in seconds.

    Raises Queued when each page of the chunk has to wait; pages from elsewhere, or new ones, come first.
    """
    if items and all(item.retry and item.wait for item in items):
        wait = min(max(item.wait for item in items), LONGEST_PAUSE)
        raise Queued(f"The images cannot be had for now. {items[0].sentence}", retry_after=wait)


def _read_images(items: list[Work], held: Held) -> None:
    """Fetch and normalise the images of the chunk side by side; the fetcher keeps its manners per host."""
    by_page = {item.page.pk: item for item in items}
    for page, result in images.load_many([item.page for item in items], workers=THREADS):
        item = by_page[page.pk]
        if isinstance(result, images.ImageError):
            item.reason, item.sentence, item.retry = "image", result.sentence, result.retryable
            item.wait = result.retry_after or 0.0
        else:
            item.image = result
            item.blank = images.is_blank(result.ink) and not page.blank_overruled
        held.renew()


def _build(item: Work, work: Operation, order: Order, prompt: str) -> None:
    try:
        item.request = work.request(item.page, order, prompt, item.row.escalation)
    except Refused as refused:
        item.reason, item.sentence, item.retry = refused.reason, refused.sentence, False


def _write_segment(job_id: str, items: list[Work]) -> None:
    ready = [item for item in items if item.request]
    for item, line in zip(ready, segments.write(job_id, _lines(ready)), strict=True):
        item.line = line


def _lines(items: list[Work]) -> Iterator[bytes]:
    for item in items:
        assert item.request is not None
        image = item.image
        request = line_request(item.request)
        yield segments.render(
            item.row.pk, request, image.data if image else None, image.mime if image else ""
        )


def _record(item: Work, work: Operation, order: Order) -> None:
    """Write one page's outcome: a preparation, a blank, another try later, or a failure."""
    row = JobPage.objects.filter(pk=item.row.pk, state=PageState.WAITING)
    BatchPreparation.objects.filter(job_id=item.row.job_id, page_id=item.page.pk).delete()
    if item.image:
        Page.objects.filter(pk=item.page.pk).update(ink=item.image.ink, image_sha256=item.image.sha256)
    if item.blank:
        _record_blank(item, row)
    elif item.line and item.request:
        if row.update(state=PageState.PREPARED, updated_at=now()):
            _preparation(item, work, order).save(force_insert=True)
    elif item.retry and item.row.attempts + 1 < settings.MAX_ATTEMPTS:
        row.update(attempts=item.row.attempts + 1, reason=item.reason, error=item.sentence, updated_at=now())
    else:
        row.update(
            state=PageState.FAILED, is_open=False, attempts=item.row.attempts + 1, reason=item.reason,
            error=item.sentence, updated_at=now(),
        )  # fmt: skip
        _preparation(item, work, order).save(force_insert=True)


def _record_blank(item: Work, row: Any) -> None:
    texts.mark_blank(item.page)
    ink = 100 * item.image.ink if item.image else 0
    row.update(
        state=PageState.SKIPPED, is_open=False, reason="blank", updated_at=now(),
        error=f"The page looks blank ({ink:.2f} % ink), so it was not sent; overrule it on the page if it is not.",
    )  # fmt: skip


def _preparation(item: Work, work: Operation, order: Order) -> BatchPreparation:
    preparation = BatchPreparation(
        job_id=item.row.job_id, page=item.page, key=item.row.pk, failed=not item.line, error=item.sentence
    )
    if item.image:
        preparation.image_sha256 = item.image.sha256
    if item.line and item.request:
        preparation.request = _described(item)
        preparation.segment, preparation.offset = item.line.segment, item.line.offset
        preparation.length, preparation.line_sha256 = item.line.length, item.line.sha256
        preparation.source_sha256 = item.request.source_sha256
        preparation.glossary = item.request.glossary
        preparation.input_tokens = prices.input_tokens(
            item.request.system + item.request.text, order.model, item.image
        )  # fmt: skip
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
