"""The main job from a scan to text on its page: the real SDK, real HTTP, a real database."""

import pytest

from books.models import PageText
from jobs import lifecycle
from jobs.lifecycle import NewJob
from jobs.models import BatchPreparation, GeminiBatch, Job, PaidCall, Stage
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def test_it_transcribes_a_small_book_inline(local: LocalGemini) -> None:
    book = make_book(5)
    job = order_ocr(book)
    walk = run(job)
    assert walk.steps[0]["phase"] == "preparing"
    assert walk.steps[1]["phase"] == "submitted"
    assert walk.steps[-1]["message"] == "Batch job completed: 5 succeeded, 0 failed"
    assert job.batches.get().inline
    for text in PageText.objects.select_related("page"):
        assert f"page {text.page.number} of {book.pk}" in text.data


def test_it_transcribes_a_larger_book_by_files_and_leaves_none_behind(local: LocalGemini) -> None:
    book = make_book(25)
    job = order_ocr(book)
    run(job)
    batch = job.batches.get()
    assert not batch.inline
    assert batch.stage == Stage.CLOSED
    assert BatchPreparation.objects.count() == 0
    assert local.files() == []
    book.refresh_from_db()
    assert (book.pages_count, book.pages_ocr) == (25, 25)


def test_it_translates_what_was_transcribed(local: LocalGemini) -> None:
    book = make_book(4)
    run(order_ocr(book))
    new = NewJob("batch_translate", None, book.pk)
    job = lifecycle.create(new, TESTER).job
    walk = run(job)
    assert walk.steps[-1]["message"] == "Batch job completed: 4 succeeded, 0 failed"
    text = PageText.objects.current().filter(kind="translation").first()
    assert text is not None
    source = text.page.current("ocr")
    assert source is not None
    assert text.based_on == source.text_sha256
    assert text.prompt_version == "batch_translate/1"


def test_it_puts_money_into_the_books(local: LocalGemini) -> None:
    job = order_ocr(make_book(3))
    run(job)
    batch = GeminiBatch.objects.get()
    call = PaidCall.objects.get()
    assert call.cost_micro_usd == batch.cost_micro_usd == job.cost_micro_usd
    assert job.cost_micro_usd
    assert batch.reserved_micro_usd == 0
    assert Job.objects.get().estimated_micro_usd
