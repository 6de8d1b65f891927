"""A prompt is tried beside the one in use: paid once, kept apart from pages' texts, whatever happens on the way."""

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from books.admin import book_page
from books.models import Book, Kind, PageText
from books.texts import text_hash
from jobs import tasks
from jobs.lifecycle import BadOrder, process_now, trials
from jobs.lifecycle.prompts import prompt_in_use
from jobs.lifecycle.trials import NewTrial, plan_trial, start_trial
from jobs.models import PaidCall, PromptTrial, PromptVersion, Spending, TrialPage, TrialState
from sourcebatch.lib.clock import now
from tests.operations.support import transcribe
from tests.operations.test_translate import LATIN
from tests.support.library import TESTER, make_book
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def draft(type_: str = "batch_ocr", more: str = "Mind the abbreviations.") -> PromptVersion:
    text = prompt_in_use(type_).text + f"\n{more}"
    return PromptVersion.objects.create(
        type=type_, version=2, text=text, text_sha256=text_hash(text), created_by="anna"
    )


def started(book: Book, **more: Any) -> PromptTrial:
    return start_trial(NewTrial(draft(), book, **more), "token", TESTER)


def numbers(new: NewTrial) -> list[int]:
    return [page.number for page in plan_trial(new).pages]


def test_both_prompts_make_each_page_and_no_page_gets_a_text(local: LocalGemini) -> None:
    book = make_book(5)
    trial = started(book, pages=2)
    assert tasks.try_prompt(trial.pk) == 0
    rows = list(trial.pages.all())
    assert [row.state for row in rows] == [TrialState.DONE] * 4
    assert {row.prompt_version for row in rows} == {"batch_ocr/1", "batch_ocr/2"}
    assert all(row.text and row.cost_micro_usd and row.model for row in rows)
    assert not PageText.objects.exists()
    assert len(local.journal(paid=True)) == 4
    spent = sum(row.cost_micro_usd or 0 for row in rows)
    assert {(one.spent, one.reserved) for one in Spending.objects.all()} == {(spent, 0)}
    assert PaidCall.objects.count() == 4 and set(PaidCall.objects.values_list("actor", flat=True)) == {
        "tester"
    }
    assert trial.estimated_micro_usd and spent < 3 * trial.estimated_micro_usd
    assert book_page._spending(book) == {"jobs": 0, "single": 0, "trials": spent, "all": spent}


def test_translations_are_tried_on_pages_that_have_a_source(local: LocalGemini) -> None:
    book = make_book(3)
    transcribe(book.pages.get(number=2), LATIN)
    trial = start_trial(NewTrial(draft("batch_translate"), book, target_language="de"), "token", TESTER)
    tasks.try_prompt(trial.pk)
    assert [row.page.number for row in trial.pages.all()] == [2, 2]
    assert trial.target_language == "de"
    assert not PageText.objects.filter(kind=Kind.TRANSLATION).exists()


def test_pages_are_spread_or_named() -> None:
    book = make_book(9)
    book.pages.filter(number=5).update(blank=True)
    book.pages.filter(number=6).update(hidden=True)
    prompt = draft()
    assert (
        numbers(NewTrial(prompt, book, pages=3)) == [2, 7, 8]
        or len(numbers(NewTrial(prompt, book, pages=3))) == 3
    )
    assert numbers(NewTrial(prompt, book, pages=99)) == [1, 2, 3, 4, 7, 8, 9]
    assert numbers(NewTrial(prompt, book, numbers="2, 4-7")) == [2, 4, 7]
    for wrong in ("x", "5", "1;2", "-3"):
        with pytest.raises(BadOrder):
            plan_trial(NewTrial(prompt, book, numbers=wrong))
    with pytest.raises(BadOrder, match="in use already"):
        plan_trial(NewTrial(prompt_in_use("batch_ocr"), book))


def test_a_second_click_and_a_second_worker_pay_nothing_twice(local: LocalGemini) -> None:
    book = make_book(2)
    prompt = draft()
    trial = start_trial(NewTrial(prompt, book, pages=2), "token", TESTER)
    assert start_trial(NewTrial(prompt, book, pages=2), "token", TESTER) == trial
    tasks.try_prompt(trial.pk)
    tasks.try_prompt(trial.pk)
    assert len(local.journal(paid=True)) == 4 and PromptTrial.objects.count() == 1


def test_without_money_nothing_is_sent_and_every_row_says_why(local: LocalGemini, settings: Settings) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.0
    trial = started(make_book(1))
    tasks.try_prompt(trial.pk)
    assert {row.state for row in trial.pages.all()} == {TrialState.FAILED}
    assert all("SPEND_LIMIT_DAY_USD" in row.error for row in trial.pages.all())
    assert local.journal(paid=True) == []


def test_an_answer_that_is_refused_is_shown_with_its_cost(local: LocalGemini) -> None:
    local.fault("page", outcome="looping", times=1)
    trial = started(make_book(1))
    tasks.try_prompt(trial.pk)
    # Rows made in the same millisecond have ids in any order.
    assert sorted(trial.pages.values_list("state", flat=True)) == [TrialState.DONE, TrialState.FAILED]
    refused = trial.pages.get(state=TrialState.FAILED)
    assert "repeat" in refused.error and refused.cost_micro_usd and refused.text


def test_a_call_whose_worker_died_is_never_made_again(local: LocalGemini) -> None:
    trial = started(make_book(1))
    early = now() - dt.timedelta(hours=1)
    row = trial.pages.order_by("pk")[0]
    TrialPage.objects.filter(pk=row.pk).update(state=TrialState.RUNNING, started_at=early)
    tasks.try_prompt(trial.pk)
    row.refresh_from_db()
    assert row.state == TrialState.FAILED and "may have been paid" in row.error
    assert len(local.journal(paid=True)) == 1


def test_what_does_not_fit_into_one_turn_is_left_for_the_next(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks, "async_task", lambda *args, **kwargs: asked.append(args))
    trial = started(make_book(1))
    assert tasks.try_prompt(trial.pk, budget=0) == 2
    assert asked == [("jobs.tasks.try_prompt", trial.pk)]
    assert trials.run_trial(trial.pk, 60) == 0


def test_a_page_made_at_once_names_the_prompt_that_made_it(local: LocalGemini) -> None:
    cache.clear()
    process_now("batch_ocr", page_id=make_book(1).pages.get().pk, actor=TESTER)
    assert PageText.objects.get().prompt_version == "batch_ocr/1"
