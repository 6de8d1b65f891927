"""The product's way, through the same functions that its worker calls."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from books.images import PageImage
from books.models import Book, Page
from jobs import gemini, lifecycle
from jobs.lifecycle import NewJob
from jobs.lifecycle.collect import collect
from jobs.lifecycle.common import Actor, figures, lease
from jobs.models import GeminiBatch, Job, JobPage, PageState, Phase, Stage, Status

WORKER = Actor("bench", "schedule")
WAIT = 0.02  # seconds between two looks for work


def book_of(pages: int, address: Callable[[int], str]) -> Book:
    """A book whose pages have these addresses."""
    book = Book.objects.create(title="Epigrammata", language="la")
    numbers = range(1, pages + 1)
    for start in range(0, pages, 1000):
        chunk = numbers[start : start + 1000]
        Page.objects.bulk_create([Page(book=book, number=n, image_url=address(n)) for n in chunk])
    book.recount()
    return book


def order(book: Book) -> Job:
    return lifecycle.create(NewJob("batch_ocr", None, book.pk), WORKER).job


def prepare(job: Job) -> None:
    """Steps until no page waits to be prepared."""
    while figures(job.pk).waiting:
        lifecycle.advance(job.pk, WORKER)
    found = figures(job.pk)
    assert found.prepared == found.requested, found


def finish(job: Job) -> None:
    """Steps until the job is done."""
    while True:
        step = lifecycle.advance(job.pk, WORKER)
        if step.done:
            break
        if not step.more:
            time.sleep(WAIT)
    found = figures(job.pk)
    assert found.succeeded == found.requested, found


@contextmanager
def not_looking() -> Iterator[None]:
    """The product without its look at each image (is it whole, upright, small enough; is it blank): what that costs."""
    module: Any = sys.modules["books.images.load"]
    look = module._normalised

    def taken_as_it_is(raw: bytes, *_: object) -> PageImage:
        digest = hashlib.sha256(raw).hexdigest()
        return PageImage(raw, "image/jpeg", 1100, 1500, digest, 0.1, digest, True, 1100, 1500)

    module._normalised = taken_as_it_is
    try:
        yield
    finally:
        module._normalised = look


def answered_batch(pages: int, line: Callable[[str, int], bytes]) -> tuple[Job, GeminiBatch]:
    """A job whose batch has ended, with its results on disk already: collecting is all that is left."""
    job = order(book_of(pages, lambda n: f"https://example.org/{n}.jpg"))
    batch = GeminiBatch.objects.create(
        job=job,
        display_name=job.pk,
        name=f"batches/{job.pk}",
        stage=Stage.ENDED,
        model=job.model,
        pages=pages,
    )
    JobPage.objects.filter(job=job).update(state=PageState.SUBMITTED, batch=batch, attempts=1)
    Job.objects.filter(pk=job.pk).update(status=Status.PROCESSING, batch_phase=Phase.SUBMITTED)
    folder = Path(settings.DATA_DIR) / "results"
    folder.mkdir(exist_ok=True)
    keys = JobPage.objects.filter(job=job).order_by("number").values_list("pk", flat=True)
    with (folder / f"{batch.pk}.jsonl").open("wb") as file:
        file.writelines(line(key, number) for number, key in enumerate(keys))
    return job, batch


def collected(job: Job, batch: GeminiBatch) -> None:
    """All results on their pages, a chunk a transaction."""
    remote = gemini.RemoteBatch(batch.name, batch.display_name, gemini.SUCCEEDED, result_file="files/none")
    with lease(job.pk, WORKER) as held:
        collect(held, batch, remote)
    assert figures(job.pk).succeeded == batch.pages, figures(job.pk)


def answer(key: str, text: str) -> bytes:
    """A line of a result file."""
    response = {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1500, "candidatesTokenCount": len(text) // 4},
        "modelVersion": "gemini-3.5-flash-lite",
    }
    return json.dumps({"key": key, "response": response}).encode() + b"\n"
