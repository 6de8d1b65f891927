"""What is done to a book while its worker is killed: each scenario can be taken up again wherever it stopped.

A scenario is written as a person and a scheduler behave: look at what there is, do what is missing. Killed in
mid-verb, the person looks again and presses the button again if its effect is not there.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from books.models import Book
from jobs import lifecycle
from jobs.lifecycle import Actor, Conflict, NewJob, Unavailable, spending
from jobs.lifecycle.common import figures
from jobs.lifecycle.watch import watch
from jobs.models import GeminiBatch, Job, JobPage, PageState, PaidCall
from sourcebatch.lib.clock import now as clock_now
from tests.torture.check import check_now

ROBOT = Actor("torture", "command")
MOST_STEPS = 400
WAIT = 0.03  # seconds between two looks at a batch


@dataclass
class Run:
    """One go at a scenario in one process."""

    control: str
    aside: Callable[[], AbstractContextManager[None]]

    def gemini(self, path: str, **body: Any) -> None:
        """A word to the stand-in's side door."""
        with self.aside():
            session = requests.Session()
            session.trust_env = False
            session.post(f"{self.control}/control/{path}", json=body, timeout=30).raise_for_status()
            session.close()

    def job(self, type_: str) -> Job:
        """The job of that type, ordered if nobody has yet."""
        job = Job.objects.filter(type=type_).order_by("-id").first()
        if job is None:
            job = lifecycle.create(NewJob(type_, None, Book.objects.get().pk), ROBOT).job
        return job

    def step(self, job: Job) -> bool:
        """One step, then a look at the books. True when the job has ended."""
        try:
            step = lifecycle.advance(job.pk, ROBOT)
        except Unavailable:
            return False
        check_now()
        if not step.done and not step.more:
            time.sleep(WAIT)
        return step.done

    def finish(self, job: Job) -> None:
        """Steps until the end."""
        for _ in range(MOST_STEPS):
            if self.step(job):
                return
        raise AssertionError(f"The job does not end: {figures(job.pk)}")

    def until_submitted(self, job: Job) -> None:
        """Steps until every page is at Gemini."""
        for _ in range(MOST_STEPS):
            present = figures(job.pk)
            if present.submitted and not (present.waiting or present.prepared):
                return
            self.step(job)
        raise AssertionError(f"The job is never submitted: {figures(job.pk)}")

    def once(self, job: Job, verb: Callable[..., str]) -> None:
        """Press a button unless its effect can be seen."""
        if not job.events.filter(verb=verb.__name__).exists():
            with suppress(Conflict):
                verb(job.pk, ROBOT)
        check_now()

    def clean_up(self) -> None:
        """What the schedule does afterwards: watch what was let go of to its end, sweep."""
        for _ in range(MOST_STEPS):
            GeminiBatch.objects.update(next_poll_at=None)
            watch(ROBOT)
            check_now()
            if not GeminiBatch.objects.exclude(stage="closed").exists():
                break
        lifecycle.sweep(ROBOT)


def both(run: Run) -> None:
    """Transcribe the book, then translate it."""
    run.finish(run.job("batch_ocr"))
    run.finish(run.job("batch_translate"))
    run.clean_up()


def retry(run: Run) -> None:
    """One page fails for good; somebody presses Retry."""
    job = run.job("batch_ocr")
    run.finish(job)
    for _ in range(3):
        if JobPage.objects.filter(job=job, state=PageState.FAILED).exists():
            lifecycle.retry(job.pk, ROBOT)
        run.finish(job)
    run.clean_up()


def reset(run: Run) -> None:
    """The book is at Gemini when somebody presses Reset; the second batch ends."""
    job = run.job("batch_ocr")
    if not job.events.filter(verb="reset").exists():
        run.gemini("settings", hold=True)
        run.until_submitted(job)
        run.once(job, lifecycle.reset)
    run.gemini("settings", hold=False)
    run.gemini("batches", complete=True)
    run.finish(job)
    run.clean_up()


def cancel(run: Run) -> None:
    """The book is at Gemini when somebody presses Cancel."""
    job = run.job("batch_ocr")
    if not job.events.filter(verb="cancel").exists():
        run.gemini("settings", hold=True)
        run.until_submitted(job)
        run.once(job, lifecycle.cancel)
    run.gemini("settings", hold=False)
    run.gemini("batches", complete=True)
    run.clean_up()


def pause(run: Run) -> None:
    """Paused while at Gemini: collected all the same; then resumed."""
    job = run.job("batch_ocr")
    if not job.events.filter(verb="pause").exists():
        run.gemini("settings", hold=True)
        run.until_submitted(job)
        run.once(job, lifecycle.pause)
    run.gemini("settings", hold=False)
    run.gemini("batches", complete=True)
    run.clean_up()
    job.refresh_from_db()
    if job.status == "paused":
        lifecycle.resume(job.pk, ROBOT)
    run.finish(job)
    run.clean_up()


def now(run: Run) -> None:
    """One page at once, at realtime price."""
    page = Book.objects.get().pages.order_by("number")[0]
    # A call whose process died keeps others from the page for a quarter of an hour, which is over by now.
    with run.aside():
        PaidCall.objects.filter(requests=0).update(created_at=clock_now() - 2 * spending.LOST_AFTER)
        spending.settle_lost_calls()
    if page.current("ocr") is None:
        lifecycle.process_now("batch_ocr", page_id=page.pk, actor=ROBOT)
    check_now()
    run.clean_up()


@dataclass(frozen=True)
class Scenario:
    """A script with the settings and faults it runs under, and what may be at its end.

    `texts`: how many current texts; None where a crash decides how far it came. `sent_again`: how many of the
    requests may have been accepted twice because a verb or a failed page asked for it.
    """

    script: Callable[[Run], None]
    texts: int | None
    settings: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    sent_again: int = 0


PAGES = 3
CHUNK = 2  # pages prepared in one step
FILES = {"INLINE_MAX_PAGES": 0, "BATCH_MAX_PAGES": 2}
SCENARIOS = {
    "inline": Scenario(both, 2 * PAGES),
    "files": Scenario(both, 2 * PAGES, FILES),
    "retry": Scenario(
        retry, PAGES, faults=[{"kind": "page", "outcome": "error", "code": 3, "nth": 2}], sent_again=1
    ),
    "again": Scenario(
        both,
        2 * PAGES,
        FILES,
        faults=[{"kind": "page", "outcome": "empty_text", "nth": [2, 4]}],
        sent_again=2,
    ),
    "reset": Scenario(reset, PAGES, FILES, sent_again=PAGES),
    "cancel": Scenario(cancel, None, FILES),
    "pause": Scenario(pause, PAGES, FILES),
    "now": Scenario(now, 1),
}
