"""A model of the life of jobs: any order of verbs, faults, deaths and jumps of time leaves a legal state.

Hypothesis chooses the order and, when something breaks, finds a short one. After each rule the invariants of
`tests.torture.check` hold; at the end everything is brought to its end and nothing may be left over.
"""

import datetime as dt
import os
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from books import texts
from books.models import Book, Kind, Page, PageText, Source
from jobs import lifecycle
from jobs.lifecycle import Actor, Conflict, NewJob, NothingToDo, Unavailable
from jobs.lifecycle.watch import watch
from jobs.models import BatchPreparation, GeminiBatch, Job, JobPage, Spending, Stage, Status
from sourcebatch.lib.clock import now
from tests.support.localgemini import LocalGemini
from tests.support.pages import printed
from tests.torture.check import check_now

ROBOT = Actor("model", "command")
PAGES = 4
VERBS: dict[str, Callable[..., str]] = {
    verb.__name__: verb
    for verb in (lifecycle.cancel, lifecycle.reset, lifecycle.retry, lifecycle.pause, lifecycle.resume)
}
FAULTS: list[dict[str, Any]] = [
    {"kind": "endpoint", "endpoint": "create", "do": "lose_reply"},
    {"kind": "endpoint", "endpoint": "create", "do": "drop"},
    {"kind": "endpoint", "endpoint": "create", "do": "error", "code": 429},
    {"kind": "endpoint", "endpoint": "create", "do": "error", "code": 400, "message": "No such thing."},
    {"kind": "endpoint", "endpoint": "batches_get", "do": "error", "code": 404},
    {"kind": "endpoint", "endpoint": "batches_get", "do": "error", "code": 403},
    {"kind": "endpoint", "endpoint": "upload_finalize", "do": "lose_reply"},
    {"kind": "endpoint", "endpoint": "download", "do": "cut", "bytes": 50},
    {"kind": "endpoint", "endpoint": "files_delete", "do": "error", "code": 403},
    {"kind": "batch", "final": "BATCH_STATE_EXPIRED"},
    {"kind": "batch", "final": "BATCH_STATE_CANCELLED"},
    {"kind": "batch", "ignore_cancel": True},
    {"kind": "batch", "lines": 1},
    {"kind": "batch", "lose_result": True},
    *[
        {"kind": "page", "outcome": outcome}
        for outcome in (
            "SAFETY",
            "MAX_TOKENS",
            "RECITATION",
            "empty_text",
            "missing",
            "doubled",
            "no_key",
            "error",
        )
    ],
]


@cache
def stored_scan(number: int) -> str:
    """A scan in file storage, drawn once for all examples."""
    return default_storage.save(f"tests/model/{number}.jpg", ContentFile(printed(number, 200, 280, "MODEL")))


class Library(RuleBasedStateMachine):
    """One book, any number of jobs, one Gemini that works only when it is told to."""

    gemini: ClassVar[LocalGemini]

    def __init__(self) -> None:
        super().__init__()
        self.gemini.reset()
        self.gemini.hold()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self._clock = time_machine.travel(dt.datetime.now(dt.UTC), tick=True)
        self.traveller = self._clock.start()
        self.book = Book.objects.create(title="Epodi", language="la")
        for number in range(1, PAGES + 1):
            page = Page.objects.create(book=self.book, number=number, image_file=stored_scan(number))
            if number > 1:
                self._write(page, f"Quid tibi uis, mulier {number}?", Source.MACHINE)
        self.book.recount()

    def _write(self, page: Page, data: str, source: str) -> None:
        texts.write(page, texts.NewText(kind=Kind.OCR, data=data, source=source))

    def _job(self, which: int) -> Job | None:
        jobs = list(Job.objects.order_by("id"))
        return jobs[which % len(jobs)] if jobs else None

    # --- What may happen, in any order ---

    @rule(
        kind=st.sampled_from(["batch_ocr", "batch_translate"]),
        overwrite=st.sampled_from(["", "machine", "human"]),
    )
    def order(self, kind: str, overwrite: str) -> None:
        try:
            lifecycle.create(NewJob(kind, None, self.book.pk, overwrite=overwrite), ROBOT)
        except NothingToDo:
            assert Job.objects.count() >= 0

    @rule(which=st.integers(0, 5), times=st.integers(1, 3))
    def advance(self, which: int, times: int) -> None:
        if job := self._job(which):
            for _ in range(times):
                self._advance(job)

    def _advance(self, job: Job) -> None:
        try:
            lifecycle.advance(job.pk, ROBOT)
        except Unavailable as waits:
            assert waits.sentence

    @rule(which=st.integers(0, 5), verb=st.sampled_from(sorted(VERBS)))
    def press(self, which: int, verb: str) -> None:
        if job := self._job(which):
            try:
                VERBS[verb](job.pk, ROBOT)
            except Conflict as refused:
                assert refused.sentence

    @rule()
    def schedule_looks(self) -> None:
        watch(ROBOT)

    @rule()
    def sweep(self) -> None:
        lifecycle.sweep(ROBOT)

    @rule(number=st.integers(1, PAGES))
    def somebody_corrects(self, number: int) -> None:
        page = Page.objects.get(book=self.book, number=number)
        self._write(page, f"Corrected {PageText.objects.count()}", Source.HUMAN)

    @rule(fault=st.sampled_from(FAULTS))
    def something_will_fail(self, fault: dict[str, Any]) -> None:
        self.gemini.fault(**fault)

    @rule()
    def gemini_works(self) -> None:
        self.gemini.change_batches(hold=False)
        self.gemini.wait_until_done()

    @rule(which=st.integers(0, 5))
    def a_worker_dies_with_the_lease(self, which: int) -> None:
        if job := self._job(which):
            Job.objects.claim(job.pk, "dead", now() + dt.timedelta(seconds=180))

    @rule(seconds=st.sampled_from([30, 200, 3 * 3600, 80 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.traveller.shift(seconds)
        self.gemini.advance(seconds)

    # --- What must hold whatever has happened ---

    @invariant()
    def everything_adds_up(self) -> None:
        check_now()

    @invariant()
    def states_are_legal(self) -> None:
        for job in Job.objects.all():
            assert (job.status == Status.COMPLETED) <= (job.batch_phase == "completed")
            assert job.is_ended <= (not job.ledger.filter(is_open=True).exists())
            assert (job.completed_at is not None) is job.is_ended
        sent = JobPage.objects.filter(state="submitted").select_related("batch")
        assert all(row.batch and row.batch.stage in (Stage.OPEN, Stage.ENDED) for row in sent)

    @invariant()
    def nothing_is_set_aside_when_nothing_is_open(self) -> None:
        if not GeminiBatch.objects.unfinished().exists():
            assert not Spending.objects.exclude(reserved=0).exists()

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self._clock.stop()
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    def _end(self) -> None:
        """Nothing fails any more, time passes, everybody does their work: then nothing may be left over."""
        self.gemini.clear_faults()
        self.gemini.settings(hold=False)
        self.gemini.release()
        for _ in range(40):
            self.time_passes(200)
            for job in Job.objects.live():
                if job.status == Status.PAUSED:
                    lifecycle.resume(job.pk, ROBOT)
                self._advance(job)
            self.gemini.wait_until_done()
            GeminiBatch.objects.update(next_poll_at=None)
            watch(ROBOT)
            if (
                not Job.objects.live().exists()
                and not GeminiBatch.objects.exclude(stage=Stage.CLOSED).exists()
            ):
                break
        lifecycle.sweep(ROBOT)
        self._nothing_left()

    def _nothing_left(self) -> None:
        check_now()
        assert not Job.objects.live().exists(), list(
            Job.objects.live().values("status", "batch_phase", "progress")
        )
        assert set(GeminiBatch.objects.values_list("stage", flat=True)) <= {Stage.CLOSED}
        assert not Spending.objects.exclude(reserved=0).exists()
        assert not BatchPreparation.objects.exists()
        for number in range(1, PAGES + 1):
            kept = PageText.objects.filter(page__book=self.book, page__number=number, source=Source.HUMAN)
            assert all(text.data.startswith("Corrected") for text in kept)


@pytest.mark.django_db
def test_any_order_of_verbs_faults_and_time_leaves_a_legal_state(local: LocalGemini, settings: Any) -> None:
    settings.INLINE_MAX_PAGES, settings.PREPARE_CHUNK_SIZE = 1, 3
    settings.ADOPT_WAIT_SECONDS = 60.0
    Library.gemini = local
    run_state_machine_as_test(Library, settings=BOUNDS)


BOUNDS = settings(
    # MODEL_EXAMPLES=500 looks for an hour where a commit is given a minute.
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "12")),
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
