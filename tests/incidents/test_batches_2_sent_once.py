"""I07, I08, I12: a lost reply sends nothing twice, late results are not lost, no file stays behind at Gemini."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from pytest_django.fixtures import Settings

from books.models import PageText
from jobs import lifecycle
from jobs.lifecycle import watch as watch_module
from jobs.lifecycle.common import figures
from jobs.models import BatchPreparation, GeminiBatch, PaidCall, Spending, Stage, Status
from tests.incidents.support import (
    TESTER,
    assert_books_balance,
    assert_each_page_has_its_own_text,
    assert_nothing_sent_twice,
    failing_step,
    ledger,
    look_after,
    make_book,
    order_ocr,
    run,
    run_patiently,
    step,
    steps_until,
    texts_of,
    translate,
)
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


# --- I07: the reply to create was lost ---


@pytest.mark.parametrize("inline", [True, False])
def test_i07_a_lost_reply_is_made_good_by_the_display_name(
    local: LocalGemini, settings: Settings, inline: bool
) -> None:
    settings.INLINE_MAX_PAGES = 10 if inline else 0
    local.fault("endpoint", endpoint="create", do="lose_reply")
    book = make_book(3)
    job = order_ocr(book)
    step(job)
    failing_step(job)
    assert job.batches.get().stage == Stage.INTENT
    run_patiently(job)
    assert len(local.journal("create")) == 1
    assert_each_page_has_its_own_text(book)
    assert {one.attempts for one in job.ledger.all()} == {1}
    assert_books_balance()


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "<html>", '{"name": 5}', '{"name": "operations/x", "done": true}']
)
def test_i07_an_answer_that_names_no_batch_is_a_lost_reply(
    local: LocalGemini, settings: Settings, inline: bool, body: str
) -> None:
    settings.INLINE_MAX_PAGES = 10 if inline else 0
    local.fault("endpoint", endpoint="create", do="garble", body=body)
    book = make_book(2)
    job = order_ocr(book)
    step(job)
    failing_step(job)
    run_patiently(job)
    assert len(local.journal("create")) == 1
    assert_each_page_has_its_own_text(book)
    assert_books_balance()


@pytest.mark.parametrize("fault", [{"do": "drop"}, {"do": "error", "code": 503}])
def test_i07_a_create_that_never_arrived_is_sent_once_more_with_the_same_name(
    local: LocalGemini, fault: dict[str, Any]
) -> None:
    local.fault("endpoint", endpoint="create", **fault)
    job = order_ocr(make_book(3))
    step(job)
    failing_step(job)
    run_patiently(job)
    creates = local.journal("create")
    assert [one["paid"] for one in creates] == [False, True]
    assert creates[0]["display_name"] == creates[1]["display_name"]
    assert_nothing_sent_twice(local)


def test_i07_nothing_is_sent_again_before_gemini_had_time_to_show_the_batch(
    local: LocalGemini, settings: Settings
) -> None:
    settings.ADOPT_WAIT_SECONDS = 180.0
    local.fault("endpoint", endpoint="create", do="drop")
    job = order_ocr(make_book(2))
    step(job)
    failing_step(job)
    for _ in range(3):
        assert "not known yet whether Gemini took" in failing_step(job).sentence
    assert len(local.journal("create")) == 1
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=200), tick=True):
        run_patiently(job)
    assert len(local.journal("create")) == 2
    assert_nothing_sent_twice(local)


def test_i07_a_lost_reply_is_found_on_the_last_page_of_a_long_list(local: LocalGemini) -> None:
    local.settings(open_batch_limit=500)
    local.fault("endpoint", endpoint="create", do="lose_reply")
    job = order_ocr(make_book(1))
    step(job)
    failing_step(job)
    from jobs import gemini

    line = {"key": "x", "request": {"contents": [{"role": "user", "parts": [{"text": "Salue."}]}]}}
    for number in range(101):
        gemini.create_inline(
            "gemini-3.5-flash-lite", [line], f"of-others-{number}", gemini.Reservation(0, "")
        )
    run_patiently(job)
    assert len([one for one in local.batches() if one["display_name"].startswith("sourcebatch-")]) == 1
    assert {one["endpoint"] for one in local.journal("batches_list")} == {"batches_list"}
    assert len(local.journal("batches_list")) >= 2


def test_i07_a_lost_reply_to_an_upload_uploads_nothing_twice(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("endpoint", endpoint="upload_finalize", do="lose_reply")
    job = order_ocr(make_book(2))
    step(job)
    failing_step(job)
    run_patiently(job)
    assert len(local.journal("upload_start")) == 1
    assert local.files() == []


def test_i07_a_reply_lost_while_the_job_is_paused_or_reset_is_made_good_too(local: LocalGemini) -> None:
    for verb in (lifecycle.pause, lifecycle.reset, lifecycle.cancel):
        local.reset()
        local.fault("endpoint", endpoint="create", do="lose_reply")
        job = order_ocr(make_book(2))
        step(job)
        failing_step(job)
        verb(job.pk, TESTER)
        look_after(local)
        batch = job.batches.get()
        assert batch.stage == Stage.CLOSED, verb
        assert batch.name
        assert len(local.journal("create")) == 1
    assert_books_balance()


# --- I08: cancelled or failed here, finished at Gemini ---


def test_i08_late_results_of_a_cancelled_job_are_taken(local: LocalGemini) -> None:
    local.fault("batch", ignore_cancel=True, hold=True)
    book = make_book(3)
    job = order_ocr(book)
    steps_until(job, "submitted")
    assert "3 of its pages had no answer yet" in lifecycle.cancel(job.pk, TESTER)
    assert ledger(job) == {"skipped": 3}
    assert len(local.journal("batches_cancel")) == 1
    local.release()
    look_after(local)
    assert_each_page_has_its_own_text(book)
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    assert ledger(job) == {"succeeded": 3}
    assert job.progress["completed"] == 3
    assert_books_balance()


def test_i08_late_texts_still_say_what_they_were_made_from(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(2)
    run(order_ocr(book))
    local.fault("endpoint", endpoint="download", do="error", code=500, times=None)
    job = translate(book)
    steps_until(job, "submitted")
    local.wait_until_done()
    failing_step(job)
    assert job.batches.get().stage == Stage.ENDED
    lifecycle.cancel(job.pk, TESTER)
    local.clear_faults()
    look_after(local)
    for text in PageText.objects.current().filter(kind="translation").select_related("page"):
        source = text.page.current("ocr")
        assert source
        assert text.based_on == source.text_sha256
    assert len(texts_of(book, "translation")) == 2
    assert BatchPreparation.objects.count() == 0


def test_i08_late_results_after_a_reset_are_taken_or_refused_but_never_mixed_up(local: LocalGemini) -> None:
    local.fault("batch", ignore_cancel=True, hold=True)
    book = make_book(4)
    job = order_ocr(book)
    steps_until(job, "submitted")
    lifecycle.reset(job.pk, TESTER)
    assert ledger(job) == {"waiting": 4}
    local.hold()
    steps_until(job, "submitted")
    old, new = job.batches.order_by("id")
    local.release(name=old.name)
    look_after_one(local, old)
    old.refresh_from_db()
    assert [one["why"] for one in old.refused] == ["The page is in another batch now."] * 4
    assert old.cost_micro_usd > 0
    local.release()
    run(job)
    assert_each_page_has_its_own_text(book)
    assert PageText.objects.count() == 4
    new.refresh_from_db()
    assert new.refused == []
    assert_books_balance()


def test_i08_late_results_save_the_pages_that_still_wait(local: LocalGemini) -> None:
    local.fault("batch", ignore_cancel=True, hold=True)
    book = make_book(3)
    job = order_ocr(book)
    steps_until(job, "submitted")
    lifecycle.reset(job.pk, TESTER)
    local.release()
    look_after(local)
    job.refresh_from_db()
    assert job.status == Status.COMPLETED
    assert_each_page_has_its_own_text(book)
    assert len(local.journal("create")) == 1


def test_i08_a_batch_that_does_not_end_is_left_behind_and_watched(
    local: LocalGemini, settings: Settings
) -> None:
    settings.BATCH_DEADLINE_HOURS = 72
    local.fault("batch", ignore_cancel=True, hold=True)
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=73), tick=True):
        run(job)
        assert_each_page_has_its_own_text(book)
        first = job.batches.order_by("id")[0]
        assert "72 hours" in first.error
        local.release()
        look_after(local)
    assert not GeminiBatch.objects.unfinished().exists()
    assert PageText.objects.count() == 2
    assert_books_balance()


def test_i08_results_of_a_paused_job_are_collected_before_they_are_lost(local: LocalGemini) -> None:
    local.hold()
    book = make_book(2)
    job = order_ocr(book)
    steps_until(job, "submitted")
    lifecycle.pause(job.pk, TESTER)
    local.release()
    look_after(local)
    assert_each_page_has_its_own_text(book)
    job.refresh_from_db()
    assert job.status == Status.COMPLETED


def test_i08_two_watchers_of_one_batch_settle_its_money_once(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find the batch; when the second gets its turn, the first has collected and closed it."""
    local.fault("batch", ignore_cancel=True, hold=True)
    job = order_ocr(make_book(2))
    steps_until(job, "submitted")
    lifecycle.cancel(job.pk, TESTER)
    local.release()
    local.wait_until_done()
    found = list(watch_module._due())
    assert len(found) == 1
    look_after(local)
    closed = job.batches.get()
    assert closed.stage == Stage.CLOSED
    # The second watcher's list is older than what the first one did.
    monkeypatch.setattr(watch_module, "_due", lambda: iter(found))
    watch_module.watch(TESTER)
    assert PaidCall.objects.count() == 1
    assert_books_balance()
    assert figures(job.pk).succeeded == 2


def look_after_one(local: LocalGemini, batch: GeminiBatch) -> None:
    """Look at one released batch until it is closed."""

    def closed() -> bool:
        GeminiBatch.objects.filter(pk=batch.pk).update(next_poll_at=None)
        watch_module.watch(TESTER)
        batch.refresh_from_db()
        return batch.stage == Stage.CLOSED

    local.wait_for(closed)


def test_i08_a_cancelled_job_whose_batch_never_was_keeps_no_preparations(local: LocalGemini) -> None:
    local.fault("endpoint", endpoint="create", do="drop")
    job = order_ocr(make_book(2))
    step(job)
    failing_step(job)
    lifecycle.cancel(job.pk, TESTER)
    look_after(local)
    assert job.batches.get().stage == Stage.CLOSED
    assert BatchPreparation.objects.count() == 0
    assert_books_balance()


# --- I12: the file quota filled up ---


def test_i12_request_and_result_files_are_deleted_once_the_results_are_safe(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES, settings.BATCH_MAX_PAGES = 0, 2
    run(order_ocr(make_book(5)))
    assert len(local.journal("upload_finalize")) == 3
    assert local.files() == []
    assert set(GeminiBatch.objects.values_list("stage", flat=True)) == {Stage.CLOSED}


def test_i12_files_that_could_not_be_deleted_are_deleted_later(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    fault = local.fault("endpoint", endpoint="files_delete", do="error", code=503, times=None)
    job = order_ocr(make_book(2))
    run(job)
    assert job.status == Status.COMPLETED
    assert len(local.files()) == 2
    local.clear_faults(fault)
    assert lifecycle.sweep(TESTER)["gemini_files"] >= 0
    assert local.files() == []


def test_i12_an_upload_whose_worker_died_leaves_no_file(local: LocalGemini, settings: Settings) -> None:
    """The upload arrived, its reply did not, and then somebody cancelled the job."""
    settings.INLINE_MAX_PAGES = 0
    local.fault("endpoint", endpoint="upload_finalize", do="lose_reply")
    job = order_ocr(make_book(2))
    step(job)
    failing_step(job)
    assert len(local.files()) == 1
    lifecycle.cancel(job.pk, TESTER)
    look_after(local)
    assert local.files() == []
    assert_books_balance()


def test_i12_an_upload_that_arrives_after_its_batch_was_let_go_is_deleted(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("endpoint", endpoint="upload_start", do="error", code=503, times=None)
    job = order_ocr(make_book(2))
    step(job)
    failing_step(job)
    lifecycle.reset(job.pk, TESTER)
    look_after(local)
    batch = job.batches.get()
    assert batch.stage == Stage.CLOSED
    local.clear_faults()
    # The worker that was let go of finishes its upload all the same.
    import io

    from jobs import gemini

    gemini.upload(io.BytesIO(b"{}\n"), name=f"sb-{batch.pk}", display_name=batch.display_name)
    gemini.upload(io.BytesIO(b"{}\n"), name="of-somebody-else", display_name="other")
    lifecycle.sweep(TESTER)
    assert [file["name"] for file in local.files()] == ["files/of-somebody-else"]


def test_i12_pages_put_back_by_a_lost_segment_are_prepared_again(
    local: LocalGemini, settings: Settings
) -> None:
    from django.core.files.storage import default_storage

    for most in (10, 0):
        settings.INLINE_MAX_PAGES = most
        book = make_book(2)
        job = order_ocr(book)
        step(job)
        segment = BatchPreparation.objects.filter(job=job).values_list("segment", flat=True)[0]
        default_storage.delete(segment)
        if most:
            with default_storage.open(segment, "wb") as spoilt:
                spoilt.write(b'{"key": "half of a li')
        run(job)
        assert_each_page_has_its_own_text(book)
    assert not Spending.objects.exclude(reserved=0).exists()


def test_i12_pages_whose_preparations_were_deleted_by_hand_are_prepared_again(local: LocalGemini) -> None:
    book = make_book(3)
    job = order_ocr(book)
    step(job)
    BatchPreparation.objects.filter(job=job).delete()
    run(job)
    assert_each_page_has_its_own_text(book)
    assert_nothing_sent_twice(local)
