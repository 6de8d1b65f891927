"""Trying a prompt: some pages of a book by it and by the one in use, at once and side by side, before it is put in use.

Every call goes through the money gate of single pages. A row is claimed before its call and never called for twice:
after a crash in mid-call it is told that the call may have been paid.
"""

import datetime as dt
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _

from books.models import Book, Page
from jobs import prices
from jobs.lifecycle.common import Actor, BadOrder, LifecycleError
from jobs.lifecycle.create import operation_named
from jobs.lifecycle.prompts import prompt_in_use, prompt_named
from jobs.lifecycle.realtime import Attempt, attempt
from jobs.models import PromptTrial, PromptVersion, TrialPage, TrialState
from jobs.operations.base import Operation, Order
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated
from sourcebatch.lib.stop import stop_requested

MOST_PAGES = 20
LOST_AFTER = dt.timedelta(minutes=15)  # far longer than a call may take
NUMBERS = re.compile(r"\d{1,6}(?:\s*[-–]\s*\d{1,6})?")


@dataclass(frozen=True)
class NewTrial:
    """What somebody wants to try: so many pages of the book, spread over it, or these numbers, such as `3, 7-9`."""

    prompt: PromptVersion
    book: Book
    pages: int = 3
    numbers: str = ""
    target_language: str = ""
    model: str = ""


@dataclass(frozen=True)
class TrialPlan:
    """What it would do; dollars, None where the price is unknown."""

    pages: list[Page]
    present: PromptVersion
    model: str
    target_language: str
    usd: Decimal | None
    basis: str
    notice: str

    @property
    def calls(self) -> int:
        """Each page is made by both prompts."""
        return 2 * len(self.pages)


def plan_trial(new: NewTrial) -> TrialPlan:
    """Decide which pages, and what it will cost. Raises BadOrder."""
    work = operation_named(new.prompt.type)
    present = prompt_in_use(work.type)
    if present.pk == new.prompt.pk:
        raise BadOrder(_("This version is in use already: make another one to try."))
    model, notice = prices.resolve_model(new.model or getattr(settings, work.realtime_model_setting))
    order = Order(
        type=work.type, book_id=new.book.pk, language=new.book.language, model=model,
        target_language=new.target_language or new.book.target_language,
    )  # fmt: skip
    pages = _chosen(_workable(work, new.book, order), new)
    estimate = prices.estimate_order(work, order, 2 * len(pages))
    target = work.target_of(order)
    return TrialPlan(pages, present, model, target, estimate.realtime_usd, estimate.basis, notice)


def start_trial(new: NewTrial, token: str, actor: Actor) -> PromptTrial:
    """Write the trial down, once for each token. Raises BadOrder."""
    if present := PromptTrial.objects.filter(token=token).first():
        return present
    plan = plan_trial(new)

    def attempt() -> PromptTrial:
        # The other half of a double click may be faster.
        if present := PromptTrial.objects.filter(token=token).first():
            return present
        with atomic():
            return _write(new, plan, token, actor)

    return repeated(attempt)


def run_trial(trial_id: str, budget: float) -> int:
    """Make the calls that nobody has made yet, for up to `budget` seconds; how many are left."""
    trial = PromptTrial.objects.filter(pk=trial_id).first()
    until = time.monotonic() + budget
    while trial and time.monotonic() < until and not stop_requested():
        # Page by page, so that there is soon something to compare.
        row = trial.pages.filter(state=TrialState.WAITING).order_by("page__number", "prompt_version").first()
        if row is None:
            break
        if _claimed(row):
            _run(trial, row)
    return TrialPage.objects.filter(trial=trial_id, state=TrialState.WAITING).count()


def settle_lost_trials() -> int:
    """Rows whose process died in mid-call: they may have been paid, so they are not called for again."""
    lost = TrialPage.objects.filter(state=TrialState.RUNNING, started_at__lt=now() - LOST_AFTER)
    sentence = "The worker stopped in the middle of the call, which may have been paid: start another trial."
    return lost.update(state=TrialState.FAILED, error=sentence)


# --- Which pages -----------------------------------------------------------------------------------------------------


def _workable(work: Operation, book: Book, order: Order) -> list[Page]:
    """The pages of the book that can be worked on; such as have something to read, where that is known."""
    pages = list(Page.objects.visible().filter(book=book, blank=False).order_by("number"))
    skipped = work.skips(pages, order)
    return [page for page in pages if page.pk not in skipped]


def _chosen(pages: Sequence[Page], new: NewTrial) -> list[Page]:
    if new.numbers.strip():
        wanted = _numbers(new.numbers)
        found = [page for page in pages if page.number in wanted]
    else:
        most = min(max(1, new.pages), MOST_PAGES, len(pages))
        found = [pages[(2 * n + 1) * len(pages) // (2 * most)] for n in range(most)]
    if not found:
        raise BadOrder(
            _(
                "There is no such page to work on: blank and hidden ones and those without a source are left out."
            )
        )
    return found[:MOST_PAGES]


def _numbers(given: str) -> set[int]:
    """The numbers in `3, 7-9`."""
    found: set[int] = set()
    for part in (piece.strip() for piece in given.split(",")):
        if not NUMBERS.fullmatch(part):
            raise BadOrder(_("“%(part)s” is no page number: write such as 3, 7-9.") % {"part": part[:40]})
        first, last = (int(number) for number in (re.split(r"\s*[-–]\s*", part) * 2)[:2])
        found |= set(range(first, min(last, first + 1000) + 1))
    return found


# --- The trial -------------------------------------------------------------------------------------------------------


def _write(new: NewTrial, plan: TrialPlan, token: str, actor: Actor) -> PromptTrial:
    trial = PromptTrial.objects.create(
        token=token, type=new.prompt.type, book=new.book, target_language=plan.target_language, model=plan.model,
        prompt_version=new.prompt.name, present_version=plan.present.name, created_by=actor.name,
        estimated_micro_usd=None if plan.usd is None else round(plan.usd * 1_000_000),
    )  # fmt: skip
    TrialPage.objects.bulk_create(
        [
            TrialPage(trial=trial, page=page, prompt_version=name)
            for page in plan.pages
            for name in (plan.present.name, new.prompt.name)
        ]
    )
    return trial


def _claimed(row: TrialPage) -> bool:
    waiting = TrialPage.objects.filter(pk=row.pk, state=TrialState.WAITING)
    return bool(waiting.update(state=TrialState.RUNNING, started_at=now()))


def _run(trial: PromptTrial, row: TrialPage) -> None:
    """One call; whatever comes of it is on the row."""
    try:
        made = attempt(
            trial.type, row.page_id, prompt_named(row.prompt_version), target_language=trial.target_language,
            model=trial.model, actor=Actor(trial.created_by, "admin"),
        )  # fmt: skip
    except LifecycleError as error:
        _end(row, state=TrialState.FAILED, error=error.sentence)
        return
    _end(row, **_result(made))


def _result(made: Attempt) -> dict[str, object]:
    return {
        "state": TrialState.FAILED if made.refused else TrialState.DONE,
        "text": made.text, "error": made.refused, "flags": made.flags, "model": made.model,
        "input_tokens": made.usage.input, "output_tokens": made.usage.output,
        "thinking_tokens": made.usage.thinking, "cost_micro_usd": made.cost_micro_usd,
    }  # fmt: skip


def _end(row: TrialPage, **changes: object) -> None:
    TrialPage.objects.filter(pk=row.pk, state=TrialState.RUNNING).update(**changes)
