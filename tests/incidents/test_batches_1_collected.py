"""I01 to I06: nobody forgets to collect, no page gets another page's text, no batch is given up by mistake."""

import datetime as dt
import errno
import json
import os
import threading

import pytest
from django.db import connections
from django.test import Client
from pytest_django.fixtures import Settings

from jobs import gemini, lifecycle, tasks
from jobs.lifecycle import Conflict, NewJob, NothingToDo
from jobs.lifecycle.watch import watch
from jobs.models import GeminiBatch, Heartbeat, Job, JobPage, PageState, PaidCall, Stage, Status
from sourcebatch.health import snapshot
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


# --- I01: results vanish when nobody collects ---


def test_i01_the_schedule_collects_without_anybody_calling(local: LocalGemini) -> None:
    book = make_book(4)
    job = order_ocr(book)
    tasks.advance_jobs(budget=20)
    job.refresh_from_db()
    assert job.status == Status.COMPLETED
    assert_each_page_has_its_own_text(book)


def test_i01_results_past_half_of_their_time_are_an_alarm(local: LocalGemini, client: Client) -> None:
    local.fault("endpoint", endpoint="batches_get", do="error", code=500, times=None)
    job = order_ocr(make_book(2))
    steps_until(job, "submitted")
    failing_step(job)
    Heartbeat.beat("worker")
    assert not any("Results have been waiting" in reason for reason in snapshot().reasons)
    ended = now() - dt.timedelta(hours=25)
    GeminiBatch.objects.update(
        stage=Stage.ENDED, ended_at=ended, collect_before=ended + dt.timedelta(hours=48)
    )
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "Results have been waiting" in " ".join(answer.json()["reasons"])


def test_i01_a_batch_says_until_when_it_must_be_collected(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("endpoint", endpoint="download", do="error", code=503, times=None)
    job = order_ocr(make_book(2))
    steps_until(job, "submitted")
    local.wait_until_done()
    failing_step(job)
    batch = job.batches.get()
    assert batch.stage == Stage.ENDED
    assert batch.ended_at
    assert batch.collect_before == batch.ended_at + dt.timedelta(hours=48)
    local.clear_faults()
    run(job)
    assert job.status == Status.COMPLETED


def test_i01_one_batch_that_cannot_be_collected_does_not_keep_the_others_waiting(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES, settings.BATCH_MAX_PAGES = 0, 2
    local.hold()
    job = order_ocr(make_book(6))
    steps_until(job, "submitted")
    first = job.batches.order_by("id")[0]
    local.fault(
        "endpoint", endpoint="batches_get", do="error", code=500, times=None, match={"name": first.name}
    )
    local.release()
    local.wait_until_done()
    failing_step(job)
    assert ledger(job) == {"submitted": 2, "succeeded": 4}
    local.clear_faults()
    run(job)
    assert ledger(job) == {"succeeded": 6}
    assert_nothing_sent_twice(local)


def full_disk(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """A disk without room left, as the kernel tells it when something must really be on it."""
    left, real = [times], os.fsync

    def fsync(file: int) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)


def test_i01_a_full_disk_is_said_and_loses_nothing(
    local: LocalGemini, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(3)
    job = order_ocr(book)
    full_disk(monkeypatch, times=1)
    assert "is full" in failing_step(job).sentence
    job.refresh_from_db()
    assert "is full" in job.waiting_for
    steps_until(job, "submitted")
    local.wait_until_done()
    full_disk(monkeypatch, times=1)
    assert "is full" in failing_step(job).sentence
    run(job)
    assert_each_page_has_its_own_text(book)
    assert_nothing_sent_twice(local)


def test_i01_whatever_happens_to_one_batch_the_watch_collects_the_others(
    local: LocalGemini, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.hold()
    jobs = [order_ocr(make_book(1)) for _ in range(2)]
    for job in jobs:
        steps_until(job, "submitted")
        lifecycle.pause(job.pk, TESTER)
    local.release()
    local.wait_until_done()
    GeminiBatch.objects.update(next_poll_at=None)
    full_disk(monkeypatch, times=1)
    watch(TESTER)
    assert [ledger(job) for job in jobs] == [{"submitted": 1}, {"succeeded": 1}]
    GeminiBatch.objects.update(next_poll_at=None)
    watch(TESTER)
    assert ledger(jobs[0]) == {"succeeded": 1}


# --- I02: the same pages submitted several times ---


@pytest.mark.django_db(transaction=True)
def test_i02_ten_callers_at_once_submit_each_page_once(local: LocalGemini) -> None:
    book = make_book(5)
    ids = list(book.pages.values_list("pk", flat=True))
    created: list[Job] = []
    start = threading.Barrier(10)

    def order() -> None:
        try:
            start.wait(20)
            created.append(lifecycle.create(NewJob("batch_ocr", ids, book.pk), TESTER).job)
        except NothingToDo:
            pass
        finally:
            connections.close_all()

    callers = [threading.Thread(target=order) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert len({job.pk for job in created}) == 1
    assert JobPage.objects.filter(is_open=True).count() == 5
    run_patiently(created[0])
    assert local.sent()["total"] == 5
    assert local.sent()["content_twice"] == {}


def test_i02_the_schedule_and_a_person_do_not_order_the_same_page(local: LocalGemini) -> None:
    book = make_book(3, automatic=True)
    local.hold()
    tasks.create_automatic_jobs()
    job = Job.objects.get()
    steps_until(job, "submitted")
    again = lifecycle.create(NewJob("batch_ocr", None, book.pk), TESTER)
    assert (again.created, again.job) == (False, job)
    tasks.create_automatic_jobs()
    assert Job.objects.count() == 1
    local.release()
    run(job)
    assert local.sent()["total"] == 3


@pytest.mark.django_db(transaction=True)
def test_i02_clicks_on_one_page_at_once_are_paid_once(local: LocalGemini) -> None:
    page = make_book(1).pages.get()
    local.fault("endpoint", endpoint="generate", do="delay", seconds=1)
    start = threading.Barrier(4)
    told: list[bool | str] = []

    def click() -> None:
        try:
            start.wait(20)
            told.append(lifecycle.process_now("batch_ocr", page_id=page.pk, actor=TESTER).saved)
        except Conflict as refused:
            told.append(refused.sentence)
        finally:
            connections.close_all()

    crowd = [threading.Thread(target=click) for _ in range(4)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)
    assert len(local.journal(paid=True)) == PaidCall.objects.count() == 1, told
    assert told.count(True) == 1
    assert len([one for one in told if "at this moment" in str(one) or "already" in str(one)]) == 3
    assert_books_balance()


def test_i02_a_page_that_a_job_has_is_not_paid_for_at_once_too(local: LocalGemini) -> None:
    local.hold()
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    page = book.pages.get(number=1)
    with pytest.raises(Conflict, match=job.pk):
        lifecycle.process_now("batch_ocr", page_id=page.pk, overwrite="machine", actor=TESTER)
    assert len(local.journal(paid=True)) == 1
    local.release()
    run(job)
    assert PaidCall.objects.count() == 1
    assert lifecycle.process_now("batch_ocr", page_id=page.pk, overwrite="machine", actor=TESTER).saved


# --- I03: results in any order ---


@pytest.mark.parametrize("inline", [True, False])
def test_i03_results_in_any_order_reach_their_own_page(
    local: LocalGemini, settings: Settings, inline: bool
) -> None:
    settings.INLINE_MAX_PAGES = 10 if inline else 0
    local.fault("batch", shuffle=7)
    book = make_book(9)
    job = order_ocr(book)
    run(job)
    assert job.batches.get().inline is inline
    assert_each_page_has_its_own_text(book)


@pytest.mark.parametrize("outcome", ["no_key", "missing", "foreign_key", "doubled", "malformed"])
def test_i03_an_answer_that_fits_no_page_is_reported_and_the_page_is_asked_again(
    local: LocalGemini, settings: Settings, outcome: str
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(4)
    job = order_ocr(book)
    victim = row(job, 2).pk
    local.fault("page", outcome=outcome, match={"key": victim})
    run(job)
    assert_each_page_has_its_own_text(book)
    assert local.sent()["keys_twice"] == {victim: 2}
    first = job.batches.order_by("id")[0]
    assert bool(first.refused) is (outcome != "missing")
    assert_books_balance()


def test_i03_the_key_of_another_job_moves_no_text(local: LocalGemini) -> None:
    mine, other = make_book(3), make_book(3)
    local.hold()
    foreign = order_ocr(other)
    steps_until(foreign, "submitted")
    job = order_ocr(mine)
    stolen = row(foreign, 1).pk
    local.fault("page", outcome="foreign_key", key=stolen, match={"key": row(job, 1).pk})
    local.release()
    run(job)
    assert texts_of(other) == {}
    assert [one["why"] for one in job.batches.order_by("id")[0].refused] == ["The key is of another job."]
    run(foreign)
    assert_each_page_has_its_own_text(mine)
    assert_each_page_has_its_own_text(other)


@pytest.mark.parametrize(
    "line",
    [
        b'{"key": "a\\u0000b", "response": {}}',
        b'{"key": "\\ud800", "response": {}}',
        b'{"key": "KEY", "error": {"code": 13, "message": "\\u0000 \\udfff"}}',
        b'{"key": "KEY", "response": {"usageMetadata": {"promptTokenCount": 100000000000000000000}}}',
        b'{"key": "KEY", "response": {"candidates": [{"content": {"parts": [{"text": "\\ud83d\\u0000"}]}}]}}',
        b'{"key": "KEY", "error": {"code": "' + b"9" * 5000 + b'"}}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"",
        b'"KEY"',
    ],
    ids=["nul", "surrogate", "message", "number", "text", "code", "deep", "bytes", "empty", "string"],
)
def test_i03_a_line_that_nobody_could_foresee_does_not_stop_the_others(
    local: LocalGemini, settings: Settings, line: bytes
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(2)
    job = order_ocr(book)
    local.hold()
    steps_until(job, "submitted")
    local.release()
    local.wait_until_done()
    remote, path = gemini.get_batch(job.batches.get().name), settings.DATA_DIR / "results" / "spoilt"
    path.parent.mkdir(exist_ok=True)
    gemini.download(remote.result_file, path)
    spoilt = line.replace(b"KEY", row(job, 1).pk.encode()) + b"\n" + path.read_bytes()
    # As if it had been downloaded before a crash.
    path.with_name(f"{job.batches.get().pk}.jsonl").write_bytes(spoilt)
    run(job)
    assert 2 in texts_of(book)
    assert job.status == Status.COMPLETED
    assert_books_balance()


# --- I04: one parser for both shapes ---


def test_i04_inline_and_file_results_are_read_alike(local: LocalGemini, settings: Settings) -> None:
    kept = []
    for most in (10, 0):
        settings.INLINE_MAX_PAGES = most
        book = make_book(2)
        job = order_ocr(book)
        local.fault("page", outcome="thought_and_text", match={"key": row(job, 1).pk})
        local.fault("page", outcome="error", code=3, message="No.", match={"key": row(job, 2).pk})
        run(job)
        text = texts_of(book)[1].replace(book.pk, "BOOK").splitlines()[1]
        kept.append((text, row(job, 2).reason, row(job, 2).error, job.batches.get().refused))
    assert kept[0] == kept[1]
    assert kept[0][:2] == ("page 1 of BOOK", "bad_request")


# --- I05: another key ---


def test_i05_with_another_key_in_use_the_job_says_so_and_waits(
    local: LocalGemini, settings: Settings
) -> None:
    book = make_book(3)
    local.hold()
    job = order_ocr(book)
    steps_until(job, "submitted")
    local.release()
    right = settings.GEMINI_API_KEY
    settings.GEMINI_API_KEY = "another-key"
    for _ in range(3):
        answer = step(job)
        assert answer["status"] == "processing"
        assert "made with another Gemini key" in answer["waiting"]
    assert ledger(job) == {"submitted": 3}
    settings.GEMINI_API_KEY = right
    run(job)
    assert_each_page_has_its_own_text(book)
    assert_nothing_sent_twice(local)


def test_i05_a_lost_reply_under_another_key_is_not_sent_again_with_this_one(
    local: LocalGemini, settings: Settings
) -> None:
    local.fault("endpoint", endpoint="create", do="lose_reply")
    job = order_ocr(make_book(3))
    step(job)
    failing_step(job)
    right = settings.GEMINI_API_KEY
    settings.GEMINI_API_KEY = "another-key"
    assert "another Gemini key" in failing_step(job).sentence
    settings.GEMINI_API_KEY = right
    run_patiently(job)
    assert len(local.journal("create", paid=True)) == 1


# --- I06: not in the list is not gone ---


def test_i06_only_404_of_the_batch_itself_is_gone(local: LocalGemini) -> None:
    local.hold()
    job = order_ocr(make_book(3))
    steps_until(job, "submitted")
    for code in (500, 503, 403, 401, 429):
        fault = local.fault("endpoint", endpoint="batches_get", do="error", code=code, times=None)
        failing_step(job)
        assert ledger(job) == {"submitted": 3}, code
        local.clear_faults(fault)
    local.fault("endpoint", endpoint="batches_list", do="error", code=500, times=None)
    local.release()
    run(job)
    assert_nothing_sent_twice(local)


def test_i06_a_batch_that_is_gone_gives_its_pages_back_and_counts_as_paid(local: LocalGemini) -> None:
    book = make_book(3)
    local.hold()
    job = order_ocr(book)
    steps_until(job, "submitted")
    first = job.batches.get()
    assert first.reserved_micro_usd > 0
    local.fault("endpoint", endpoint="batches_get", do="error", code=404)
    local.release()
    run(job)
    assert_each_page_has_its_own_text(book)
    first.refresh_from_db()
    assert first.cost_micro_usd > 0
    assert {one.attempts for one in job.ledger.all()} == {2}
    assert_books_balance()


def test_i06_results_that_are_gone_give_the_pages_back_and_count_as_paid(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("batch", lose_result=True)
    book = make_book(3)
    job = order_ocr(book)
    run(job)
    assert_each_page_has_its_own_text(book)
    assert job.batches.order_by("id")[0].cost_micro_usd > 0
    assert_books_balance()


@pytest.mark.parametrize(
    "said", [(401, "Expired."), (403, "Billing is disabled."), (400, "API key expired."), (404, "Not yet.")]
)
def test_i06_a_refused_download_is_not_taken_for_lost_results(
    local: LocalGemini, settings: Settings, said: tuple[int, str]
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    local.wait_until_done()
    local.fault("endpoint", endpoint="download", do="error", code=said[0], message=said[1], times=2)
    for _ in range(2):
        failing_step(job)
    assert ledger(job) == {"submitted": 2}
    run(job)
    assert_each_page_has_its_own_text(book)
    assert len(local.journal("create")) == 1


def test_i06_a_web_page_in_place_of_the_results_is_not_a_result_without_answers(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    local.wait_until_done()
    page = "<!DOCTYPE html><html><body>Please log in to the network.</body></html>"
    local.fault("endpoint", endpoint="download", do="garble", body=page, times=1)
    failing_step(job)
    assert ledger(job) == {"submitted": 2}
    run(job)
    assert_each_page_has_its_own_text(book)
    assert len(local.journal("create")) == 1


def test_i06_a_key_that_is_blocked_before_the_download_loses_no_results(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    job = order_ocr(make_book(2))
    steps_until(job, "submitted")
    local.wait_until_done()
    blocked = [
        local.fault("endpoint", endpoint=name, do="error", code=403, message="Blocked.", times=None)
        for name in ("download", "files_get")
    ]
    blocked.append(local.fault("endpoint", endpoint="batches_get", do="error", code=403, after=1, times=None))
    failing_step(job)
    assert ledger(job) == {"submitted": 2}
    for fault in blocked:
        local.clear_faults(fault)
    run(job)
    assert len(local.journal("create")) == 1


def test_i03_the_ledger_knows_every_state_it_may_have(local: LocalGemini) -> None:
    """The list of open states and the column that the unique index needs say the same."""
    local.fault("page", outcome="SAFETY", nth=1)
    job = order_ocr(make_book(3))
    run(job)
    for one in job.ledger.all():
        assert one.is_open is (one.state in (PageState.WAITING, PageState.PREPARED, PageState.SUBMITTED))
        assert json.dumps(one.escalation)
