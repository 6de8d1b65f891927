"""Orders from lists: what the confirmation page says, and that nothing is ordered twice or by accident."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from books import texts
from books.models import Book
from jobs import tasks
from jobs.admin_actions import orders
from jobs.admin_actions.background import in_chunks
from jobs.models import GeminiModel, Job, JobPage, Price
from tests.support.library import make_book, order_ocr

BOOKS = "admin:books_book_changelist"
PAGES = "admin:books_page_changelist"


def ask(client: Client, action: str, *keys: str, name: str = BOOKS, query: str = "", **more: Any) -> Any:
    """The confirmation page of an action for these rows."""
    return client.post(reverse(name) + query, {"action": action, "_selected_action": list(keys), **more})


def confirm(client: Client, page: Any, *keys: str, name: str = BOOKS, query: str = "", **more: Any) -> Any:
    """Send the confirmation page as a browser would."""
    form = {"token": page.context["token"], "confirmed": "yes", "model": page.context["outlook"].model}
    return ask(client, page.context["recipe"].name, *keys, name=name, query=query, **form, **more)


def said(answer: Any) -> str:
    """The text of a page without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_confirmation_page_says_what_is_left_out_and_why(operator: Client) -> None:
    book = make_book(4)
    first, second, third, _fourth = book.pages.order_by("number")
    texts.write(first, texts.NewText(kind="ocr", data="machine", source="machine"))
    texts.write(second, texts.NewText(kind="ocr", data="person", source="human"))
    third.blank = True
    third.save()
    page = ask(operator, "order_batch_ocr", book.pk)
    assert not Job.objects.exists()
    outlook = page.context["outlook"]
    assert (outlook.books, outlook.pages) == (1, 1)
    assert dict(outlook.skipped) == {"already_done": 1, "human_text": 1, "blank": 1}
    for words in ("Has this text already", "A person wrote or corrected the text", "The page is blank"):
        assert words in said(page)


def test_it_says_what_it_costs_in_a_batch_and_at_once_and_on_what_that_rests(operator: Client) -> None:
    page = ask(operator, "order_batch_ocr", make_book(10).pk)
    outlook = page.context["outlook"]
    assert 0 < outlook.batch_usd < outlook.realtime_usd
    assert outlook.basis in said(page)
    assert "in a batch" in said(page)


def test_an_unknown_price_is_said_to_be_unknown(operator: Client) -> None:
    Price.objects.all().delete()
    page = ask(operator, "order_batch_ocr", make_book(1).pk)
    assert "unknown in a batch" in said(page)
    assert "Models and prices" in said(page)


def test_confirming_creates_the_job_and_leads_to_it(operator: Client) -> None:
    book = make_book(3)
    answer = confirm(operator, ask(operator, "order_batch_ocr", book.pk), book.pk)
    assert answer.status_code == 302
    job = Job.objects.get()
    assert (job.created_by, job.created_via, job.ledger.count()) == ("librarian", "admin", 3)
    assert answer["Location"] == reverse("admin:jobs_job_change", args=[job.pk])
    assert "Created 1 job:" in said(operator.get(answer["Location"]))
    assert LogEntry.objects.filter(object_id=job.pk, change_message__contains="(admin)").exists()


def test_the_same_confirmation_page_sent_twice_orders_once(operator: Client) -> None:
    book = make_book(2)
    page = ask(operator, "order_batch_ocr", book.pk)
    confirm(operator, page, book.pk)
    again = confirm(operator, page, book.pk)
    assert again.status_code == 302
    assert Job.objects.count() == 1
    assert "nothing was ordered twice" in said(operator.get(again["Location"]))


def test_a_stale_page_cannot_pay_again_for_texts_that_are_there_by_now(operator: Client) -> None:
    """With *make machine texts again* the ledger alone would let a finished order be placed once more."""
    book = make_book(1)
    page = ask(operator, "order_batch_ocr", book.pk)
    confirm(operator, page, book.pk, overwrite="machine")
    JobPage.objects.update(state="succeeded", is_open=False)
    confirm(operator, page, book.pk, overwrite="machine")
    assert Job.objects.count() == 1
    confirm(operator, ask(operator, "order_batch_ocr", book.pk), book.pk, overwrite="machine")
    assert Job.objects.count() == 2


def test_two_pages_confirmed_one_after_the_other_do_not_put_a_page_in_two_jobs(operator: Client) -> None:
    book = make_book(2)
    one, other = ask(operator, "order_batch_ocr", book.pk), ask(operator, "order_batch_ocr", book.pk)
    confirm(operator, one, book.pk)
    answer = confirm(operator, other, book.pk)
    assert Job.objects.count() == 1
    assert "A job that is under way does this already" in said(operator.get(answer["Location"]))


def test_working_it_out_again_orders_nothing(operator: Client) -> None:
    book = make_book(2)
    page = ask(operator, "order_batch_ocr", book.pk, token="t", again="1", overwrite="machine")
    assert page.context["form"].data["overwrite"] == "machine"
    assert not Job.objects.exists()


def test_a_language_that_nobody_knows_is_sent_back(operator: Client) -> None:
    book = make_book(1)
    texts.write(book.pages.get(), texts.NewText(kind="ocr", data="salve amice", source="human"))
    page = ask(operator, "order_batch_translate", book.pk)
    answer = confirm(operator, page, book.pk, target_language="qqq zzz")
    assert answer.status_code == 200
    assert "is not a language this system knows" in said(answer)
    assert not Job.objects.exists()
    confirm(operator, page, book.pk, target_language="German")
    assert Job.objects.get().target_language == "de"


def test_ocr_then_translate_makes_the_book_automatic_and_says_so(operator: Client) -> None:
    book = make_book(1)
    page = ask(operator, "order_ocr_then_translate", book.pk)
    assert "These books become automatic" in said(page)
    confirm(operator, page, book.pk)
    book.refresh_from_db()
    assert (Job.objects.get().type, book.automatic) == ("batch_ocr", True)


def test_selected_pages_of_two_books_become_two_jobs(operator: Client) -> None:
    one, other = make_book(3), make_book(3)
    keys = [*one.pages.filter(number__lte=2).values_list("pk", flat=True), other.pages.get(number=3).pk]
    page = ask(operator, "order_batch_ocr", *keys, name=PAGES)
    assert (page.context["outlook"].books, page.context["outlook"].pages) == (2, 3)
    confirm(operator, page, *keys, name=PAGES)
    assert sorted(job.ledger.count() for job in Job.objects.all()) == [1, 2]


def test_several_jobs_lead_to_the_list_of_just_these(operator: Client) -> None:
    order_ocr(make_book(1, title="Another"))
    keys = [make_book(1).pk, make_book(1).pk]
    page = ask(operator, "order_batch_ocr", *keys)
    answer = confirm(operator, page, *keys)
    listed = operator.get(answer["Location"]).context["cl"].result_list
    assert {job.book_id for job in listed} == set(keys)


def test_an_order_with_nothing_left_says_so_in_words(operator: Client) -> None:
    book = make_book(1)
    texts.write(book.pages.get(), texts.NewText(kind="ocr", data="salve", source="human"))
    page = ask(operator, "order_batch_ocr", book.pk)
    assert "Nothing is left to do" in said(page)
    assert "$0" not in said(page)
    assert 'name="confirmed"' not in page.content.decode()


def test_a_current_model_is_offered_without_a_remark(operator: Client) -> None:
    page = ask(operator, "order_batch_ocr", make_book(1).pk)
    assert "(Current)" not in page.content.decode()


@pytest.fixture
def many(db: None) -> list[Book]:
    """More books than are ordered while the browser waits; three of them have pages."""
    books = Book.objects.bulk_create(
        Book(title=f"Empty {n}", hidden=False) for n in range(orders_limit() + 5)
    )
    return [make_book(2, title=f"Full {n}") for n in range(3)] + list(books)


def orders_limit() -> int:
    from jobs.admin_actions.outlook import ONE_BY_ONE

    return ONE_BY_ONE


def test_select_all_is_counted_by_queries_and_ordered_by_the_worker(
    operator: Client, many: list[Book]
) -> None:
    page = ask(operator, "order_batch_ocr", many[0].pk, select_across="1")
    outlook = page.context["outlook"]
    assert outlook.counted
    assert (outlook.books, outlook.pages) == (len(many), 6)
    assert 'name="select_across" value="1"' in page.content.decode()
    before = OrmQ.objects.count()
    answer = confirm(operator, page, many[0].pk, select_across="1")
    assert answer.status_code == 302
    assert not Job.objects.exists()
    assert OrmQ.objects.count() > before
    run_queue()
    assert Job.objects.count() == 3
    assert set(Job.objects.values_list("created_by", "created_via")) == {("librarian", "admin")}


def run_queue() -> None:
    """What a worker does with the orders in the queue, twice, as may happen after a crash."""
    queued = [one.task for one in OrmQ.objects.all()]
    for task in queued * 2:
        if task["func"] == "jobs.admin_actions.orders.create_many":
            orders.create_many(*task["args"])


def test_select_all_keeps_to_the_filter_of_the_list(operator: Client, many: list[Book]) -> None:
    query = "?q=Full"
    page = ask(operator, "order_batch_ocr", many[0].pk, select_across="1", query=query)
    assert page.context["outlook"].books == 3
    assert 'action="/admin/books/book/?q=Full"' in page.content.decode()
    confirm(operator, page, many[0].pk, select_across="1", query=query)
    assert Job.objects.count() == 3


def test_the_number_of_queries_does_not_grow_with_the_books(
    operator: Client, many: list[Book], django_assert_max_num_queries: Callable[..., Any]
) -> None:
    Book.objects.bulk_create(Book(title=f"More {n}", pages_count=5) for n in range(2000))
    with django_assert_max_num_queries(45):
        page = ask(operator, "order_batch_ocr", many[0].pk, select_across="1")
    assert page.context["outlook"].pages == 6 + 2000 * 5


def test_a_retired_model_is_not_offered(operator: Client) -> None:
    GeminiModel.objects.create(name="gemini-old", state="retired")
    page = ask(operator, "order_batch_ocr", make_book(1).pk)
    assert "gemini-old" not in page.content.decode()


def test_books_set_to_automatic_are_found_by_the_schedule(operator: Client) -> None:
    book = make_book(1)
    operator.post(reverse(BOOKS), {"action": "set_automatic", "_selected_action": book.pk})
    assert tasks.create_automatic_jobs()["batch_ocr"] == 1
    assert Job.objects.get().book == book


def test_chunks_hold_every_id_once() -> None:
    ids = [str(n) for n in range(250)]
    assert [one for chunk in in_chunks(ids) for one in chunk] == ids


def test_choices_made_after_the_price_was_shown_are_priced_before_anything_is_ordered(
    operator: Client,
) -> None:
    book = make_book(2)
    page = ask(operator, "order_batch_ocr", book.pk)
    seen = {"priced": page.context["priced"]}
    changed = ask(operator, "order_batch_ocr", book.pk, token=page.context["token"], confirmed="yes",
                  model="gemini-3.8-flash", **seen)  # fmt: skip
    assert changed.status_code == 200
    assert "The choices have changed" in said(changed)
    assert not Job.objects.exists()
    assert changed.context["outlook"].model == "gemini-3.8-flash"
    confirm(operator, changed, book.pk, priced=changed.context["priced"])
    assert Job.objects.get().model == "gemini-3.8-flash"
