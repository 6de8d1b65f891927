"""Pages know whether some job has given them up, whoever fails them and whoever takes them up again."""

import pytest

from books.models import Book, Page
from jobs import lifecycle
from jobs.lifecycle import failures
from jobs.models import Job
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def failed(book: Book) -> list[int]:
    """Numbers of the pages that are kept as failed, which a look at the ledgers must not find wrong."""
    assert failures.misjudged(book.pk) == {}
    return list(book.pages.filter(failed=True).order_by("number").values_list("number", flat=True))


def refused(local: LocalGemini, job: Job, number: int) -> None:
    """Have Gemini refuse this page once and for all."""
    local.fault("page", outcome="SAFETY", match={"key": job.ledger.get(number=number).pk})


def test_a_page_that_gemini_refuses_has_failed_until_it_is_retried(local: LocalGemini) -> None:
    book = make_book(3)
    job = order_ocr(book)
    refused(local, job, 2)
    run(job)
    assert failed(book) == [2]
    local.clear_faults()
    lifecycle.retry(job.pk, TESTER)
    assert failed(book) == []
    run(job)
    assert failed(book) == []


def test_a_page_without_its_image_has_failed_until_the_job_is_reset(local: LocalGemini) -> None:
    book = make_book(2)
    Page.objects.filter(book=book, number=1).update(image_file="nowhere.jpg")
    job = order_ocr(book)
    run(job)
    assert failed(book) == [1]
    lifecycle.reset(job.pk, TESTER)
    assert failed(book) == []


def test_a_page_that_failed_in_two_jobs_has_failed_as_long_as_one_of_them_says_so(local: LocalGemini) -> None:
    book = make_book(2)
    first = order_ocr(book)
    refused(local, first, 1)
    run(first)
    second = order_ocr(book)
    refused(local, second, 1)
    run(second)
    assert failed(book) == [1]
    local.clear_faults()
    lifecycle.retry(second.pk, TESTER)
    assert failed(book) == [1]
    run(second)
    lifecycle.retry(first.pk, TESTER)
    assert failed(book) == []


def test_a_batch_that_gemini_refuses_for_good_fails_its_pages(local: LocalGemini) -> None:
    book = make_book(2)
    local.fault("endpoint", endpoint="create", do="error", code=400, times=1)
    job = order_ocr(book)
    run(job)
    assert job.progress["failed"] == 2
    assert failed(book) == [1, 2]


def test_what_pages_wrongly_say_of_jobs_is_put_right() -> None:
    book = make_book(2)
    Page.objects.filter(book=book, number=2).update(failed=True)
    assert failures.judge(book.pk) == 1
    assert failed(book) == []
