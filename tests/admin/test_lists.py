"""Lists answer in a bounded number of queries, whatever they hold, and show what they promise."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from books import texts
from books.models import Book, Page
from jobs.models import GeminiBatch, Job, PaidCall
from tests.support.library import make_book, order_ocr

BUDGET = 25


def fill(books: int) -> None:
    """Books with a page, a job, a batch and a paid call each."""
    made = Book.objects.bulk_create(
        Book(title=f"Book {n}", language="la", pages_count=1, automatic=n % 2 == 0) for n in range(books)
    )
    Page.objects.bulk_create(Page(book=book, number=1) for book in made)
    jobs = Job.objects.bulk_create(
        Job(type="batch_ocr", book=book, book_title=book.title, model="gemini-3.5-flash-lite",
            progress={"total": 1, "open": 1}) for book in made
    )  # fmt: skip
    GeminiBatch.objects.bulk_create(
        GeminiBatch(job=job, display_name=job.pk, model=job.model) for job in jobs
    )
    PaidCall.objects.bulk_create(PaidCall(job_id=job.pk, type=job.type, model=job.model) for job in jobs)


def lists() -> list[str]:
    """The names of all change lists of the admin."""
    return [f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist" for m in admin.site._registry]


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("name", lists())
def test_every_list_answers_in_few_queries_and_in_no_more_when_it_is_longer(boss: Client, name: str) -> None:
    fill(3)
    address = reverse(name)
    client_warm = queries(boss, address)
    few = queries(boss, address)
    fill(60)
    many = queries(boss, address)
    assert many <= few <= client_warm
    assert many < BUDGET


@pytest.mark.parametrize("name", lists())
def test_every_list_says_something_sensible_when_it_is_empty(boss: Client, name: str) -> None:
    assert boss.get(reverse(name)).status_code == 200


def filters_of(name: str) -> list[str]:
    model = {"book": Book, "page": Page, "job": Job}[name]
    model_admin: Any = admin.site._registry[model]
    return [one.parameter_name for one in model_admin.list_filter if hasattr(one, "parameter_name")]


@pytest.mark.parametrize(
    ("name", "question"),
    [(name, one) for name in ("book", "page", "job") for one in filters_of(name)],
)
def test_every_question_can_be_answered_with_yes_and_no(boss: Client, name: str, question: str) -> None:
    fill(2)
    app = "jobs" if name == "job" else "books"
    address = reverse(f"admin:{app}_{name}_changelist")
    counts = [
        boss.get(address, {question: value}).context["cl"].result_count for value in ("yes", "no")
        if boss.get(address, {question: value}).status_code == 200
    ]  # fmt: skip
    assert len(counts) == 2
    if question not in ("hidden", "language"):
        assert sum(counts) <= 2


@pytest.mark.django_db
def test_the_books_that_need_ocr_are_found_by_the_question(boss: Client) -> None:
    done, open_ = make_book(1, title="Done"), make_book(1, title="Open")
    texts.write(done.pages.get(), texts.NewText(kind="ocr", data="salve", source="human"))
    done.recount()
    address = reverse("admin:books_book_changelist")
    found = [book.title for book in boss.get(address, {"needs_ocr": "yes"}).context["cl"].result_list]
    assert found == [open_.title]
    edited = [book.title for book in boss.get(address, {"edited": "yes"}).context["cl"].result_list]
    assert edited == [done.title]


def test_hidden_books_are_out_of_the_way_until_asked_for(boss: Client) -> None:
    make_book(1, title="Seen")
    make_book(1, title="Unseen", hidden=True)
    address = reverse("admin:books_book_changelist")
    shown = {value: boss.get(address, {"hidden": value} if value else {}) for value in ("", "yes", "all")}
    titles = {
        value: [book.title for book in answer.context["cl"].result_list] for value, answer in shown.items()
    }
    assert titles == {"": ["Seen"], "yes": ["Unseen"], "all": ["Unseen", "Seen"]}


def test_the_list_of_books_shows_what_is_under_way_and_what_it_cost(boss: Client) -> None:
    book = make_book(2)
    job = order_ocr(book)
    Job.objects.filter(pk=job.pk).update(cost_micro_usd=1_230_000)
    html = boss.get(reverse("admin:books_book_changelist")).content.decode()
    assert f"?book__id__exact={book.pk}&amp;live=yes" in html
    assert "$1.23" in html
    assert reverse("page-thumbnail", args=[book.pages.order_by("number")[0].pk]) in html


def test_the_link_from_a_book_to_its_open_jobs_leads_to_them(boss: Client) -> None:
    job = order_ocr(make_book(1))
    order_ocr(make_book(1))
    answer = boss.get(reverse("admin:jobs_job_changelist"), {"book__id__exact": job.book_id, "live": "yes"})
    assert [one.pk for one in answer.context["cl"].result_list] == [job.pk]


def test_titles_are_shown_as_text_not_as_html(boss: Client) -> None:
    book = make_book(1, title="<script>alert(1)</script>", author="<b>A</b>")
    order_ocr(book)
    for name in ("admin:books_book_changelist", "admin:jobs_job_changelist", "admin:index"):
        html = boss.get(reverse(name)).content.decode()
        assert "<script>alert(1)" not in html
        assert "<b>A</b>" not in html


def test_books_and_pages_cannot_be_deleted(boss: Client) -> None:
    book = make_book(1)
    for name, key in (("book", book.pk), ("page", book.pages.get().pk)):
        assert boss.get(reverse(f"admin:books_{name}_delete", args=[key])).status_code == 403
        form = {"action": "delete_selected", "_selected_action": key, "post": "yes"}
        boss.post(reverse(f"admin:books_{name}_changelist"), form)
    assert Book.objects.filter(pk=book.pk).exists()
    assert Page.objects.filter(book=book).count() == 1


def test_hiding_pages_makes_the_counts_of_their_books_true(boss: Client) -> None:
    book = make_book(3)
    first = book.pages.order_by("number")[0]
    boss.post(reverse("admin:books_page_changelist"), {"action": "hide", "_selected_action": first.pk})
    book.refresh_from_db()
    assert book.pages_count == 2
