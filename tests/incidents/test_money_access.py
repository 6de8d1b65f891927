"""I50 to I55: what calls cost, limits that hold, one door to Gemini, keys and pages that leak nothing."""

import ast
import logging
import threading
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from books.models import ApiToken, PageText
from books.rendering import render
from jobs import lifecycle, prices
from jobs.lifecycle import Unavailable, spending
from jobs.lifecycle.spending import SpendingLimit
from jobs.models import GeminiModel, Job, PaidCall, Price, Spending
from jobs.operations.base import Usage
from sourcebatch.lib.clock import now
from tests.incidents.site import ROOT
from tests.incidents.support import (
    TESTER,
    assert_books_balance,
    failing_step,
    ledger,
    make_book,
    order_ocr,
    row,
    run,
    step,
    steps_until,
    translate,
    write_text,
)
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
MODEL = "gemini-3.5-flash-lite"


# --- I50: thinking tokens ---


def test_i50_thinking_is_off_in_every_request_and_counted_where_it_happens(local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    step(job)
    preparation = job.preparations.first()
    assert preparation
    assert preparation.request["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "minimal"}
    local.fault("page", outcome="thought_and_text", match={"key": row(job, 1).pk})
    run(job)
    call = PaidCall.objects.get()
    assert call.thinking_tokens >= 200
    price = prices.price_of(MODEL)
    assert price
    expected = (
        call.input_tokens * price.input_usd + (call.output_tokens + call.thinking_tokens) * price.output_usd
    ) / 2
    assert call.cost_micro_usd == pytest.approx(expected, abs=2)


def test_i50_answers_that_were_no_texts_are_paid_and_in_the_books(local: LocalGemini) -> None:
    local.fault("page", outcome="max_tokens_empty", times=None)
    job = order_ocr(make_book(1))
    run(job)
    assert job.status == "failed"
    calls = list(PaidCall.objects.all())
    assert len(calls) == 2
    assert all(call.thinking_tokens > 1000 and call.cost_micro_usd for call in calls)
    assert job.cost_micro_usd == sum(call.cost_micro_usd or 0 for call in calls)
    assert_books_balance()


def test_i50_a_realtime_call_is_in_the_books_whatever_becomes_of_it(local: LocalGemini) -> None:
    page = make_book(1).pages.get()
    local.fault("endpoint", endpoint="generate", do="lose_reply")
    with pytest.raises(Unavailable):
        lifecycle.process_now("batch_ocr", page_id=page.pk, actor=TESTER)
    assert PaidCall.objects.get().cost_micro_usd
    assert_books_balance()
    result = lifecycle.process_now("batch_ocr", page_id=page.pk, actor=TESTER)
    assert result.saved
    assert result.cost_usd
    assert PaidCall.objects.count() == 2
    assert_books_balance()


def test_i50_a_realtime_call_that_was_refused_costs_nothing(local: LocalGemini) -> None:
    page = make_book(1).pages.get()
    local.fault("endpoint", endpoint="generate", do="error", code=429)
    with pytest.raises(Unavailable):
        lifecycle.process_now("batch_ocr", page_id=page.pk, actor=TESTER)
    assert PaidCall.objects.count() == 0
    assert_books_balance()


def test_i50_a_realtime_call_whose_process_died_is_settled_by_the_sweep(local: LocalGemini) -> None:
    paid = spending.reserve(700, MODEL)
    entry = spending.begin_call(paid, type="batch_ocr", model=MODEL)
    lifecycle.sweep(TESTER)
    assert Spending.objects.get(pk=paid.day).reserved == 700
    PaidCall.objects.filter(pk=entry.pk).update(created_at=now() - 2 * spending.LOST_AFTER)
    lifecycle.sweep(TESTER)
    assert Spending.objects.get(pk=paid.day[:7]).reserved == 0
    # Should the answer come after all, it is not booked a second time.
    spending.end_call(entry, paid, 600)
    assert PaidCall.objects.get().cost_micro_usd == 700
    assert_books_balance()


def test_i50_a_lost_call_that_began_as_midnight_passed_is_settled_on_the_day_it_was_set_aside() -> None:
    with time_machine.travel("2026-12-31T23:59:59.999Z", tick=False) as clock:
        paid = spending.reserve(700, MODEL)
        clock.shift(0.002)
        spending.begin_call(paid, type="batch_ocr", model=MODEL)
        clock.shift(2 * spending.LOST_AFTER)
        assert spending.settle_lost_calls() == 1
    spent = dict(Spending.objects.values_list("period", "spent"))
    assert spent == {"2026-12-31": 700, "2026-12": 700}
    assert_books_balance()


# --- I51: limits ---


def test_i51_a_job_stops_at_the_limit_and_goes_on_when_there_is_room(
    local: LocalGemini, settings: Settings
) -> None:
    settings.BATCH_MAX_PAGES, settings.INLINE_MAX_PAGES = 2, 0
    local.hold()
    job = order_ocr(make_book(6))
    step(job)
    step(job)
    one = job.batches.get().reserved_micro_usd
    settings.SPEND_LIMIT_DAY_USD = 2.5 * one / 1e6
    for _ in range(4):
        answer = step(job)
    assert ledger(job) == {"submitted": 4, "prepared": 2}
    assert "leaves no room" in answer["waiting"]
    assert answer["status"] == "processing"
    settings.SPEND_LIMIT_DAY_USD = 100.0
    local.release()
    run(job)
    assert ledger(job) == {"succeeded": 6}
    assert_books_balance()


def test_i51_zero_means_no_spending_at_all(local: LocalGemini, settings: Settings) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.0
    job = order_ocr(make_book(1))
    step(job)
    assert "0 dollars" in step(job)["waiting"]
    with pytest.raises(SpendingLimit):
        lifecycle.process_now("batch_ocr", page_id=make_book(1).pages.get().pk, actor=TESTER)
    assert local.journal(paid=True) == []


@pytest.mark.django_db(transaction=True)
def test_i51_submissions_at_the_same_moment_cannot_pass_the_limit_together(
    local: LocalGemini, settings: Settings
) -> None:
    local.hold()
    jobs = [order_ocr(make_book(2)) for _ in range(6)]
    for job in jobs:
        step(job)
    settings.SPEND_LIMIT_DAY_USD = 100.0
    step(jobs[0])
    one = jobs[0].batches.get().reserved_micro_usd
    settings.SPEND_LIMIT_DAY_USD = 3.5 * one / 1e6
    start = threading.Barrier(5)

    def submit(job: Job) -> None:
        try:
            start.wait(20)
            step(job)
        finally:
            connections.close_all()

    crowd = [threading.Thread(target=submit, args=(job,)) for job in jobs[1:]]
    for one_of_them in crowd:
        one_of_them.start()
    for one_of_them in crowd:
        one_of_them.join(60)
    assert len(local.batches()) == 3
    assert Spending.objects.get(pk=f"{now():%Y-%m-%d}").reserved <= settings.SPEND_LIMIT_DAY_USD * 1e6
    local.release()


def test_i51_the_estimate_is_set_aside_at_submission_and_the_real_cost_counted_at_collection(
    local: LocalGemini,
) -> None:
    local.hold()
    job = order_ocr(make_book(3))
    steps_until(job, "submitted")
    day = Spending.objects.get(pk=f"{now():%Y-%m-%d}")
    assert (day.reserved, day.spent) == (job.batches.get().reserved_micro_usd, 0)
    local.release()
    run(job)
    day.refresh_from_db()
    assert (day.reserved, day.spent) == (0, job.cost_micro_usd)


# --- I52: calls outside the log ---


def test_i52_one_module_talks_to_gemini_and_only_the_lifecycle_asks_it_to() -> None:
    """Imports of the SDK, and calls of `jobs.gemini` that cost money."""
    sdk, paying = set(), set()
    for path in product_files():
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("google", "httpx", "httpx2", "openai") for name in names):
                sdk.add(str(path.relative_to(ROOT)))
            if isinstance(node, ast.Attribute) and node.attr in (
                "create_inline",
                "create_from_file",
                "generate",
            ):
                paying.add(str(path.relative_to(ROOT)))
    assert sdk == {"jobs/gemini.py"}
    assert paying == {"jobs/lifecycle/submit.py", "jobs/lifecycle/realtime.py"}


def product_files() -> list[Path]:
    return [path for part in ("books", "jobs", "sourcebatch") for path in sorted((ROOT / part).rglob("*.py"))]


def test_i52_every_paid_call_of_a_job_has_its_line_in_the_books(local: LocalGemini) -> None:
    book = make_book(2)
    run(order_ocr(book))
    run(translate(book))
    first = book.pages.get(number=1)
    lifecycle.process_now("batch_translate", page_id=first.pk, overwrite="machine", actor=TESTER)
    assert len(local.journal(paid=True)) == 3
    assert PaidCall.objects.count() == 3
    assert {call.requests for call in PaidCall.objects.all()} == {2, 1}
    assert_books_balance()


# --- I53: unknown models ---


def test_i53_an_unknown_model_has_an_unknown_cost_and_says_so(local: LocalGemini) -> None:
    assert prices.cost_micro_usd(Usage(1000, 1000, 0), "gemini-9-unheard", batch=True) is None
    job = order_ocr(make_book(1), model="gemini-9-unheard")
    assert job.estimated_micro_usd is None


def test_i53_under_a_limit_a_model_without_a_price_is_refused(local: LocalGemini, settings: Settings) -> None:
    GeminiModel.objects.create(name="gemini-3-unpriced")
    settings.SPEND_LIMIT_MONTH_USD = 100.0
    job = order_ocr(make_book(1), model="gemini-3-unpriced")
    step(job)
    assert "is not known" in step(job)["waiting"]
    assert local.journal("create") == []
    Price.objects.create(
        model_id="gemini-3-unpriced", valid_from="2026-01-01", input_usd=1.0, output_usd=2.0, source="tests"
    )
    step(job)
    assert len(local.journal("create")) == 1


# --- I54: open doors, leaking keys ---


def test_i54_nothing_answers_without_permission_but_login_health_and_the_public_library(db: None) -> None:
    client = Client(raise_request_exception=False)
    open_to_all = []
    for path in addresses():
        for method in ("get", "post"):
            answer = getattr(client, method)(path)
            assert answer.status_code < 500 or path == "/health", path
            if answer.status_code == 200 or (
                path.startswith("/api/") and answer.status_code not in (401, 404, 405)
            ):
                open_to_all.append(path)
    assert {path for path in open_to_all if not path.startswith(("/library/", "/i18n/"))} <= {
        "/health",
        "/admin/login/",
        "/admin/jsi18n/",
        "/api/openapi.json",
    }


def addresses() -> list[str]:
    """Every address of the product, with something in the place of each variable."""
    found: list[str] = []

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> None:
        for pattern in patterns:
            shape = before + plain(str(pattern.pattern))
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, shape)
            else:
                found.append("/" + shape)

    walk(get_resolver().url_patterns, "")
    return found


def plain(shape: str) -> str:
    """`books/<str:book_id>` and `^read/(?P<x>...)$` as an address that fits."""
    import re

    if not shape.startswith("^"):
        return re.sub(r"<[^>]*>", "x", re.sub(r"<int:\w+>", "1", shape))
    return re.sub(r"[()?.*\\|]|\[[^]]*\]\+?", "", re.sub(r"\(\?P.*\)", "x", shape.strip("^$")))


def test_i54_the_key_is_in_no_url_no_log_no_error_and_no_page(
    local: LocalGemini, settings: Settings, caplog: pytest.LogCaptureFixture, client: Client
) -> None:
    settings.GEMINI_API_KEY = key = "AIza-secret-0123456789"
    caplog.set_level(logging.DEBUG)
    book = make_book(2)
    said = []
    for code, message in (
        (400, f"API key not valid: {key}"),
        (403, key),
        (500, f"internal {key}"),
        (429, key),
    ):
        local.fault("endpoint", endpoint="create", do="error", code=code, message=message)
        job = order_ocr(book)
        step(job)
        said.append(failing_step(job).sentence)
        lifecycle.cancel(job.pk, TESTER)
    job = order_ocr(book)
    local.fault("page", outcome="error", code=13, message=f"Bad key {key}", times=None)
    run(job)
    client.force_login(User.objects.create_superuser("root"))
    token = ApiToken.issue("reader", ApiToken.Scope.READ)[1]
    for path in (
        f"/api/jobs/{job.pk}",
        f"/api/jobs/{job.pk}/pages",
        "/api/batch-jobs",
        "/health",
        "/metrics",
    ):
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        said.append(body.decode())
    said += [client.get(f"/admin/jobs/job/{job.pk}/change/").content.decode(), caplog.text]
    said += [str(list(Job.objects.values())), str(list(job.ledger.values())), str(list(job.batches.values()))]
    assert not [text for text in said if key in text]
    assert all(key not in entry["path"] for entry in local.journal())


def test_i54_an_answer_never_shows_a_stack_trace(operator: Client) -> None:
    for body in (b"{", b"[]", b'{"page_ids": 7}', b'{"type": "x", "page_ids": ["y"]}', b"\xff" * 40, b"null"):
        answer = operator.post("/api/jobs", body, content_type="application/json")
        assert answer.status_code in (400, 409), body
        assert set(answer.json()) <= {"error", "errors", "skipped"}
        assert "Traceback" not in answer.content.decode()


@pytest.fixture
def operator(db: None) -> Client:
    """A client with a token that may operate."""
    token = ApiToken.issue("operator", ApiToken.Scope.OPERATE)[1]
    return Client(headers={"Authorization": f"Bearer {token}"})


# --- I55: text rendered as HTML ---

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "<a href='data:text/html,<script>1</script>'>x</a>",
    "[[margin: <svg/onload=alert(1)>]]",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_i55_what_a_model_or_a_person_wrote_is_shown_and_never_run(
    local: LocalGemini, client: Client, attack: str
) -> None:
    book = make_book(2, is_public=True, title=f"Epodi {attack}")
    job = order_ocr(book)
    local.fault("page", outcome="text", text=f"Quid tibi uis {attack} mulier", match={"key": row(job, 1).pk})
    run(job)
    write_text(book.pages.get(number=2), f"Munera {attack} mittis", source="human", author=attack)
    assert PageText.objects.current().count() == 2
    client.force_login(User.objects.create_superuser("root"))
    pages = [page.pk for page in book.pages.all()]
    paths = [f"/read/{pk}/" for pk in pages]
    paths += [f"/library/{book.pk}/1/", f"/library/{book.pk}/2/", f"/library/{book.pk}/", "/library/"]
    paths += [f"/admin/books/book/{book.pk}/change/", f"/admin/jobs/job/{job.pk}/change/"]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        html = answer.content.decode()
        for forbidden in (
            "<script>alert",
            "<img src=x",
            'href="javascript:',
            "<a href='data:",
            "<svg/onload",
            "<iframe srcdoc",
        ):
            assert forbidden not in html, (path, forbidden)
    assert "alert(1)</script>" not in render(attack)
