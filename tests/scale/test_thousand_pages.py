"""A whole book of a thousand pages over several file batches, each text on the page of its own image."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from books.models import Book, Page, PageText
from jobs.models import BatchPreparation, Stage
from tests.support.library import order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.pages import printed

PAGES = 1000


def make_large_book() -> Book:
    book = Book.objects.create(title="A thousand pages", language="la")
    pages = []
    for number in range(1, PAGES + 1):
        name = default_storage.save(f"tests/{book.pk}/{number}.jpg", ContentFile(small_page(number, book.pk)))
        pages.append(Page(book=book, number=number, image_file=name))
    Page.objects.bulk_create(pages)
    return book


def small_page(number: int, book: str) -> bytes:
    """One drawn page with a comment of its own, put in behind the JPEG's first two bytes: drawing is what costs."""
    drawn, said = printed(1, 240, 330), f"page {number} of {book}".encode()
    return drawn[:2] + b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said + drawn[2:]


@pytest.mark.slow
@pytest.mark.django_db
def test_a_thousand_pages_come_back_each_on_its_own_page(local: LocalGemini, settings: Settings) -> None:
    settings.PREPARE_CHUNK_SIZE = 100
    settings.BATCH_MAX_PAGES = 400
    local.fault("batch", shuffle=True, times=None)
    book = make_large_book()
    job = order_ocr(book)
    walk = run(job, steps=200)
    assert walk.steps[-1]["message"] == f"Batch job completed: {PAGES} succeeded, 0 failed"
    assert sorted(job.batches.values_list("pages", flat=True)) == [200, 400, 400]
    assert set(job.batches.values_list("stage", "inline")) == {(Stage.CLOSED, False)}
    texts = PageText.objects.current().filter(page__book=book).select_related("page")
    wrong = [text.page.number for text in texts if f"page {text.page.number} of {book.pk}" not in text.data]
    assert (texts.count(), wrong) == (PAGES, [])
    assert BatchPreparation.objects.count() == 0
    assert local.files() == []
    assert local.counts()["create"] == 3
