"""A prompt with a missing or strange variable is found before anything is sent."""

import json

import pytest

from jobs.operations import operations, prompts
from jobs.operations.prompts import PromptError


@pytest.mark.parametrize("type_", sorted(operations()))
def test_the_shipped_prompts_use_exactly_the_variables_of_their_operation(type_: str) -> None:
    work = operations()[type_]
    assert prompts.variables(work.prompt_file.read_text(encoding="utf-8")) <= work.prompt_variables


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("Read $titel", r"uses \$titel, which this operation does not have: use \$blank"),
        ("It costs 5 $ a page", "starts no variable"),
        ("  \n", "is empty"),
    ],
)
def test_a_prompt_that_cannot_be_filled_in_is_refused_with_a_sentence(prompt: str, sentence: str) -> None:
    with pytest.raises(PromptError, match=sentence):
        operations()["batch_ocr"].check_prompt(prompt)


def test_a_variable_without_a_value_raises() -> None:
    with pytest.raises(PromptError, match="language_note"):
        prompts.fill("$language_note $tags", {"tags": "x"})


def test_values_are_never_filled_in_themselves() -> None:
    assert prompts.fill("a $tags $$5", {"tags": "$blank"}) == "a $blank $5"


def test_every_language_with_notes_has_one_for_reading_and_one_for_translating() -> None:
    notes = json.loads(prompts.NOTES_FILE.read_text(encoding="utf-8"))
    assert {"", "la", "de", "grc", "he", "fr"} <= set(notes)
    assert all(set(entry) == {"read", "translate"} and all(entry.values()) for entry in notes.values())
