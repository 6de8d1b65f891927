"""I09 to I15: silence is an alarm, limits are kept, every end is defined, nothing disappears, retries end."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import Settings

from books.models import PageText
from jobs import lifecycle, tasks
from jobs.lifecycle import Conflict
from jobs.lifecycle.common import figures
from jobs.models import Heartbeat, Job, PageState, Stage, Status
from sourcebatch.lib.clock import now
from tests.incidents.support import (
    TESTER,
    assert_books_balance,
    assert_each_page_has_its_own_text,
    assert_nothing_sent_twice,
    failing_step,
    ledger,
    make_book,
    order_ocr,
    row,
    run,
    run_patiently,
    step,
    steps_until,
    texts_of,
)
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
# The SDK says so of each state it does not know; ours are in a table of our own.
sdk_warns = pytest.mark.filterwarnings("ignore:.* is not a valid JobState")


# --- I09: no collector ran for weeks ---


def test_i09_a_worker_that_is_silent_is_an_alarm(local: LocalGemini, client: Client) -> None:
    assert "No worker has run yet" in " ".join(client.get("/health").json()["reasons"])
    tasks.advance_jobs(budget=0.1)
    assert client.get("/health").status_code == 200
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10), tick=True):
        answer = client.get("/health")
    assert answer.status_code == 503
    assert "No worker has shown up since" in " ".join(answer.json()["reasons"])


def test_i09_open_batches_that_nobody_asks_about_are_an_alarm(local: LocalGemini, client: Client) -> None:
    local.hold()
    job = order_ocr(make_book(2))
    steps_until(job, "submitted")
    step(job)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=3), tick=True):
        Heartbeat.beat("worker")
        answer = client.get("/health")
    assert answer.status_code == 503
    assert "1 batches are open, but Gemini was last asked" in " ".join(answer.json()["reasons"])
    assert answer.json()["open_batches"] == 1


def test_i09_health_tells_the_last_poll_and_the_pages_of_a_day(local: LocalGemini, client: Client) -> None:
    order_ocr(make_book(3))
    tasks.advance_jobs(budget=20)
    body = client.get("/health").json()
    assert body["pages_last_day"] == 3
    assert body["last_poll"]
    assert body["worker_last_seen"]
    assert body["status"] == "ok"


# --- I10: too many open batches ---


def test_i10_open_batches_are_capped_and_the_rest_waits_in_our_own_queue(
    local: LocalGemini, settings: Settings
) -> None:
    settings.MAX_OPEN_BATCHES, settings.BATCH_MAX_PAGES = 2, 1
    local.hold()
    book = make_book(4)
    job = order_ocr(book)
    for _ in range(8):
        answer = step(job)
        still_open = [one for one in local.batches() if one["stage"] != "done"]
        assert len(still_open) <= 2
    assert "as many as MAX_OPEN_BATCHES allows" in answer["waiting"]
    assert ledger(job) == {"submitted": 2, "prepared": 2}
    local.release()
    run(job)
    assert_each_page_has_its_own_text(book)
    assert_nothing_sent_twice(local)
    assert job.waiting_for == ""


def test_i10_a_429_on_create_backs_off_and_fails_no_page(local: LocalGemini) -> None:
    local.fault("endpoint", endpoint="create", do="error", code=429, retry_delay=77, times=2)
    book = make_book(3)
    job = order_ocr(book)
    step(job)
    first = failing_step(job)
    assert first.retry_after == pytest.approx(77, abs=1)
    job.refresh_from_db()
    assert job.next_step_at > now() + dt.timedelta(seconds=60)
    assert not Job.objects.due().exists()
    failing_step(job)
    assert ledger(job) == {"prepared": 3}
    run(job)
    assert {one.attempts for one in job.ledger.all()} == {1}
    assert len(local.journal("create", paid=True)) == 1


def test_i10_geminis_own_cap_of_open_batches_is_waited_out(local: LocalGemini, settings: Settings) -> None:
    local.settings(open_batch_limit=1)
    settings.BATCH_MAX_PAGES = 2
    local.hold()
    book = make_book(4)
    job = order_ocr(book)
    step(job)
    step(job)
    failing_step(job)
    assert ledger(job) == {"submitted": 2, "prepared": 2}
    local.release()
    run_patiently(job)
    assert_each_page_has_its_own_text(book)


@pytest.mark.parametrize("final", ["BATCH_STATE_CANCELLED", "BATCH_STATE_EXPIRED"])
def test_i10_pages_of_a_batch_that_the_server_ended_return_to_the_queue(
    local: LocalGemini, final: str
) -> None:
    local.fault("batch", final=final)
    book = make_book(3)
    job = order_ocr(book)
    run(job)
    assert_each_page_has_its_own_text(book)
    assert {one.attempts for one in job.ledger.all()} == {2}
    assert job.batches.count() == 2


# --- I11: limits of size ---


def test_i11_beyond_a_size_the_requests_travel_as_a_file(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_BYTES = 50_000
    job = order_ocr(make_book(3))
    run(job)
    batch = job.batches.get()
    assert not batch.inline
    assert batch.bytes > 50_000
    assert len(local.journal("upload_finalize")) == 1


def test_i11_a_book_is_split_by_bytes_and_by_count_unseen_by_the_caller(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(6)
    job = order_ocr(book)
    step(job)
    settings.BATCH_MAX_BYTES = 2 * max(job.preparations.values_list("length", flat=True)) + 10
    run(job)
    assert [batch.pages for batch in job.batches.order_by("id")] == [2, 2, 2]
    assert all(batch.bytes <= settings.BATCH_MAX_BYTES for batch in job.batches.all())
    settings.BATCH_MAX_BYTES, settings.BATCH_MAX_PAGES = 10**9, 4
    other = order_ocr(make_book(6))
    run(other)
    assert [batch.pages for batch in other.batches.order_by("id")] == [4, 2]
    assert_each_page_has_its_own_text(book)
    assert_nothing_sent_twice(local)


def test_i11_one_page_above_every_limit_goes_alone(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_PAGES, settings.BATCH_MAX_BYTES = 0, 1000
    job = order_ocr(make_book(3))
    run(job)
    assert job.batches.count() == 3
    assert ledger(job) == {"succeeded": 3}


# --- I13: every state has an end ---


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"final": "BATCH_STATE_FAILED"}, "batch_failed"),
        ({"final": "BATCH_STATE_FAILED", "error": {"code": 3, "message": "No."}}, "batch_failed"),
        ({"final": "BATCH_STATE_CANCELLED"}, "batch_cancelled"),
        ({"final": "BATCH_STATE_EXPIRED"}, "batch_expired"),
        ({"final": "JOB_STATE_FAILED"}, "batch_failed"),
        ({"lines": 0}, "no_answer"),
    ],
)
def test_i13_every_end_without_results_has_a_reason_on_every_page(
    local: LocalGemini, settings: Settings, plan: dict[str, Any], reason: str
) -> None:
    settings.MAX_ATTEMPTS = 2
    local.fault("batch", times=None, **plan)
    job = order_ocr(make_book(2))
    run(job)
    assert job.status == Status.FAILED
    assert [(one.state, one.reason, one.attempts) for one in job.ledger.all()] == [("failed", reason, 2)] * 2
    assert all(one.error for one in job.ledger.all())
    assert "None of the 2 pages" in job.error
    assert_books_balance()


@sdk_warns
@pytest.mark.parametrize(
    "final", ["BATCH_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_SUCCEEDED"]
)
def test_i13_partial_success_keeps_what_there_is_and_asks_for_the_rest(
    local: LocalGemini, settings: Settings, final: str
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("batch", final=final, lines=3, output=True)
    book = make_book(5)
    job = order_ocr(book)
    run(job)
    assert_each_page_has_its_own_text(book)
    assert sorted(job.batches.values_list("pages", flat=True)) == [2, 5]
    assert_books_balance()


@pytest.mark.parametrize("final", ["BATCH_STATE_EXPIRED", "BATCH_STATE_FAILED"])
def test_i13_what_a_failed_batch_has_done_is_taken(
    local: LocalGemini, settings: Settings, final: str
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("batch", final=final, lines=2, output=True)
    book = make_book(3)
    job = order_ocr(book)
    run(job)
    assert_each_page_has_its_own_text(book)
    assert local.sent()["total"] == 4


@sdk_warns
def test_i13_a_state_that_nobody_knows_means_wait(local: LocalGemini) -> None:
    states = ["BATCH_STATE_PENDING", "BATCH_STATE_QUANTUM", "BATCH_STATE_UNSPECIFIED", "JOB_STATE_UPDATING"]
    local.fault("batch", states=states)
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    seen = [step(job)["gemini_state"] for _ in range(4)]
    assert seen == [
        "JOB_STATE_PENDING",
        "JOB_STATE_QUANTUM",
        "JOB_STATE_UNSPECIFIED",
        "JOB_STATE_UPDATING",
    ]
    run(job)
    assert_each_page_has_its_own_text(book)


# --- I14: pages disappeared ---


def test_i14_each_page_that_fails_shows_why_and_one_click_redoes_it(
    local: LocalGemini, settings: Settings
) -> None:
    book = make_book(6)
    job = order_ocr(book)
    for number, outcome in ((2, "SAFETY"), (3, "prompt_blocked")):
        local.fault("page", outcome=outcome, match={"key": row(job, number).pk})
    local.fault("page", outcome="error", code=3, message="Bad image.", match={"key": row(job, 5).pk})
    run(job)
    assert ledger(job) == {"succeeded": 3, "failed": 3}
    assert {one.number: one.reason for one in job.ledger.failed()} == {
        2: "safety",
        3: "blocked",
        5: "bad_request",
    }
    assert "Bad image." in row(job, 5).error
    assert lifecycle.retry(job.pk, TESTER) == "3 failed pages are sent again."
    run(job)
    assert_each_page_has_its_own_text(book)
    assert figures(job.pk).requested == 6
    assert PageText.objects.count() == 6


def test_i14_the_ledger_balances_whatever_fails_at_every_step(local: LocalGemini, settings: Settings) -> None:
    """`run` checks after each step that the ledger still holds every page."""
    settings.INLINE_MAX_PAGES, settings.BATCH_MAX_PAGES, settings.PREPARE_CHUNK_SIZE = 0, 5, 4
    for outcome in ("missing", "MAX_TOKENS", "RECITATION", "empty_text", "error"):
        local.fault("page", outcome=outcome, probability=0.15, seed=len(outcome))
    local.fault("batch", final="BATCH_STATE_EXPIRED", nth=2)
    job = order_ocr(make_book(20))
    run(job)
    assert figures(job.pk).open == 0
    assert figures(job.pk).requested == 20
    assert job.progress == figures(job.pk).as_progress()
    assert len(texts_of(job.book)) == ledger(job)["succeeded"]
    assert_books_balance()


def test_i14_a_whole_book_that_fails_fails_loudly(local: LocalGemini) -> None:
    local.fault("page", outcome="SAFETY", times=None)
    job = order_ocr(make_book(2))
    walk = run(job)
    assert walk.steps[-1]["status"] == "failed"
    assert "Gemini stopped with SAFETY" in walk.steps[-1]["error"]


# --- I15: a page that can never succeed ---


def test_i15_attempts_end_and_stay_visible(local: LocalGemini) -> None:
    job = order_ocr(make_book(3))
    doomed = row(job, 2).pk
    local.fault("page", outcome="empty_text", times=None, match={"key": doomed})
    run(job)
    assert local.sent()["keys"][doomed] == 3
    failed = row(job, 2)
    assert (failed.state, failed.reason, failed.attempts) == (PageState.FAILED, "empty", 3)
    assert failed.answer
    assert job.status == Status.COMPLETED


def test_i15_the_schedule_does_not_take_up_a_failed_page_again(local: LocalGemini) -> None:
    local.fault("page", outcome="SAFETY", nth=1)
    make_book(2, automatic=True)
    for _ in range(4):
        tasks.create_automatic_jobs()
        tasks.advance_jobs(budget=20)
    assert Job.objects.filter(type="batch_ocr").count() == 1
    assert Job.objects.get(type="batch_ocr").ledger.failed().count() == 1


def test_i15_a_person_may_try_again_and_the_attempts_begin_anew(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    local.fault("page", outcome="empty_text", times=3)
    run(job)
    assert job.status == Status.FAILED
    lifecycle.retry(job.pk, TESTER)
    run(job)
    assert (row(job, 1).state, row(job, 1).attempts) == ("succeeded", 1)
    with pytest.raises(Conflict):
        lifecycle.retry(job.pk, TESTER)
    assert job.batches.filter(stage=Stage.CLOSED).count() == 4
