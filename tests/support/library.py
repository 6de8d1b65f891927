"""Books and pages for tests: real images in file storage, real rows, and the whole way of a job in one call."""

from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from books.models import Book, Page
from jobs import lifecycle
from jobs.lifecycle import Actor, NewJob, failures
from jobs.lifecycle.common import figures
from jobs.models import Job
from tests.support.pages import printed

TESTER = Actor("tester", "command")


def make_book(pages: int = 3, *, title: str = "Epigrammata", language: str = "la", **fields: Any) -> Book:
    """A book whose pages are stored images, each with its own number drawn and written into it."""
    book = Book.objects.create(title=title, language=language, **fields)
    for number in range(1, pages + 1):
        name = f"tests/{book.pk}/{number}.jpg"
        default_storage.save(name, ContentFile(printed(number, book=book.pk)))
        Page.objects.create(book=book, number=number, image_file=name)
    book.recount()
    return book


def order_ocr(book: Book, **options: Any) -> Job:
    """A transcription job over all pages of the book."""
    ids = list(book.pages.order_by("number").values_list("pk", flat=True))
    return lifecycle.create(NewJob("batch_ocr", ids, book.pk, **options), TESTER).job


@dataclass
class Walk:
    """The answers of the steps of a job, in order."""

    steps: list[dict[str, Any]]

    @property
    def phases(self) -> list[str]:
        """What each step said it did."""
        return [str(step.get("phase") or step.get("gemini_state") or step["done"]) for step in self.steps]


def run(job: Job, *, steps: int = 100) -> Walk:
    """Advance a job until it is done, checking after every step that the ledger balances and its pages know of it."""
    walk = Walk([])
    requested = figures(job.pk).requested
    for _ in range(steps):
        step = lifecycle.advance(job.pk, TESTER)
        walk.steps.append(step.payload)
        assert figures(job.pk).requested == requested
        assert failures.misjudged(job.book_id) == {}
        if step.done:
            job.refresh_from_db()
            return walk
    raise AssertionError(f"The job was not done after {steps} steps: {walk.steps[-3:]}")
