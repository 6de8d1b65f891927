"""What was answered before is not paid for again: the very same request gets a copy, visible as one."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from books import texts
from books.models import Book, Kind, Page, PageText
from jobs.lifecycle.common import figures
from jobs.models import Job, JobPage, PaidCall
from tests.support.library import make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def same_book(book: Book, **changes: Any) -> Book:
    """Another book of the same title and images, as somebody imports it a second time."""
    fields = {"title": book.title, "language": book.language, "year": book.year} | changes
    again = Book.objects.create(**fields)
    for page in book.pages.order_by("number"):
        with default_storage.open(page.image_file) as image:
            name = default_storage.save(f"tests/{again.pk}/{page.number}.jpg", ContentFile(image.read()))
        Page.objects.create(book=again, number=page.number, image_file=name)
    again.recount()
    return again


def done(book: Book, **options: Any) -> Job:
    job = order_ocr(book, **options)
    run(job)
    return job


def words(book: Book) -> list[str]:
    return [page.current(Kind.OCR).data for page in book.pages.order_by("number")]  # type: ignore[union-attr]


def test_the_same_pages_again_cost_nothing_and_send_nothing(local: LocalGemini) -> None:
    first = make_book(3, year=1518)
    done(first)
    sent, paid = local.counts()["create"], PaidCall.objects.count()
    second = same_book(first)
    job = done(second)
    assert (local.counts()["create"], PaidCall.objects.count()) == (sent, paid)
    assert words(second) == words(first)
    assert (figures(job.pk).succeeded, job.batches.count(), job.preparations.count()) == (3, 0, 0)
    rows = JobPage.objects.filter(job=job)
    assert set(rows.values_list("state", "reason", "cost_micro_usd")) == {("succeeded", "answered_before", 0)}
    told = rows.get(number=2).error
    assert "Nothing was sent" in told and "for page 2 of Epigrammata" in told
    copies = PageText.objects.filter(job_id=job.pk)
    assert set(copies.values_list("cost_micro_usd", "input_tokens", "output_tokens")) == {(0, 0, 0)}
    second.refresh_from_db()
    assert (second.pages_ocr, Job.objects.get(pk=job.pk).status) == (3, "completed")


@pytest.mark.parametrize(
    "changes", [{"title": "Adagia"}, {"language": "grc"}, {"year": 1519}], ids=["title", "language", "year"]
)
def test_another_request_is_another_question(local: LocalGemini, changes: dict[str, Any]) -> None:
    """The control: all that differs is one thing that the prompt says of the book."""
    first = make_book(1, year=1518)
    done(first)
    done(same_book(first, **changes))
    assert local.counts()["create"] == 2


@pytest.mark.parametrize("what", ["off", "model", "another image", "flagged", "overwrite"])
def test_it_is_sent_where_a_copy_would_be_wrong(local: LocalGemini, settings: Settings, what: str) -> None:
    first = make_book(1)
    job = done(first)
    options: dict[str, Any] = {}
    if what == "off":
        settings.COPY_ANSWERS = False
    elif what == "flagged":
        PageText.objects.update(is_flagged=True)
    elif what == "model":
        options = {"model": "gemini-3.8-flash"}
    second = make_book(1) if what == "another image" else same_book(first)
    if what == "overwrite":
        second, options = first, {"overwrite": "machine"}
    again = done(second, **options)
    assert local.counts()["create"] == 2
    assert set(again.ledger.values_list("reason", flat=True)) == {""}
    assert job.pk != again.pk


def test_only_some_are_copied_and_the_rest_is_sent(local: LocalGemini) -> None:
    first = make_book(2)
    done(first)
    second = same_book(first)
    fresh = make_book(1).pages.get()
    Page.objects.create(book=second, number=3, image_file=fresh.image_file)
    job = done(second)
    assert list(job.ledger.order_by("number").values_list("reason", flat=True)) == [
        "answered_before", "answered_before", "",
    ]  # fmt: skip
    assert [batch.pages for batch in job.batches.all()] == [1]


def test_a_person_who_is_faster_than_the_copy_keeps_the_page(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_book(1)
    done(first)
    second = same_book(first)
    page, look = second.pages.get(), texts._present

    def looked(page_ids: Any) -> Any:
        monkeypatch.setattr(texts, "_present", look)
        texts.write(page, texts.NewText(Kind.OCR, "mine", "human"))
        return look(page_ids)

    job = order_ocr(second)
    monkeypatch.setattr(texts, "_present", looked)
    run(job)
    assert words(second) == ["mine"]
    assert job.ledger.get().reason == "kept_in_history"


def test_what_the_stand_in_answered_is_not_copied(local: LocalGemini) -> None:
    local.settings(model_version="localgemini-none")
    first = make_book(1)
    done(first)
    local.settings(model_version=None)
    second = same_book(first)
    done(second)
    assert {text.model for text in PageText.objects.filter(page__book=second)} == {"gemini-3.5-flash-lite"}
    assert local.counts()["create"] == 2
