"""The money gate: limits, reservations, what calls really cost."""

import threading

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from jobs import lifecycle
from jobs.lifecycle import spending
from jobs.lifecycle.spending import SpendingLimit
from jobs.models import GeminiModel, Price, Spending
from sourcebatch.lib.clock import now
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
MODEL = "gemini-3.5-flash-lite"


def booked(period: str) -> tuple[int, int]:
    row = Spending.objects.get(pk=period)
    return row.reserved, row.spent


def test_it_reserves_for_the_day_and_the_month_and_settles_both() -> None:
    day = f"{now():%Y-%m-%d}"
    paid = spending.reserve(5_000, MODEL)
    assert booked(day) == booked(day[:7]) == (5_000, 0)
    spending.settle(paid, 4_000)
    assert booked(day) == booked(day[:7]) == (0, 4_000)


@pytest.mark.parametrize("setting", ["SPEND_LIMIT_DAY_USD", "SPEND_LIMIT_MONTH_USD"])
def test_it_refuses_what_would_pass_a_limit(settings: Settings, setting: str) -> None:
    setattr(settings, setting, 0.01)
    spending.reserve(9_000, MODEL)
    with pytest.raises(SpendingLimit, match=setting):
        spending.reserve(1_001, MODEL)
    spending.reserve(1_000, MODEL)


def test_a_limit_of_zero_means_no_spending_at_all(settings: Settings) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.0
    with pytest.raises(SpendingLimit, match="0 dollars"):
        spending.reserve(0, MODEL)


def test_it_refuses_an_unknown_price_only_under_a_limit(settings: Settings) -> None:
    assert spending.reserve(None, "gemini-9-unheard").micro_usd == 0
    settings.SPEND_LIMIT_MONTH_USD = 100.0
    with pytest.raises(SpendingLimit, match="not known"):
        spending.reserve(None, "gemini-9-unheard")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_cannot_pass_the_limit_together(settings: Settings) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.005
    start = threading.Barrier(4)
    outcomes: list[bool] = []

    def submit() -> None:
        start.wait()
        try:
            for _ in range(4):
                try:
                    spending.reserve(1_000, MODEL)
                    outcomes.append(True)
                except SpendingLimit:
                    outcomes.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 5
    assert booked(f"{now():%Y-%m-%d}") == (5_000, 0)


def test_a_job_waits_at_the_limit_and_goes_on_when_it_is_raised(
    local: LocalGemini, settings: Settings
) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.0001
    job = order_ocr(make_book(2))
    lifecycle.advance(job.pk, TESTER)
    answer = lifecycle.advance(job.pk, TESTER).payload
    assert "SPEND_LIMIT_DAY_USD" in answer["waiting"]
    assert (answer["done"], answer["status"]) == (False, "processing")
    assert local.counts().get("create", 0) == 0
    settings.SPEND_LIMIT_DAY_USD = 10.0
    assert run(job).steps[-1]["message"] == "Batch job completed: 2 succeeded, 0 failed"


def test_what_is_reserved_is_nothing_when_nothing_is_open_also_after_failures(local: LocalGemini) -> None:
    local.fault("batch", final="BATCH_STATE_FAILED", times=1)
    job = order_ocr(make_book(2))
    run(job)
    assert sum(Spending.objects.values_list("reserved", flat=True)) == 0
    assert Spending.objects.get(pk=f"{now():%Y-%m}").spent == job.cost_micro_usd


def test_thinking_is_paid_as_output(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    Price.objects.filter(model=MODEL).delete()
    model = GeminiModel.objects.get(pk=MODEL)
    Price.objects.create(model=model, valid_from="2020-01-01", input_usd=0, output_usd=1_000_000)
    local.fault("page", outcome="thought_only", times=9)
    run(job)
    row = job.ledger.get()
    assert row.state == "failed"
    assert row.cost_micro_usd > 0
    assert job.cost_micro_usd == row.cost_micro_usd
