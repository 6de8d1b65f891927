"""Cancel, reset, retry, pause, resume: what they do to the job, its pages and the batch at Gemini."""

import datetime as dt
import sqlite3

import pytest
from django.db import connections

from books.models import Page, PageText
from jobs import lifecycle
from jobs.lifecycle import Conflict, JobNotFound
from jobs.lifecycle.allowed import allowed
from jobs.lifecycle.common import figures
from jobs.lifecycle.watch import watch
from jobs.models import BatchPreparation, GeminiBatch, Job, JobEvent, Spending
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import library_alias
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def submitted(local: LocalGemini, pages: int = 2) -> Job:
    """A job whose batch waits at Gemini until it is released."""
    local.hold()
    job = order_ocr(make_book(pages))
    for _ in range(2):
        lifecycle.advance(job.pk, TESTER)
    return job


def look_again() -> int:
    GeminiBatch.objects.update(next_poll_at=now() - dt.timedelta(seconds=1))
    return watch(TESTER)


def test_cancel_reaches_gemini_and_accounts_for_every_page(local: LocalGemini) -> None:
    job = submitted(local)
    lifecycle.cancel(job.pk, TESTER)
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert figures(job.pk).skipped == 2
    local.wait_until_done()
    assert [batch["state"] for batch in local.batches()] == ["BATCH_STATE_CANCELLED"]
    assert look_again() == 1
    assert Spending.objects.filter(reserved__gt=0).count() == 0
    assert BatchPreparation.objects.count() == 0


def test_cancel_keeps_what_gemini_answers_all_the_same(local: LocalGemini) -> None:
    local.fault("batch", ignore_cancel=True)
    job = submitted(local)
    lifecycle.cancel(job.pk, TESTER)
    local.release()
    local.wait_until_done()
    look_again()
    assert PageText.objects.current().count() == 2
    assert figures(job.pk).succeeded == 2
    assert Job.objects.get(pk=job.pk).status == "cancelled"


def test_reset_starts_over_and_takes_late_answers_only_where_they_are_needed(local: LocalGemini) -> None:
    local.fault("batch", ignore_cancel=True, times=1)
    job = submitted(local)
    lifecycle.reset(job.pk, TESTER)
    job.refresh_from_db()
    assert (job.status, job.gemini_batch_job, job.gemini_state) == ("pending", "", "")
    assert figures(job.pk).waiting == 2
    local.release()
    local.wait_until_done()
    run(job)
    look_again()
    assert PageText.objects.count() == PageText.objects.current().count() == 2
    first = GeminiBatch.objects.order_by("id")[0]
    assert len(first.refused) in (0, 2)


def test_retry_sends_the_failed_pages_alone_in_a_new_batch_of_the_same_job(local: LocalGemini) -> None:
    book = make_book(4)
    bad = order_ocr(book)
    row = bad.ledger.get(number=2)
    local.fault("page", outcome="SAFETY", match={"key": row.pk})
    run(bad)
    assert bad.progress["failed"] == 1
    local.clear_faults()
    assert "1 failed pages" in lifecycle.retry(bad.pk, TESTER)
    walk = run(bad)
    assert walk.steps[-1]["message"] == "Batch job completed: 4 succeeded, 0 failed"
    assert list(bad.batches.order_by("id").values_list("pages", flat=True)) == [4, 1]


def test_a_page_that_comes_back_empty_goes_round_again_until_its_attempts_are_used_up(
    local: LocalGemini,
) -> None:
    job = order_ocr(make_book(2))
    row = job.ledger.get(number=1)
    local.fault("page", outcome="empty_text", times=9, match={"key": row.pk})
    run(job)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.reason) == ("failed", 3, "empty")
    assert job.status == "completed"


@pytest.mark.parametrize("verb", ["cancel", "reset", "retry", "pause", "resume"])
def test_a_verb_knows_no_job_of_that_id(verb: str) -> None:
    with pytest.raises(JobNotFound):
        getattr(lifecycle, verb)("nowhere", TESTER)


@pytest.mark.parametrize("verb", ["cancel", "reset", "retry", "pause", "resume"])
def test_a_verb_refuses_a_completed_job(local: LocalGemini, verb: str) -> None:
    job = order_ocr(make_book(1))
    run(job)
    assert allowed(job)[verb]
    with pytest.raises(Conflict):
        getattr(lifecycle, verb)(job.pk, TESTER)
    job.refresh_from_db()
    assert job.status == "completed"


def test_a_paused_job_still_collects_what_gemini_has(local: LocalGemini) -> None:
    job = submitted(local)
    lifecycle.pause(job.pk, TESTER)
    local.release()
    local.wait_until_done()
    look_again()
    job.refresh_from_db()
    assert job.status == "completed"
    assert PageText.objects.current().count() == 2


def test_it_writes_down_who_did_what_and_by_which_way(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    lifecycle.pause(job.pk, TESTER)
    lifecycle.resume(job.pk, lifecycle.Actor("anna", "admin"))
    run(job)
    events = list(JobEvent.objects.filter(job=job).values_list("verb", "actor", "via"))
    assert events[:3] == [
        ("create", "tester", "command"),
        ("pause", "tester", "command"),
        ("resume", "anna", "admin"),
    ]
    assert events[-1][0] == "finish"


def most_values(count: int) -> int:
    """Let a statement take so many values at the most; how many they were."""
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    return int(connections[library_alias()].connection.setlimit(limit, count))


@pytest.mark.skipif(connections[library_alias()].vendor != "sqlite", reason="a limit of SQLite's alone")
def test_jobs_of_more_pages_than_a_statement_takes_values_are_cancelled_reset_and_retried(
    request: pytest.FixtureRequest,
) -> None:
    """Fewer values than any SQLite takes (32,766) stand for a book that is larger than that."""
    book = make_book(0)
    Page.objects.bulk_create([Page(book=book, number=number) for number in range(1, 1201)])
    job = order_ocr(book)
    before = most_values(1100)
    request.addfinalizer(lambda: most_values(before))
    lifecycle.cancel(job.pk, TESTER)
    assert lifecycle.reset(job.pk, TESTER) == "The job was reset: 1200 pages wait to be prepared again."
    job.ledger.update(state="failed", is_open=False)
    Job.objects.filter(pk=job.pk).update(status="failed", batch_phase="completed")
    assert lifecycle.retry(job.pk, TESTER) == "1200 failed pages are sent again."
    assert figures(job.pk).waiting == 1200
