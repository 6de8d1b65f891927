"""Prices are dated data; what is not known is said to be unknown, and thoughts are paid as output."""

import datetime as dt
import itertools
import json
from decimal import Decimal

import pytest
from pytest_django import Settings

from books import texts
from books.models import Book, Page, PageText
from books.texts import NewText
from jobs import prices
from jobs.models import GeminiModel, Price
from jobs.operations import operation
from jobs.operations.base import Order, Usage

pytestmark = pytest.mark.django_db
NOVEMBER = dt.date(2026, 11, 23)
MILLION = 1_000_000


def cost(usage: Usage, model: str, on: dt.date = NOVEMBER, *, batch: bool = False) -> int | None:
    return prices.cost_micro_usd(usage, model, batch=batch, on=on)


@pytest.mark.parametrize(
    ("model", "given", "answered"),
    [
        ("gemini-3.5-flash-lite", 300_000, 2_500_000),
        ("gemini-3.8-flash", 750_000, 3_750_000),
        ("gemini-3.5-flash", 1_500_000, 9_000_000),
        ("gemini-3.1-flash-lite", 250_000, 1_500_000),
    ],
)
def test_a_million_tokens_cost_what_the_list_says_and_half_in_a_batch(
    model: str, given: int, answered: int
) -> None:
    assert cost(Usage(input=MILLION), model) == given
    assert cost(Usage(output=MILLION), model) == answered
    assert cost(Usage(input=MILLION, output=MILLION), model, batch=True) == (given + answered) // 2


def test_i50_thinking_tokens_are_paid_as_output() -> None:
    model = "gemini-3.5-flash-lite"
    assert cost(Usage(output=100, thinking=900), model) == cost(Usage(output=1000), model) == 2500


def test_the_price_is_that_of_the_day() -> None:
    usage = Usage(input=MILLION)
    assert cost(usage, "gemini-3.8-flash", dt.date(2026, 12, 31)) == 750_000
    assert cost(usage, "gemini-3.8-flash", dt.date(2027, 1, 1)) == 1_500_000


def test_i53_an_unknown_model_has_no_cost_instead_of_a_cheap_one() -> None:
    assert cost(Usage(input=MILLION), "gemini-9-ultra") is None
    assert cost(Usage(input=MILLION), "gemini-3.5-flash-lite", dt.date(2020, 1, 1)) is None
    name, notice = prices.resolve_model("gemini-9-ultra")
    assert name == "gemini-9-ultra" and "cost is unknown" in notice
    found = prices.estimate_order(operation("batch_ocr"), Order(type="batch_ocr", model=name), 10)
    assert found.batch_usd is None and found.realtime_usd is None and "is unknown" in found.basis


def test_fractions_of_a_micro_dollar_are_rounded_up_once() -> None:
    assert cost(Usage(input=1, output=1), "gemini-3.5-flash-lite") == 3
    assert cost(Usage(input=1), "gemini-3.5-flash-lite", batch=True) == 1
    assert cost(Usage(), "gemini-3.5-flash-lite") == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [("gemini-2.5-flash", "gemini-3.5-flash-lite"), ("models/gemini-3-flash-preview", "gemini-3.5-flash")],
)
def test_the_names_of_retired_models_lead_to_their_successors_with_a_notice(old: str, new: str) -> None:
    name, notice = prices.resolve_model(old)
    assert name == new and new in notice


def test_a_current_model_needs_no_notice() -> None:
    assert prices.resolve_model("gemini-3.5-flash-lite") == ("gemini-3.5-flash-lite", "")


def test_successors_are_followed_to_the_end_and_a_ring_ends_too() -> None:
    retired = GeminiModel.State.RETIRED
    GeminiModel.objects.create(name="a", state=retired, successor="b")
    GeminiModel.objects.create(name="b", state=retired, successor="gemini-3.8-flash")
    name, notice = prices.resolve_model("a")
    assert name == "gemini-3.8-flash"
    assert notice == "a is retired: b is used instead. b is retired: gemini-3.8-flash is used instead."
    GeminiModel.objects.filter(pk="b").update(successor="a")
    assert prices.resolve_model("a")[0] in ("a", "b")


def test_a_retired_model_without_successor_says_so() -> None:
    GeminiModel.objects.create(name="old", state=GeminiModel.State.RETIRED)
    assert "choose another model" in prices.resolve_model("old")[1]


def test_a_price_entered_in_the_admin_counts_at_once() -> None:
    model = GeminiModel.objects.create(name="own-model")
    Price.objects.create(model=model, valid_from=NOVEMBER, input_usd=0.1, output_usd=0.2, batch_factor=0.25)
    assert cost(Usage(input=MILLION), "own-model") == 100_000
    assert cost(Usage(input=MILLION), "own-model", batch=True) == 25_000


def test_tokens_of_images_follow_the_family_and_the_resolution(settings: Settings) -> None:
    assert prices.image_tokens("gemini-3.5-flash-lite", 1000, 1500) == 1120
    settings.MEDIA_RESOLUTION = "low"
    assert prices.image_tokens("gemini-3.8-flash", 1000, 1500) == 280
    assert prices.image_tokens("gemini-2.5-flash", 1000, 1500) == 4 * 258
    assert prices.image_tokens("gemini-2.5-flash", 300, 384) == 258


def test_letters_of_other_scripts_weigh_more_than_latin_ones() -> None:
    assert prices.text_tokens("abcdefgh") == 2
    assert prices.text_tokens("αβγδεζηθ") == 4
    assert prices.input_tokens("abcdefgh", "gemini-3.5-flash-lite") == 2


def test_an_estimate_before_any_experience_says_that_it_is_typical() -> None:
    order = Order(type="batch_ocr", model="gemini-3.5-flash-lite", language="la")
    found = prices.estimate_order(operation("batch_ocr"), order, 1000)
    assert found.batch_usd and found.realtime_usd == found.batch_usd * 2
    assert Decimal("1.3") < found.batch_usd < Decimal("2.3")
    assert found.basis.startswith("Typical figures") and "Latin" in found.basis


def wrote(page: Page, number: int, **more: object) -> PageText:
    facts: dict[str, object] = {
        "model": "gemini-3.5-flash-lite", "language": "la", "input_tokens": 2000, "output_tokens": 600,
        "thinking_tokens": 100,
    }  # fmt: skip
    new = NewText(kind="ocr", data=str(number), source="machine", **(facts | more))  # type: ignore[arg-type]
    return texts.write(page, new).text


def test_an_estimate_learns_from_texts_of_the_same_model_and_language() -> None:
    page = Page.objects.create(book=Book.objects.create(title="Epigrammata"), number=1)
    for number in range(6):
        wrote(page, number)
        wrote(page, number, language="bo", output_tokens=20_000)
        wrote(page, number, model="gemini-3.8-flash", output_tokens=9000)
    order = Order(type="batch_ocr", model="gemini-3.5-flash-lite", language="la")
    work = operation("batch_ocr")
    assert prices.per_page(work, order.model, "la") == prices.PerPage(2000, 700, 6)
    assert prices.typical_output_tokens(work, order.model, "la") == 700
    found = prices.estimate_order(work, order, 10)
    assert found.realtime_usd == Decimal(10 * (2000 * 300 + 700 * 2500)) / 1000 / MILLION
    assert "6 latest texts" in found.basis and "2,000 input" in found.basis
    assert prices.typical_output_tokens(work, order.model, "de") == work.typical_output_tokens


def test_the_shipped_prices_have_dates_and_a_source() -> None:
    shipped = prices.shipped()
    assert json.loads(prices.SHIPPED_FILE.read_text()) == shipped
    assert dt.date.fromisoformat(shipped["read_on"]) and shipped["source"]
    names = {entry["name"] for entry in shipped["models"]}
    for entry in shipped["models"]:
        assert (entry["state"] == "retired") == bool(entry.get("successor"))
        assert entry.get("successor", entry["name"]) in names
        spans = [(price["valid_from"], price.get("valid_to", "9999")) for price in entry["prices"]]
        assert all(start < end for start, end in spans)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
