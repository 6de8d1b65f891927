"""A migration enters prompts, models and prices that are missing, and changes nothing that is there."""

import pytest

from books.texts import text_hash
from jobs import prices
from jobs.models import GeminiModel, Price, PromptVersion
from jobs.operations import operations
from jobs.setup import SHIPPED, sync_models, sync_prompts

pytestmark = pytest.mark.django_db


def test_every_operation_has_its_file_as_first_version_in_use() -> None:
    for work in operations().values():
        prompt = PromptVersion.objects.get(type=work.type)
        assert (prompt.version, prompt.is_default, prompt.created_by) == (1, True, SHIPPED)
        assert prompt.text == work.prompt_file.read_text(encoding="utf-8")
        work.check_prompt(prompt.text)


def test_doing_it_again_changes_nothing() -> None:
    before = [list(kind.objects.values()) for kind in (PromptVersion, GeminiModel, Price)]
    assert all(before)
    sync_prompts()
    sync_models()
    assert [list(kind.objects.values()) for kind in (PromptVersion, GeminiModel, Price)] == before


def outdate() -> None:
    PromptVersion.objects.filter(type="batch_ocr").update(text="old", text_sha256=text_hash("old"))


def test_i30_a_changed_file_becomes_a_new_version_beside_the_old_one() -> None:
    outdate()
    sync_prompts()
    found = PromptVersion.objects.filter(type="batch_ocr").order_by("version")
    assert [(each.version, each.is_default) for each in found] == [(1, False), (2, True)]


def test_a_prompt_that_somebody_wrote_stays_in_use() -> None:
    outdate()
    PromptVersion.objects.filter(type="batch_ocr").update(is_default=False)
    PromptVersion.objects.create(
        type="batch_ocr", version=2, text="mine", text_sha256=text_hash("mine"), is_default=True, created_by="Beatus"
    )  # fmt: skip
    sync_prompts()
    assert PromptVersion.objects.get(type="batch_ocr", is_default=True).text == "mine"
    assert PromptVersion.objects.filter(type="batch_ocr").count() == 3


def test_an_older_prompt_that_somebody_chose_again_stays_in_use() -> None:
    outdate()
    sync_prompts()
    PromptVersion.objects.filter(type="batch_ocr", version=2).update(is_default=False, text_sha256="x")
    PromptVersion.objects.filter(type="batch_ocr", version=1).update(is_default=True)
    sync_prompts()
    assert PromptVersion.objects.get(type="batch_ocr", is_default=True).version == 1


def test_models_and_prices_changed_in_the_admin_stay_changed() -> None:
    GeminiModel.objects.filter(pk="gemini-3.8-flash").update(state="retired", successor="gemini-3.5-flash")
    Price.objects.filter(model="gemini-3.5-flash").update(input_usd=99)
    Price.objects.filter(model="gemini-3.8-flash", valid_to__isnull=False).delete()
    sync_models()
    assert GeminiModel.objects.get(pk="gemini-3.8-flash").successor == "gemini-3.5-flash"
    assert Price.objects.get(model="gemini-3.5-flash").input_usd == 99
    assert Price.objects.filter(model="gemini-3.8-flash").count() == 1


def test_what_is_missing_is_entered() -> None:
    GeminiModel.objects.all().delete()
    sync_models()
    assert GeminiModel.objects.count() == len(prices.shipped()["models"])
    assert Price.objects.filter(model="gemini-3.8-flash").count() == 2
