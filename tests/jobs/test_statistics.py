"""Statistics: pages by state, texts by maker, money foreseen and paid, error share; of a book and of the library."""

from typing import Any

import pytest
from django.test import Client

from books import review, texts
from books.models import Book, Kind, PageText, SampleJudgement
from books.texts import NewText
from jobs.models import Job, JobPage
from jobs.statistics import statistics
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import library_alias
from tests.support.browser import person
from tests.support.library import make_book


def write(book: Book, number: int, **more: Any) -> PageText:
    given: dict[str, Any] = {
        "kind": Kind.OCR, "data": f"page {number}", "source": "machine", "model": "a-model", "prompt_version": "ocr-1",
        "cost_micro_usd": 300,
    }  # fmt: skip
    return texts.write(book.pages.get(number=number), NewText(**given | more)).text


@pytest.fixture
def book(db: None) -> Book:
    """Five pages: two by one prompt, one by another and flagged, a person's, a hidden one; an ended job; a sample."""
    book = make_book(5, title="Numerata")
    write(book, 1)
    texts.mark_reviewed(write(book, 2, cost_micro_usd=None), by="anna")
    write(book, 3, prompt_version="ocr-2", flags=[{"rule": "loop", "reason": "It repeats itself."}])
    write(book, 4, source="human", model="", prompt_version="", author="anna", cost_micro_usd=0)
    write(book, 5)
    book.pages.filter(number=5).update(hidden=True)
    write(book, 1, kind=Kind.TRANSLATION, target_language="en", prompt_version="translate-1")
    job = Job.objects.create(
        type="batch_ocr", book=book, model="a-model", status="failed", completed_at=now(), estimated_micro_usd=1000,
        cost_micro_usd=600,
    )  # fmt: skip
    for page in book.pages.filter(number__lte=3):
        JobPage.objects.create(
            job=job, page=page, type="batch_ocr", number=page.number, state="succeeded", is_open=False
        )
    book.recount()
    return book


def judge(book: Book) -> None:
    draw = review.draw_sample(book, Kind.OCR, 4, by="anna")
    for index, row in enumerate(SampleJudgement.objects.filter(draw=draw)):
        review.judge(row, "wrong" if index == 0 else "right", by="anna")


def test_pages_are_counted_by_state(book: Book) -> None:
    assert statistics(book).pages == {
        "count": 4, "ocr": 4, "translated": 1, "blank": 0, "flagged": 1, "edited": 1, "reviewed": 1, "hidden": 1,
    }  # fmt: skip


def test_texts_are_counted_by_what_made_them_with_what_they_cost(book: Book) -> None:
    rows = [
        (one.prompt_version, one.pages, one.reviewed, one.flagged, one.cost_per_page)
        for one in statistics(book).makings
    ]
    assert rows == [
        ("ocr-1", 2, 1, 0, 300), ("", 1, 0, 0, 0), ("ocr-2", 1, 0, 1, 300), ("translate-1", 1, 0, 0, 300),
    ]  # fmt: skip


def test_what_was_foreseen_stands_beside_what_was_paid(book: Book) -> None:
    [ocr] = statistics(book).spending
    assert (ocr.jobs, ocr.pages, ocr.estimated_per_page, ocr.cost_per_page) == (1, 3, 333, 200)


def test_errors_are_those_of_the_samples(book: Book) -> None:
    assert statistics(book).errors == {}
    judge(book)
    share = statistics(book).errors["Transcription"]
    assert (share.wrong, share.judged) == (1, 4) and 0 < share.low < 0.25 < share.high < 1


def test_the_library_is_the_sum_of_its_visible_books(book: Book) -> None:
    other = make_book(2)
    write(other, 1)
    other.recount()
    hidden = make_book(1, hidden=True)
    write(hidden, 1)
    hidden.recount()
    whole = statistics()
    assert whole.pages["count"] == 6 and whole.pages["ocr"] == 5
    assert sum(one.pages for one in whole.makings) == 6
    assert statistics(other).spending == []


def test_the_number_of_queries_does_not_grow_with_the_library(
    book: Book, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        write(make_book(1), 1)
    with django_assert_max_num_queries(10, using=library_alias()):
        statistics()


def test_staff_see_them_and_nobody_else(book: Book, client: Client) -> None:
    assert client.get("/statistics/").status_code == 302
    judge(book)
    client.force_login(person("Viewer", "vera"))
    html = client.get(f"/statistics/{book.pk}/").content.decode()
    assert "Numerata" in html and "ocr-2" in html and "$0.0003" in html and "1 of 4 wrong" in html
    assert "Numerata" not in client.get("/statistics/").content.decode()
    assert client.get("/statistics/none/").status_code == 404
