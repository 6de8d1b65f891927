"""What the schedule does: everybody gets a turn, one that raises stops nobody, nothing is made twice."""

import datetime as dt

import pytest
from django.db import connections
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from pytest_django.fixtures import Settings

from books.models import Book
from jobs import lifecycle, tasks
from jobs.models import Heartbeat, Job, JobPage, PageState, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import library_alias
from tests.support.library import TESTER, make_book, order_ocr
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
LATER = dt.timedelta(hours=3)


def test_it_carries_every_job_to_its_end(local: LocalGemini) -> None:
    jobs = [order_ocr(make_book(2)) for _ in range(3)]
    done = tasks.advance_jobs(budget=60)
    assert [Job.objects.get(pk=job.pk).status for job in jobs] == [Status.COMPLETED] * 3
    assert done["done"] == 3
    assert done["raised"] == 0


def test_a_job_that_raises_does_not_stop_the_others(local: LocalGemini) -> None:
    broken, sound = order_ocr(make_book(1)), order_ocr(make_book(1))
    Job.objects.filter(pk=broken.pk).update(type="no_such_work", priority=9)
    done = tasks.advance_jobs(budget=60)
    sound.refresh_from_db()
    assert sound.status == Status.COMPLETED
    assert done["raised"] == 1


def test_it_takes_turns_so_that_a_long_job_does_not_keep_a_short_one_waiting(
    local: LocalGemini, settings: Settings
) -> None:
    settings.PREPARE_CHUNK_SIZE = settings.WORKER_CHUNK_SIZE = 2
    long, short = order_ocr(make_book(12)), order_ocr(make_book(1))
    tally = tasks.Tally()
    for _ in range(4):
        tasks._one_round(list(Job.objects.due().values_list("pk", flat=True)), tally, until=float("inf"))
        local.wait_until_done()
    long.refresh_from_db()
    short.refresh_from_db()
    assert short.status == Status.COMPLETED
    assert long.status == Status.PROCESSING


def test_it_ends_at_once_when_nothing_is_due_soon(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    Job.objects.filter(pk=job.pk).update(next_step_at=now() + LATER)
    assert tasks.advance_jobs(budget=60)["steps"] == 0


def test_it_shows_that_a_worker_is_alive() -> None:
    tasks.advance_jobs(budget=1)
    assert now() - Heartbeat.objects.get(pk="worker").at < dt.timedelta(seconds=30)


def test_a_new_job_is_handed_to_a_worker_at_once() -> None:
    job = order_ocr(make_book(1))
    handed = [SignedPackage.loads(row.payload) for row in OrmQ.objects.all()]
    assert [(task["func"], task["args"]) for task in handed] == [("jobs.tasks.advance_job", (job.pk,))]


def test_a_click_carries_its_job_to_the_end(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    tasks.advance_job(job.pk, budget=60)
    job.refresh_from_db()
    assert job.status == Status.COMPLETED


def test_a_click_does_nothing_when_another_worker_was_faster(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    Job.objects.filter(pk=job.pk).update(next_step_at=now() + LATER)
    assert tasks.advance_job(job.pk, budget=60)["steps"] == 0


def test_collecting_looks_at_open_batches_however_far_polling_has_backed_off(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    local.hold()
    tasks.advance_job(job.pk, budget=2)
    Job.objects.filter(pk=job.pk).update(next_step_at=now() + LATER)
    job.batches.update(next_poll_at=now() + LATER)
    local.release()
    local.wait_until_done()
    assert tasks.collect() == 1
    tasks.advance_jobs(budget=60)
    job.refresh_from_db()
    assert job.status == Status.COMPLETED


def test_automatic_books_get_a_job_once(local: LocalGemini) -> None:
    automatic = make_book(2, automatic=True)
    make_book(2)
    assert tasks.create_automatic_jobs() == {"batch_ocr": 1}
    assert Job.objects.get().book == automatic
    assert sum(tasks.create_automatic_jobs().values()) == 0


def test_automatic_books_are_translated_when_they_are_transcribed(local: LocalGemini) -> None:
    make_book(1, automatic=True)
    tasks.create_automatic_jobs()
    tasks.advance_jobs(budget=60)
    assert tasks.create_automatic_jobs()["batch_translate"] == 1


def test_pages_that_failed_are_not_tried_again_and_again(local: LocalGemini) -> None:
    book = make_book(1, automatic=True)
    tasks.create_automatic_jobs()
    row = JobPage.objects.get()
    JobPage.objects.filter(pk=row.pk).update(state=PageState.FAILED, is_open=False, reason="unreadable")
    Job.objects.filter(pk=row.job_id).update(status=Status.FAILED)
    assert sum(tasks.create_automatic_jobs().values()) == 0
    assert Book.objects.needing("ocr").filter(pk=book.pk).exists()


def test_a_cancelled_job_is_not_made_again_by_the_schedule(local: LocalGemini) -> None:
    make_book(1, automatic=True)
    tasks.create_automatic_jobs()
    lifecycle.cancel(Job.objects.get().pk, TESTER)
    assert sum(tasks.create_automatic_jobs().values()) == 0


def test_housekeeping_reports_what_it_did(local: LocalGemini) -> None:
    assert tasks.housekeeping()["failed_tasks"] == 0
    assert Heartbeat.objects.filter(pk="housekeeping").exists()


def test_housekeeping_lets_sqlite_count_its_tables(local: LocalGemini) -> None:
    if connections[library_alias()].vendor != "sqlite":
        pytest.skip("other databases count their tables by themselves")
    make_book(3)
    tasks.housekeeping()
    with connections[library_alias()].cursor() as cursor:
        cursor.execute("SELECT stat FROM sqlite_stat1 WHERE idx = 'pages_number_once' OR tbl = 'pages'")
        assert any(stat.startswith("3") for (stat,) in cursor.fetchall())
