"""*Make again* in the admin: exactly the texts that are meant, their price first, and one order for one page sent."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from books import glossary, texts
from books.glossary import Term
from books.models import Book, Page, PageText
from books.texts import NewText
from jobs.models import Job, JobPage
from tests.admin.test_orders import said
from tests.support.browser import person
from tests.support.library import make_book

REDO = "/admin/jobs/job/redo/"


def write(page: Page, data: str, kind: str = "ocr", source: str = "machine", **more: Any) -> PageText:
    new = {"prompt_version": f"batch_{kind}/1", "model": "gemini-3.5-flash-lite"} | more
    written = texts.write(page, NewText(kind, data, source, **new))
    page.book.recount()
    return written.text


def translated(page: Page, target: str = "en", **more: Any) -> None:
    source = page.current("ocr") or write(page, f"textus {page.number}")
    write(
        page,
        f"text {page.number}",
        "translation",
        target_language=target,
        based_on=source.text_sha256,
        **more,
    )


@pytest.fixture
def book(db: None) -> Book:
    """Four pages in English and the first in German too; of 1 to 3 the transcription changed, 3 is a person's."""
    book = make_book(4)
    one, two, three, four = book.pages.order_by("number")
    for page in (one, two, four):
        translated(page)
    translated(one, "de")
    translated(three, source="human")
    for page in (one, two, three):
        write(page, f"textus novus {page.number}")
    return book


def ordered(job: Job) -> list[int]:
    return list(JobPage.objects.filter(job=job).order_by("number").values_list("number", flat=True))


def confirm(client: Client, page: Any, **more: str) -> Any:
    form = {name: value for name, value in page.context["form"].data.items() if value}
    sent = {"token": page.context["token"], "priced": page.context["priced"], "confirmed": "yes"}
    return client.post(REDO, {**form, **sent, **more})


def test_one_click_on_the_book_leads_to_exactly_its_stale_pages(operator: Client, book: Book) -> None:
    translated(make_book(1).pages.get())
    overview = operator.get(reverse("admin:books_book_change", args=[book.pk])).content.decode()
    assert "4 translations are older than their transcriptions" in overview
    address = f"{REDO}?kind=translation&stale=on&book={book.pk}"
    assert address.replace("&", "&amp;") in overview
    page = operator.get(address)
    assert (page.context["outlook"].pages, page.context["outlook"].books) == (3, 2)
    assert "1 stale translation is a person" in said(page)
    assert not Job.objects.exists()
    confirm(operator, page)
    jobs = {job.target_language: ordered(job) for job in Job.objects.all()}
    assert jobs == {"de": [1], "en": [1, 2]}
    assert set(Job.objects.values_list("overwrite", "created_by", "created_via")) == {
        ("machine", "librarian", "admin")
    }


def test_a_page_sent_twice_orders_once(operator: Client, book: Book) -> None:
    page = operator.get(f"{REDO}?kind=translation&stale=on")
    confirm(operator, page)
    answer = confirm(operator, page)
    assert answer.status_code in (200, 302) and Job.objects.count() == 2


def test_a_price_that_is_not_the_one_shown_is_shown_again(operator: Client, book: Book) -> None:
    page = operator.get(f"{REDO}?kind=translation&stale=on")
    write(book.pages.get(number=4), "textus novus 4")
    again = confirm(operator, page)
    assert not Job.objects.exists()
    assert "have changed meanwhile" in said(again) and again.context["outlook"].pages == 4


def test_the_dashboard_leads_there_too(operator: Client, book: Book) -> None:
    cache.delete("stale-pages")
    page = operator.get("/admin/").content.decode()
    assert f'href="{REDO}?kind=translation&amp;stale=on"' in page


def test_it_does_not_lead_those_there_who_may_not_spend(as_role: Callable[[str], Client], book: Book) -> None:
    cache.delete("stale-pages")
    page = as_role("Viewer").get("/admin/").content.decode()
    assert "Stale translations" in page and REDO not in page


@pytest.mark.parametrize("rows", ["books", "pages"])
def test_ticked_rows_are_the_only_ones(operator: Client, book: Book, rows: str) -> None:
    other = make_book(1)
    translated(other.pages.get())
    write(other.pages.get(), "textus novus")
    listed = {"books": "admin:books_book_changelist", "pages": "admin:books_page_changelist"}[rows]
    ids = [other.pk] if rows == "books" else [book.pages.get(number=2).pk, book.pages.get(number=4).pk]
    answer = operator.post(reverse(listed), {"action": "redo_stale", "_selected_action": ids})
    page = operator.get(answer["Location"])
    assert page.context["outlook"].pages == 1
    confirm(operator, page)
    [job] = Job.objects.all()
    assert (job.book_id, ordered(job)) == ((other.pk, [1]) if rows == "books" else (book.pk, [2]))


def test_a_selection_of_somebody_else_is_none(operator: Client, book: Book) -> None:
    sent = {"action": "redo_stale", "_selected_action": [book.pk]}
    address = operator.post(reverse("admin:books_book_changelist"), sent)["Location"]
    operator.force_login(person("Operator", "otto"))
    page = operator.get(address)
    assert "is not known any more" in said(page) and page.context["outlook"] is None


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("kind=ocr&prompt=batch_ocr/1", 4), ("kind=ocr&model=gemini-3.5-flash-lite", 4), ("kind=ocr&model=other", 0),
        ("kind=ocr&before=2020-01-01", 0), ("kind=ocr&flag=loop", 1), ("kind=ocr&flag=any", 1),
        ("kind=ocr&flag=too_long", 0), ("kind=translation&target=German&model=gemini-3.5-flash-lite", 1),
        ("kind=translation&glossary=on", 2),
    ],
)  # fmt: skip
def test_every_criterion_finds_its_texts_of_one_book_or_of_all(
    operator: Client, book: Book, query: str, pages: int
) -> None:
    write(book.pages.get(number=4), "amen amen", flags=[{"rule": "loop", "reason": "It repeats itself."}])
    glossary.replace(book, "en", [Term("textus", "words")], by="anna")
    for extra in ("", f"&book={book.pk}"):
        found = operator.get(f"{REDO}?{query}{extra}").context["outlook"]
        assert found.pages == pages
    other = make_book(1)
    assert operator.get(f"{REDO}?{query}&book={other.pk}").context["outlook"].pages == 0


def test_without_a_criterion_it_only_asks(operator: Client, book: Book) -> None:
    page = operator.get(f"{REDO}?book={book.pk}")
    assert page.context["outlook"] is None and "give at least one" in said(page)
    assert operator.post(REDO, {"book": book.pk, "confirmed": "yes"}).context["outlook"] is None
    for wrong in (
        "kind=song&stale=on",
        "before=soon",
        "book=none&stale=on",
        "stale=on&target=qqq+zzz",
        "prompt=x/1",
    ):
        assert operator.get(f"{REDO}?{wrong}").context["outlook"] is None
    assert not Job.objects.exists()


def test_only_those_who_may_spend_come_here(as_role: Callable[[str], Client]) -> None:
    assert as_role("Editor").get(REDO).status_code == 403
