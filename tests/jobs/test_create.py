"""Creating jobs: which pages are taken, which are left out and why."""

import threading

import pytest
from django.db import connection

from books import texts
from books.models import Book, Page
from jobs import lifecycle
from jobs.lifecycle import BadOrder, NewJob, NothingToDo
from jobs.models import Job, JobPage
from tests.support.library import TESTER, make_book, order_ocr

pytestmark = pytest.mark.django_db


def ids(book: Book) -> list[str]:
    return list(book.pages.order_by("number").values_list("pk", flat=True))


def write(page: Page, source: str, data: str = "arma virumque cano") -> None:
    texts.write(page, texts.NewText(kind="ocr", data=data, source=source))


def test_it_counts_duplicates_once() -> None:
    book = make_book(2)
    job = lifecycle.create(NewJob("batch_ocr", ids(book) * 3, book.pk), TESTER).job
    assert job.ledger.count() == 2


def test_it_finds_the_book_by_its_pages() -> None:
    book = make_book(1)
    assert lifecycle.create(NewJob("batch_ocr", ids(book)), TESTER).job.book == book


def test_it_names_pages_that_do_not_exist_or_are_of_another_book() -> None:
    book, other = make_book(1), make_book(1)
    with pytest.raises(BadOrder) as caught:
        lifecycle.create(NewJob("batch_ocr", [*ids(book), *ids(other), "nowhere"], book.pk), TESTER)
    assert ids(other)[0] in caught.value.sentence
    assert "nowhere" in caught.value.sentence
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "batch_sing"}, "type"),
        ({"page_ids": []}, "page_ids"),
        ({"overwrite": "everything"}, "overwrite"),
        ({"language": "no tongue of this earth"}, "language"),
        ({"book_id": "nowhere"}, "book_id"),
    ],
)
def test_it_says_which_field_is_wrong(changes: dict[str, object], field: str) -> None:
    book = make_book(1)
    order = {"type": "batch_ocr", "page_ids": ids(book), "book_id": book.pk} | changes
    with pytest.raises(BadOrder) as caught:
        lifecycle.create(NewJob(**order), TESTER)  # type: ignore[arg-type]
    assert field in caught.value.detail["errors"]


def test_it_leaves_out_what_is_done_hidden_blank_or_a_persons() -> None:
    book = make_book(5)
    pages = list(book.pages.order_by("number"))
    write(pages[0], "machine")
    write(pages[1], "human")
    Page.objects.filter(pk=pages[2].pk).update(hidden=True)
    Page.objects.filter(pk=pages[3].pk).update(blank=True)
    created = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk), TESTER)
    reasons = {one.page_number: one.reason for one in created.skipped}
    assert reasons == {1: "already_done", 2: "human_text", 3: "hidden", 4: "blank"}
    states = dict(created.job.ledger.values_list("number", "state"))
    assert states == {1: "skipped", 2: "skipped", 3: "skipped", 4: "skipped", 5: "waiting"}


@pytest.mark.parametrize(("overwrite", "numbers"), [("", {3}), ("machine", {1, 3}), ("human", {1, 2, 3})])
def test_it_overwrites_only_what_it_is_told_to(overwrite: str, numbers: set[int]) -> None:
    book = make_book(3)
    first, second, _ = book.pages.order_by("number")
    write(first, "machine")
    write(second, "human")
    job = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk, overwrite=overwrite), TESTER).job
    assert set(job.ledger.open().values_list("number", flat=True)) == numbers


def test_it_answers_with_the_live_job_that_has_all_pages_already() -> None:
    book = make_book(2)
    job = order_ocr(book)
    again = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk), TESTER)
    assert (again.job, again.created) == (job, False)


def test_it_takes_only_the_pages_that_no_live_job_has() -> None:
    book = make_book(3)
    lifecycle.create(NewJob("batch_ocr", ids(book)[:2], book.pk), TESTER)
    second = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk), TESTER)
    assert [one.reason for one in second.skipped] == ["in_live_job", "in_live_job"]
    assert second.job.ledger.open().count() == 1


def test_it_refuses_when_nothing_is_left_to_do() -> None:
    book = make_book(1)
    write(book.pages.get(), "machine")
    with pytest.raises(NothingToDo) as caught:
        lifecycle.create(NewJob("batch_ocr", ids(book), book.pk), TESTER)
    assert [one.reason for one in caught.value.detail["skipped"]] == ["already_done"]


def test_it_lets_the_books_language_win_and_says_so() -> None:
    book = make_book(1, language="la")
    created = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk, language="German"), TESTER)
    assert created.job.language == "la"
    assert any("Latin" in notice for notice in created.notices)


def test_it_maps_the_specs_model_to_its_successor_with_a_notice() -> None:
    book = make_book(1)
    created = lifecycle.create(NewJob("batch_ocr", ids(book), book.pk, model="gemini-2.5-flash"), TESTER)
    assert created.job.model == "gemini-3.5-flash-lite"
    assert any("gemini-2.5-flash" in notice for notice in created.notices)


def test_it_takes_every_needy_page_of_a_book_when_none_is_named() -> None:
    book = make_book(3)
    write(book.pages.get(number=2), "machine")
    job = lifecycle.create(NewJob("batch_ocr", None, book.pk), TESTER).job
    assert list(job.ledger.values_list("number", flat=True)) == [1, 3]


def test_it_plans_without_writing() -> None:
    book = make_book(4)
    write(book.pages.get(number=1), "human")
    plan = lifecycle.plan(NewJob("batch_ocr", ids(book), book.pk))
    assert (plan.pages, plan.skipped_by_reason) == (3, {"human_text": 1})
    assert plan.estimate.batch_usd is not None
    assert plan.estimate.realtime_usd is not None
    assert plan.estimate.batch_usd < plan.estimate.realtime_usd
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_makes_one_job_of_many_clicks_at_once() -> None:
    book = make_book(12)
    wanted = ids(book)
    start = threading.Barrier(4)
    made: list[bool] = []

    def click() -> None:
        start.wait()
        try:
            made.append(lifecycle.create(NewJob("batch_ocr", wanted, book.pk), TESTER).created)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
    assert Job.objects.count() == 1
    assert JobPage.objects.count() == 12
