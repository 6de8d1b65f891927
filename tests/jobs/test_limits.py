"""Gemini's quota of enqueued tokens and its space for files: kept in our own queue, also by many workers at once."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections
from django.db.models import Sum
from pytest_django.fixtures import Settings

from books.models import PageText
from jobs import lifecycle, tasks
from jobs.lifecycle import Actor, NewJob, Unavailable, cap, spending, submit
from jobs.lifecycle.bundle import next_bundle
from jobs.lifecycle.turns import NO_SPACE, NO_TOKENS
from jobs.models import GeminiBatch, Job, Stage, Status
from sourcebatch.lib.quotas import limit_for
from tests.support.library import TESTER, make_book, run
from tests.support.localgemini import LocalGemini

MODEL = "gemini-3.5-flash-lite"
PAGES = 3


def order(user: str = "anna", pages: int = PAGES) -> Job:
    """A job whose pages are prepared."""
    book = make_book(pages, title="Of somebody")
    job = lifecycle.create(NewJob("batch_ocr", None, book.pk), Actor(user, "api")).job
    lifecycle.advance(job.pk, Actor("schedule", "schedule"))
    return job


def send(job: Job) -> Any:
    return lifecycle.advance(job.pk, Actor("schedule", "schedule")).payload


def tokens_of(job: Job) -> int:
    return int(job.preparations.aggregate(total=Sum("input_tokens"))["total"])


def test_limits_are_read_by_model_the_first_shape_that_fits_wins() -> None:
    said = "3000000, *-lite=10000000, gemini-3.8-*=5"
    assert limit_for(said, MODEL) == 10_000_000
    assert limit_for(said, "gemini-3.8-flash") == 5
    assert limit_for(said, "gemini-3.5-flash") == 3_000_000
    assert limit_for("", MODEL) == limit_for(0, MODEL) == 0
    with pytest.raises(ImproperlyConfigured, match="'3 million' is no limit"):
        limit_for("3 million", MODEL)


@pytest.mark.django_db
def test_a_batch_beyond_the_quota_of_tokens_waits_and_is_called(
    local: LocalGemini, settings: Settings
) -> None:
    first, second = order(), order("bert")
    settings.MAX_ENQUEUED_TOKENS = f"1, {MODEL}={tokens_of(first) + 1}"
    settings.POLL_FIRST_SECONDS = 60.0
    local.hold()
    assert send(first)["pages_submitted"] == PAGES
    assert send(second)["waiting"] == NO_TOKENS
    assert first.batches.get().input_tokens == tokens_of(first)
    assert cap.call_next() == 0
    assert local.counts()["create"] == 1
    local.release()
    GeminiBatch.objects.update(next_poll_at=None)
    settings.POLL_FIRST_SECONDS = 0.0
    run(first)
    assert cap.call_next() == 1
    run(second)
    assert second.ledger.filter(state="succeeded").count() == PAGES


@pytest.mark.django_db
def test_another_model_has_a_quota_of_its_own(local: LocalGemini, settings: Settings) -> None:
    first, second = order(), order("bert")
    Job.objects.filter(pk=second.pk).update(model="gemini-3.8-flash")
    settings.MAX_ENQUEUED_TOKENS = str(tokens_of(first))
    local.hold()
    assert send(first)["pages_submitted"] == send(second)["pages_submitted"] == PAGES


@pytest.mark.django_db
def test_a_job_is_cut_to_the_quota(local: LocalGemini, settings: Settings) -> None:
    job = order(pages=5)
    settings.MAX_ENQUEUED_TOKENS = str(max(job.preparations.values_list("input_tokens", flat=True)) * 2)
    run(job)
    assert [batch.pages for batch in job.batches.order_by("id")] == [2, 2, 1]
    assert job.ledger.filter(state="succeeded").count() == 5


@pytest.mark.django_db
def test_a_job_is_cut_to_the_space_for_files(local: LocalGemini, settings: Settings) -> None:
    settings.INLINE_MAX_PAGES = 0
    job = order(pages=4)
    longest = max(job.preparations.values_list("length", flat=True))
    expected = 2 * (longest + 10_000)
    settings.MAX_GEMINI_FILE_BYTES = expected
    run(job)
    assert [batch.pages for batch in job.batches.order_by("id")] == [2, 2]
    assert all(batch.bytes + batch.result_bytes <= expected for batch in job.batches.all())


@pytest.mark.django_db
@pytest.mark.parametrize("setting", ["MAX_ENQUEUED_TOKENS", "MAX_GEMINI_FILE_BYTES"])
def test_a_page_beyond_a_whole_limit_fails_with_what_to_do_and_does_not_wait_for_ever(
    local: LocalGemini, settings: Settings, setting: str
) -> None:
    settings.INLINE_MAX_PAGES = 0
    job = order(pages=2)
    setattr(settings, setting, 100)
    run(job)
    assert job.status == Status.FAILED
    assert {row.reason for row in job.ledger.all()} == {"too_large"}
    assert f"more than {setting} allows" in job.error
    assert local.counts().get("create", 0) == 0
    setattr(settings, setting, 0)
    lifecycle.retry(job.pk, TESTER)
    run(job)
    assert job.ledger.filter(state="succeeded").count() == 2


@pytest.mark.django_db
def test_files_count_until_they_are_deleted_and_results_by_their_true_size(
    local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    job, other = order(), order("bert")
    fault = local.fault("endpoint", endpoint="files_delete", do="error", code=503, times=None)
    while job.batches.filter(stage=Stage.COLLECTED).count() == 0:
        send(job)
    batch = job.batches.get()
    at_gemini = sum(file["size"] for file in local.files())
    assert cap.taken().bytes == batch.bytes + batch.result_bytes == at_gemini
    settings.MAX_GEMINI_FILE_BYTES = at_gemini + 10
    assert send(other)["waiting"] == NO_SPACE
    local.clear_faults(fault)
    lifecycle.sweep(TESTER)
    assert cap.taken().bytes == 0
    assert cap.call_next() == 1


@pytest.mark.django_db
def test_what_another_key_has_at_gemini_does_not_count(local: LocalGemini, settings: Settings) -> None:
    first, second = order(), order("bert")
    settings.MAX_ENQUEUED_TOKENS = str(tokens_of(first))
    local.hold()
    send(first)
    settings.GEMINI_API_KEY = "another-key"
    assert send(second)["pages_submitted"] == PAGES


@pytest.mark.django_db
def test_a_limit_that_was_lowered_keeps_nobody_from_being_called(
    local: LocalGemini, settings: Settings
) -> None:
    first, second = order(), order("bert")
    settings.MAX_ENQUEUED_TOKENS = str(tokens_of(first))
    local.hold()
    send(first)
    send(second)
    settings.MAX_ENQUEUED_TOKENS = str(tokens_of(first) // 2)
    local.release()
    run(first)
    assert cap.call_next() == 1
    run(second)
    assert sorted(second.batches.values_list("pages", flat=True)) == [1, 1, 1]


# --- Many at once ----------------------------------------------------------------------------------------------------


def at_once(do: Callable[[Job], object], jobs: list[Job]) -> None:
    """Each job in a thread of its own; what one raises is raised here."""
    failed: list[BaseException] = []

    def one(job: Job) -> None:
        try:
            do(job)
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.fixture
def four_who_meet(local: LocalGemini, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Four jobs whose workers wait for each other between looking and taking, if nothing keeps them apart."""
    jobs = [order(user) for user in ("anna", "bert", "cara", "dora")]
    meeting, reserve = threading.Barrier(4), spending.reserve

    def met(*args: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=1.0)
        return reserve(*args)

    monkeypatch.setattr(spending, "reserve", met)
    local.hold()
    return jobs


def one_place_for_two(settings: Settings, limit: str, jobs: list[Job]) -> None:
    """A limit under which two of the four may go."""
    settings.INLINE_MAX_PAGES = 0
    if limit == "MAX_OPEN_BATCHES":
        settings.MAX_OPEN_BATCHES = 2
    elif limit == "MAX_ENQUEUED_TOKENS":
        settings.MAX_ENQUEUED_TOKENS = str(2 * max(map(tokens_of, jobs)))
    else:
        settings.MAX_GEMINI_FILE_BYTES = 2 * max(next_bundle(job).file_bytes for job in jobs)


LIMITS = ["MAX_OPEN_BATCHES", "MAX_ENQUEUED_TOKENS", "MAX_GEMINI_FILE_BYTES"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", LIMITS)
def test_workers_who_send_at_once_cannot_pass_a_limit_together(
    four_who_meet: list[Job], settings: Settings, limit: str
) -> None:
    one_place_for_two(settings, limit, four_who_meet)
    at_once(send, four_who_meet)
    assert GeminiBatch.objects.filter(stage=Stage.OPEN).count() == 2
    assert Job.objects.filter(waiting_for__contains=limit).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", LIMITS)
def test_without_the_gate_they_do_pass_it(
    four_who_meet: list[Job], settings: Settings, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: on PostgreSQL a transaction alone keeps nobody apart; SQLite has one writer at a time."""
    one_place_for_two(settings, limit, four_who_meet)
    monkeypatch.setattr(cap, "_alone", lambda: None)
    if connection.vendor != "postgresql":
        monkeypatch.setattr(submit, "atomic", contextlib.nullcontext)
    at_once(send, four_who_meet)
    assert GeminiBatch.objects.count() == 4


# --- Against limits that Gemini itself keeps ------------------------------------------------------------------------


@pytest.fixture
def twenty(local: LocalGemini, settings: Settings) -> list[Job]:
    """Twenty jobs of five people, and batches that take a while."""
    settings.INLINE_MAX_PAGES = 0
    jobs = [order(f"user{number % 5}") for number in range(20)]
    local.settings(delay=0.2)
    return jobs


def limit_both(local: LocalGemini, settings: Settings, limit: str, jobs: list[Job], *, ours: bool) -> None:
    """Room for about four batches at a time, at Gemini and, unless our queue is off, here."""
    if limit == "MAX_ENQUEUED_TOKENS":
        most = 4 * max(map(tokens_of, jobs))
        local.settings(enqueued_tokens_limit=most)
    else:
        most = 4 * max(next_bundle(job).file_bytes for job in jobs)
        local.settings(file_quota_bytes=most)
    setattr(settings, limit, most if ours else 0)


def refused(local: LocalGemini) -> int:
    return sum(entry["status"] == 429 for entry in local.journal())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["MAX_ENQUEUED_TOKENS", "MAX_GEMINI_FILE_BYTES"])
def test_with_the_same_limit_as_geminis_twenty_jobs_see_no_429(
    local: LocalGemini, settings: Settings, twenty: list[Job], limit: str
) -> None:
    limit_both(local, settings, limit, twenty, ours=True)
    waited: set[str] = set()

    def work(_: Job) -> None:
        while Job.objects.live().exists():
            tasks.advance_jobs(budget=1)
            waited.update(Job.objects.exclude(waiting_for="").values_list("waiting_for", flat=True))

    at_once(work, twenty[:2])
    assert refused(local) == 0
    assert waited == {NO_TOKENS if limit == "MAX_ENQUEUED_TOKENS" else NO_SPACE}
    assert set(Job.objects.values_list("status", flat=True)) == {Status.COMPLETED}
    assert PageText.objects.count() == 20 * PAGES
    assert local.sent()["keys_twice"] == {}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["MAX_ENQUEUED_TOKENS", "MAX_GEMINI_FILE_BYTES"])
def test_without_our_queue_the_same_twenty_do_see_it(
    local: LocalGemini, settings: Settings, twenty: list[Job], limit: str
) -> None:
    """The negative control: nothing here but the back-off after a refusal."""
    limit_both(local, settings, limit, twenty, ours=False)
    local.hold()
    for job in twenty:
        with contextlib.suppress(Unavailable):
            send(job)
    assert refused(local) > 0
