"""Trying a prompt in the admin: the price first, both results beside each other, then *use* or not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from books.models import Book, PageText
from jobs import tasks
from jobs.lifecycle.prompts import prompt_in_use
from jobs.models import PromptTrial, PromptVersion
from tests.admin.test_orders import said
from tests.admin.test_prompts import add
from tests.support.library import make_book
from tests.support.localgemini import LocalGemini


@pytest.fixture
def book(db: None) -> Book:
    return make_book(4, title="Epigrammata Mori")


@pytest.fixture
def draft(boss: Client) -> PromptVersion:
    """A second version, written in the admin and not in use."""
    answer = add(boss, prompt_in_use("batch_ocr").text + "\nMind the abbreviations.")
    prompt = PromptVersion.objects.get(version=2)
    assert answer["Location"] == address(prompt)
    return prompt


def address(prompt: PromptVersion) -> str:
    return reverse("admin:jobs_promptversion_try", args=[prompt.pk])


def price(client: Client, prompt: PromptVersion, book: str, **more: Any) -> Any:
    return client.get(address(prompt), {"book": book, "pages": 2, **more})


def start(client: Client, prompt: PromptVersion, page: Any, **more: Any) -> Any:
    given = {name: value for name, value in page.context["form"].data.items() if value}
    shown = {"token": page.context["token"], "priced": page.context["priced"]}
    return client.post(address(prompt), given | shown | more)


def test_the_story_of_a_trial(boss: Client, draft: PromptVersion, book: Book, local: LocalGemini) -> None:
    page = price(boss, draft, "epigrammata MORI")
    assert page.context["plan"].calls == 4 and page.context["plan"].usd > 0
    assert "for 2 pages, each made by both prompts at once" in said(page) and not PromptTrial.objects.exists()
    answer = start(boss, draft, page)
    trial = PromptTrial.objects.get()
    assert OrmQ.objects.count() == 1
    shown = boss.get(answer["Location"])
    assert "4 of 4 calls are still to be made" in said(shown)
    assert "data-open" in shown.content.decode()
    tasks.try_prompt(trial.pk)
    shown = boss.get(answer["Location"])
    html = shown.content.decode()
    assert [side.done for side in shown.context["sides"]] == [2, 2] and "data-open" not in html
    assert all(side.cost for side in shown.context["sides"]) and not PageText.objects.exists()
    assert prompt_in_use("batch_ocr").version == 1
    boss.post(answer["Location"], {"verb": "use"})
    assert prompt_in_use("batch_ocr") == draft
    told = list(LogEntry.objects.order_by("id").values_list("change_message", flat=True))
    assert any("Tried on 2 pages" in line for line in told) and any(
        "In use from now on" in line for line in told
    )


def test_what_differs_is_marked_word_by_word_and_findings_are_shown(
    boss: Client, draft: PromptVersion, book: Book
) -> None:
    page = price(boss, draft, book.pk, numbers="1")
    trial_page = start(boss, draft, page)["Location"]
    rows = PromptTrial.objects.get().pages.order_by("pk")
    flags = [{"rule": "preamble", "reason": "A remark of the model may be part of the text."}]
    made: dict[str, Any] = {"state": "done", "model": "gemini-3.8-flash", "cost_micro_usd": 1200}
    rows.filter(prompt_version="batch_ocr/1").update(text="arma virumque <b>cano</b>", **made)
    rows.filter(prompt_version="batch_ocr/2").update(text="arma virumque <b>canto</b>", flags=flags, **made)
    html = boss.get(trial_page).content.decode()
    assert "<b>cano" not in html and "A remark of the model" in html
    assert "cano<" in html.split("<del>")[1] and "canto<" in html.split("<ins>")[1]


def test_a_double_click_starts_one_trial(boss: Client, draft: PromptVersion, book: Book) -> None:
    page = price(boss, draft, book.pk)
    first, second = start(boss, draft, page), start(boss, draft, page)
    assert first["Location"] == second["Location"] and PromptTrial.objects.count() == 1


def test_a_price_that_was_not_shown_is_shown_first(boss: Client, draft: PromptVersion, book: Book) -> None:
    page = price(boss, draft, book.pk)
    again = start(boss, draft, page, pages=4)
    assert "Confirm it once more" in said(again) and again.context["plan"].calls == 8
    assert not PromptTrial.objects.exists()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"book": "nothing like it"}, "No book is called that"), ({"book": "liber"}, "Several books are called that"),
        ({"numbers": "x"}, "is no page number"), ({"numbers": "99"}, "no such page to work on"),
        ({"pages": "0"}, "greater than or equal to 1"), ({"pages": "999"}, "less than or equal to 20"),
        ({"model": "gpt"}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_told_before_any_price(
    boss: Client, draft: PromptVersion, book: Book, query: dict[str, str], sentence: str
) -> None:
    make_book(1, title="Liber primus"), make_book(1, title="Liber secundus")
    page = boss.get(address(draft), {"book": book.pk, "pages": "2"} | query)
    assert sentence in said(page) and page.context["plan"] is None


def test_the_prompt_in_use_is_not_tried_against_itself(boss: Client, book: Book) -> None:
    assert "in use already" in said(price(boss, prompt_in_use("batch_ocr"), book.pk))


@pytest.mark.parametrize(
    ("role", "asks", "looks", "uses"), [("Viewer", 403, 200, 403), ("Operator", 200, 200, 403)]
)
def test_trying_needs_the_right_to_spend_and_using_the_right_to_change(
    draft: PromptVersion, book: Book, boss: Client, as_role: Callable[[str], Client], role: str, asks: int, looks: int,
    uses: int, django_user_model: Any,
) -> None:  # fmt: skip
    trial = start(boss, draft, price(boss, draft, book.pk))["Location"]
    django_user_model.objects.all().delete()
    client = as_role(role)
    assert price(client, draft, book.pk).status_code == asks
    assert client.get(trial).status_code == looks
    assert client.post(trial, {"verb": "use"}).status_code == uses
    assert prompt_in_use("batch_ocr").version == 1
