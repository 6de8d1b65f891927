"""Prompts, models and prices: what people may keep up to date, and what must never change."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from books.texts import text_hash
from jobs.lifecycle.prompts import prompt_in_use
from jobs.models import GeminiModel, Price, PromptVersion
from jobs.operations import operations
from tests.admin.test_orders import said
from tests.support.library import make_book, order_ocr


def add(client: Client, text: str, **more: str) -> Any:
    return client.post(reverse("admin:jobs_promptversion_add"), {"type": "batch_ocr", "text": text, **more})


def test_a_new_prompt_is_the_next_version_and_the_old_one_stays_as_it_was(boss: Client) -> None:
    first = prompt_in_use("batch_ocr")
    assert add(boss, first.text + "\nMind the abbreviations.", use_now="on").status_code == 302
    new = prompt_in_use("batch_ocr")
    assert (new.version, new.created_by) == (first.version + 1, "librarian")
    assert new.text_sha256 == text_hash(new.text)
    assert PromptVersion.objects.get(pk=first.pk).text == first.text


def test_jobs_that_exist_keep_the_prompt_they_were_made_with(boss: Client) -> None:
    job = order_ocr(make_book(1))
    add(boss, prompt_in_use("batch_ocr").text + "\nMore.", use_now="on")
    job.refresh_from_db()
    assert job.prompt_version == "batch_ocr/1"
    assert order_ocr(make_book(1)).prompt_version == "batch_ocr/2"


def test_a_prompt_can_wait_and_be_put_in_use_later(boss: Client) -> None:
    add(boss, prompt_in_use("batch_ocr").text + "\nMore.")
    assert prompt_in_use("batch_ocr").version == 1
    later = PromptVersion.objects.get(type="batch_ocr", version=2)
    boss.post(reverse("admin:jobs_promptversion_changelist"), {"action": "use", "_selected_action": later.pk})
    assert prompt_in_use("batch_ocr") == later


@pytest.mark.parametrize("text", ["Read the $nonsense.", "It costs 5 $ a page.", " "])
def test_a_prompt_that_cannot_be_filled_in_is_refused(boss: Client, text: str) -> None:
    answer = add(boss, text)
    assert answer.status_code == 200
    assert PromptVersion.objects.filter(type="batch_ocr").count() == 1


@pytest.mark.parametrize("type_", sorted(operations()))
def test_a_prompt_may_use_each_variable_of_its_operation_also_those_that_our_own_does_not(
    boss: Client, type_: str
) -> None:
    text = " ".join(f"${name}" for name in sorted(operations()[type_].prompt_variables))
    boss.post(reverse("admin:jobs_promptversion_add"), {"type": type_, "text": text})
    assert PromptVersion.objects.filter(type=type_, text=text).count() == 1


def test_a_version_is_never_changed(boss: Client) -> None:
    first = prompt_in_use("batch_ocr")
    address = reverse("admin:jobs_promptversion_change", args=[first.pk])
    assert boss.get(address).status_code == 200
    assert boss.post(address, {"type": "batch_ocr", "text": "Other"}).status_code == 403
    assert boss.get(reverse("admin:jobs_promptversion_delete", args=[first.pk])).status_code == 403


def test_adding_starts_from_the_prompt_in_use(boss: Client) -> None:
    page = boss.get(reverse("admin:jobs_promptversion_add") + "?type=batch_translate")
    assert page.context["adminform"].form.initial["text"] == prompt_in_use("batch_translate").text


def test_a_new_price_is_a_new_row_and_the_list_shows_todays(boss: Client) -> None:
    model = GeminiModel.objects.create(name="gemini-test")
    Price.objects.create(
        model=model, valid_from="2020-01-01", valid_to="2020-12-31", input_usd=9, output_usd=9
    )
    Price.objects.create(model=model, valid_from="2021-01-01", input_usd=0.5, output_usd=2)
    page = said(boss.get(reverse("admin:jobs_geminimodel_changelist")))
    assert "$0.50 / $2.00 (in a batch × 0.5)" in page
    assert "9 / 9" not in page
