"""A text says what made it by its own account; the stand-in's work is nobody else's, costs and teaches nothing."""

from decimal import Decimal

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from books.exports import provenance
from books.exports.base import Options
from books.models import Book, PageText
from books.selection import Made, texts_made
from jobs import prices
from jobs.lifecycle import process_now
from jobs.models import Job, PaidCall, Spending
from jobs.operations import operation
from jobs.statistics import statistics
from tests.support.browser import person
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
ASKED = "gemini-3.5-flash-lite"
OWN = "localgemini-none"


def read(pages: int = 6) -> tuple[Book, Job]:
    book = make_book(pages)
    job = order_ocr(book)
    run(job)
    return book, job


@pytest.fixture
def stand_in(local: LocalGemini) -> LocalGemini:
    """The stand-in under its own name, as `make run` starts it."""
    local.settings(model_version=OWN)
    return local


def test_the_stand_in_s_texts_are_credited_to_it_and_cost_nothing(stand_in: LocalGemini) -> None:
    book, job = read()
    rows = set(PageText.objects.values_list("model", "ordered_model", "cost_micro_usd"))
    assert rows == {(OWN, ASKED, 0)}
    assert job.cost_micro_usd == 0 and (job.estimated_micro_usd or 0) > 0
    assert [(call.model, call.cost_micro_usd) for call in PaidCall.objects.all()] == [(OWN, 0)]
    assert {(row.spent, row.reserved) for row in Spending.objects.all()} == {(0, 0)}
    [making] = statistics(book).makings
    assert (making.maker, making.cost) == (f"stand-in {OWN}", 0)
    assert statistics(book).spending == []
    said = provenance.how_made(book, Options())
    assert ASKED not in said[0] and "no model of Google's" in said[0]


def test_estimates_learn_from_real_texts_only(stand_in: LocalGemini) -> None:
    work = operation("batch_ocr")
    typical = prices.per_page(work, ASKED, "la")
    read()
    assert prices.per_page(work, ASKED, "la") == typical
    stand_in.settings(model_version=None)
    read()
    learned = prices.per_page(work, ASKED, "la")
    assert learned.texts == 6 and learned.output != typical.output


def test_a_version_that_gemini_names_counts_as_the_model_that_was_asked_for(local: LocalGemini) -> None:
    local.settings(model_version=f"models/{ASKED}-001")
    _, job = read()
    assert set(PageText.objects.values_list("model", flat=True)) == {f"{ASKED}-001"}
    assert (job.cost_micro_usd or 0) > 0
    assert prices.per_page(operation("batch_ocr"), ASKED, "la").texts == 6
    assert (
        texts_made(Made("ocr", model=ASKED)).count()
        == texts_made(Made("ocr", model=f"{ASKED}-001")).count()
        == 6
    )


def test_a_successor_is_paid_at_its_own_price(local: LocalGemini) -> None:
    book = make_book(1)
    page = book.pages.get()
    plain = process_now("batch_ocr", page_id=page.pk, model=ASKED, actor=TESTER)
    local.settings(model_version="gemini-3.5-flash")
    dear = process_now("batch_ocr", page_id=page.pk, model=ASKED, overwrite="machine", actor=TESTER)
    assert plain.cost_usd and dear.cost_usd and dear.cost_usd > 2 * plain.cost_usd
    assert (plain.model, dear.model) == (ASKED, "gemini-3.5-flash")


def test_only_what_the_stand_in_made_is_made_again_under_its_name(stand_in: LocalGemini) -> None:
    read()
    assert texts_made(Made("ocr", model=OWN)).count() == 6
    assert texts_made(Made("ocr", model=ASKED)).count() == 0


def test_people_read_that_it_was_the_stand_in(
    stand_in: LocalGemini, settings: Settings, client: Client
) -> None:
    book = make_book(1, is_public=True)
    page = book.pages.get()
    result = process_now("batch_ocr", page_id=page.pk, actor=TESTER)
    assert result.model == OWN and result.cost_usd == Decimal(0)
    client.force_login(person("Operator"))
    room = client.get(f"/read/{page.pk}/").content.decode()
    assert f"stand-in {OWN}" in room and "nothing here" not in room
    assert f"Made by a machine (stand-in {OWN})" in client.get(f"/library/{book.pk}/1/").content.decode()
    settings.GEMINI_API_KEY = "local-stand-in"
    assert "nothing here: the local stand-in answers" in client.get(f"/read/{page.pk}/").content.decode()
    order = {"action": "order_batch_ocr", "_selected_action": make_book(40).pk}
    shown = client.post("/admin/books/book/", order).content.decode()
    assert "nothing is charged" in shown and "Create, for about $0.0" in shown
