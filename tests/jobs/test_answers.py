"""What one step answers in each situation of the contract."""

import pytest
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from jobs import lifecycle
from jobs.lifecycle import JobNotFound, Unavailable
from jobs.lifecycle.common import lease
from jobs.models import BatchPreparation, Job
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def test_it_prepares_a_chunk_a_call_and_submits_in_the_next(local: LocalGemini, settings: Settings) -> None:
    settings.PREPARE_CHUNK_SIZE = 2
    job = order_ocr(make_book(3))
    local.hold()
    first, second, third = (lifecycle.advance(job.pk, TESTER).payload for _ in range(3))
    assert {key: first[key] for key in ("phase", "prepared", "failed", "remaining", "continue", "done")} == {
        "phase": "preparing", "prepared": 2, "failed": 0, "remaining": 1, "continue": True, "done": False,
    }  # fmt: skip
    assert (second["prepared"], second["remaining"], second["continue"]) == (3, 0, True)
    assert (third["phase"], third["pages_submitted"], third["pages_failed"]) == ("submitted", 3, 0)
    assert third["gemini_job"].startswith("batches/")
    assert third["gemini_state"] == "JOB_STATE_PENDING"


def test_it_says_what_gemini_says_while_it_waits(local: LocalGemini) -> None:
    local.hold()
    job = order_ocr(make_book(1))
    for _ in range(2):
        lifecycle.advance(job.pk, TESTER)
    waiting = lifecycle.advance(job.pk, TESTER).payload
    assert waiting["gemini_state"] in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING")
    assert waiting["done"] is False
    assert "phase" not in waiting


def test_it_answers_a_finished_job_without_asking_anybody(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    run(job)
    requests = len(local.journal())
    answer = lifecycle.advance(job.pk, TESTER).payload
    assert (answer["done"], answer["message"]) == (True, "Batch job completed: 1 succeeded, 0 failed")
    assert len(local.journal()) == requests


def test_it_says_busy_at_once_when_somebody_else_works_on_the_job(local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    with lease(job.pk, TESTER):
        answer = lifecycle.advance(job.pk, TESTER).payload
    assert answer["busy"] is True
    assert (answer["prepared"], answer["remaining"], answer["done"]) == (0, 2, False)


def test_it_sends_nothing_while_paused(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    lifecycle.pause(job.pk, TESTER)
    answer = lifecycle.advance(job.pk, TESTER).payload
    assert (answer["paused"], answer["done"]) == (True, False)
    lifecycle.resume(job.pk, TESTER)
    assert run(job).steps[-1]["done"]


def test_it_is_unavailable_while_gemini_fails_and_keeps_its_state(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    lifecycle.advance(job.pk, TESTER)
    before = Job.objects.get(pk=job.pk)
    local.fault("endpoint", endpoint="create", do="error", code=503, times=1)
    with pytest.raises(Unavailable) as caught:
        lifecycle.advance(job.pk, TESTER)
    assert caught.value.retry_after > 0
    payload = caught.value.detail["payload"]
    assert (payload["retryable"], payload["done"], payload["status"]) == (True, False, "processing")
    after = Job.objects.get(pk=job.pk)
    assert (after.status, after.progress) == ("processing", before.progress)
    assert after.waiting_for
    assert run(job).steps[-1]["message"] == "Batch job completed: 1 succeeded, 0 failed"


def test_it_says_in_one_sentence_that_the_key_is_refused(local: LocalGemini, settings: Settings) -> None:
    job = order_ocr(make_book(1))
    settings.GEMINI_API_KEY = ""
    lifecycle.advance(job.pk, TESTER)
    with pytest.raises(Unavailable, match="There is no Gemini key: set GEMINI_API_KEY"):
        lifecycle.advance(job.pk, TESTER)
    job.refresh_from_db()
    assert "GEMINI_API_KEY" in job.waiting_for
    settings.GEMINI_API_KEY = local.key
    assert run(job).steps[-1]["done"]


def test_it_fails_a_job_of_which_nothing_could_be_prepared(local: LocalGemini) -> None:
    book = make_book(2)
    for page in book.pages.all():
        default_storage.delete(page.image_file)
    job = order_ocr(book)
    answer = run(job).steps[-1]
    assert (answer["done"], answer["status"]) == (True, "failed")
    assert answer["error"].startswith("No page could be prepared: ")
    assert local.sent() == {} or not any(local.sent().values())


def test_it_does_the_other_pages_when_one_image_is_broken(local: LocalGemini) -> None:
    book = make_book(3)
    broken = book.pages.get(number=2)
    default_storage.delete(broken.image_file)
    job = order_ocr(book)
    lifecycle.advance(job.pk, TESTER)
    failed = BatchPreparation.objects.get(job=job, failed=True)
    assert failed.error
    answer = run(job).steps[-1]
    assert (answer["status"], answer["message"]) == (
        "completed",
        "Batch job completed: 2 succeeded, 1 failed",
    )
    row = job.ledger.get(page=broken)
    assert (row.state, row.error) == ("failed", failed.error)


def test_it_knows_no_job_of_that_id() -> None:
    with pytest.raises(JobNotFound, match="nowhere"):
        lifecycle.advance("nowhere", TESTER)


def test_it_waits_in_a_state_that_nobody_knows(local: LocalGemini) -> None:
    local.fault("batch", states=["BATCH_STATE_PONDERING"], hold=True)
    job = order_ocr(make_book(1))
    for _ in range(2):
        lifecycle.advance(job.pk, TESTER)
    answer = lifecycle.advance(job.pk, TESTER).payload
    assert (answer["gemini_state"], answer["done"]) == ("JOB_STATE_PONDERING", False)
