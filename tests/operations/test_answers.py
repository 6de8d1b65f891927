"""One parser for every shape of answer, and the finish reason decides what is a success."""

import json
import random
from typing import Any

import pytest
from google.genai import types
from pytest_django import Settings

from jobs.operations.answers import clean, judge, parse
from jobs.operations.base import Answer, Refused, Usage

TEXT = "Epigrammata clarissimi viri"


def response(text: str = TEXT, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 1300, "candidatesTokenCount": 400, "thoughtsTokenCount": 7},
        **more,
    }


def refused(answer: Answer) -> Refused:
    with pytest.raises(Refused) as caught:
        judge(answer)
    assert caught.value.sentence.endswith((".", "!")) or answer.error_message
    return caught.value


def snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            "".join("_" + c.lower() if c.isupper() else c for c in key): snake(item)
            for key, item in value.items()
        }
    return [snake(item) for item in value] if isinstance(value, list) else value


FILE = {"key": "k1", "response": response()}
INLINE = {"metadata": {"key": "k1"}, "response": response()}


@pytest.mark.parametrize("line", [FILE, INLINE, snake(FILE), snake(INLINE)])
def test_i04_file_and_inline_results_are_read_alike(line: dict[str, Any]) -> None:
    answer = parse(line)
    assert (answer.key, answer.text, answer.finish_reason) == ("k1", TEXT, "STOP")
    assert answer.usage == Usage(input=1300, output=400, thinking=7)
    assert judge(answer) == TEXT


def test_a_direct_response_is_read_the_same_but_has_no_key() -> None:
    answer = parse(response())
    assert (answer.key, judge(answer), answer.usage.input) == ("", TEXT, 1300)


def test_what_the_sdk_makes_of_a_response_is_read_too() -> None:
    made = types.GenerateContentResponse.model_validate(response())
    for dumped in (
        made.model_dump(),
        made.model_dump(mode="json"),
        made.model_dump(by_alias=True, exclude_none=True),
    ):
        answer = parse({"metadata": {"key": "k1"}, "response": dumped})
        assert (judge(answer), answer.usage) == (TEXT, Usage(1300, 400, 7))


def test_i22_all_text_parts_are_joined_and_no_thoughts() -> None:
    parts = [{"text": "The page is set in roman.", "thought": True}, {"text": "Epi"}, {"text": "grammata"}]
    line = {"key": "k", "response": {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}}
    assert judge(parse(line)) == "Epigrammata"


def test_i22_thoughts_alone_are_no_text_but_worth_another_try() -> None:
    parts = [{"text": "The page is set in roman.", "thought": True}]
    line = {"key": "k", "response": {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}}
    found = refused(parse(line))
    assert (found.reason, found.retry) == ("empty", True)


@pytest.mark.parametrize("finish", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY"])
def test_i20_forbidden_pages_are_not_tried_again(finish: str) -> None:
    found = refused(parse({"key": "k", "response": response(finish=finish)}))
    assert not found.retry and finish in found.sentence


@pytest.mark.parametrize(
    "finish",
    [
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "SOMETHING_NEW",
        "FINISH_REASON_UNSPECIFIED",
        None,
    ],
)
def test_i20_other_ends_and_unknown_ones_are_tried_again_and_their_text_is_not_kept(
    finish: str | None,
) -> None:
    found = refused(parse({"key": "k", "response": response(finish=finish)}))
    assert found.retry


def test_i20_a_blocked_prompt_is_not_tried_again() -> None:
    line = {
        "key": "k",
        "response": {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {"promptTokenCount": 9}},
    }
    answer = parse(line)
    found = refused(answer)
    assert (found.reason, found.retry, answer.usage.input) == ("blocked", False, 9)


def test_i20_recitation_is_tried_once_more_with_another_temperature() -> None:
    line = {"key": "k", "response": response(finish="RECITATION")}
    first = refused(parse(line))
    assert first.retry and first.escalation["temperature"] > 0
    again = Answer(finish_reason="RECITATION", escalation=first.escalation)
    assert not refused(again).retry


def test_i21_a_page_that_was_cut_off_gets_twice_the_room_once(settings: Settings) -> None:
    settings.MAX_OUTPUT_TOKENS = 1000
    first = refused(parse({"key": "k", "response": response(finish="MAX_TOKENS")}))
    assert (first.reason, first.retry, first.escalation) == ("max_tokens", True, {"max_output_tokens": 2000})
    again = Answer(text="half", finish_reason="MAX_TOKENS", escalation=first.escalation)
    assert not refused(again).retry
    unknown = Answer(text="half", finish_reason="MAX_TOKENS", usage=Usage(output=1500, thinking=499))
    assert not refused(unknown).retry


def test_i21_a_loop_into_the_limit_gets_another_temperature_instead_of_more_room() -> None:
    found = refused(Answer(text="et cetera in saecula " * 500, finish_reason="MAX_TOKENS"))
    assert found.reason == "loop" and set(found.escalation) == {"temperature"}


def test_what_one_attempt_raised_the_next_one_keeps() -> None:
    found = refused(Answer(finish_reason="STOP", escalation={"max_output_tokens": 16384}))
    assert found.retry and found.escalation == {"max_output_tokens": 16384}


@pytest.mark.parametrize("code", [13, 14, 429, 8, 4, 500, 503, 99])
def test_errors_that_pass_are_tried_again(code: int) -> None:
    found = refused(parse({"key": "k", "error": {"code": code, "message": "try later"}}))
    assert found.retry and "try later" in found.sentence and str(code) in found.sentence


@pytest.mark.parametrize("error", [{"code": 3}, {"code": 400}, {"code": "3"}, {"status": "INVALID_ARGUMENT"}])
def test_a_bad_request_stays_bad(error: dict[str, Any]) -> None:
    found = refused(parse({"key": "k", "error": {"message": "no image", **error}}))
    assert not found.retry and "no image" in found.sentence


def test_an_error_inside_the_response_is_an_error() -> None:
    answer = parse({"key": "k", "response": {"error": {"status": "UNAVAILABLE", "message": "busy"}}})
    assert answer.error_code == 14 and refused(answer).retry


ODD: list[Any] = [
    None, 1, "x", [], {}, [1], {"key": 5}, {"key": None, "response": None}, {"key": "k", "response": []},
    {"response": {"candidates": []}}, {"response": {"candidates": [None]}}, {"response": {"candidates": {"a": 1}}},
    {"response": {"candidates": [{"content": None, "finishReason": 3}]}}, {"error": "broken"}, {"error": []},
    {"response": {"candidates": [{"content": {"parts": "text"}, "finishReason": "STOP"}]}},
    {"response": {"candidates": [{"content": {"parts": [None, {"text": 5}]}, "finishReason": "STOP"}]}},
    {"response": {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]}},
    {"response": {"usageMetadata": {"promptTokenCount": "many", "candidatesTokenCount": -5}}},
    {"metadata": "k", "response": {}}, {"error": {"code": True, "message": None}},
]  # fmt: skip


@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
def test_i20_odd_shapes_never_raise_and_never_become_a_text(line: Any) -> None:
    answer = parse(line)
    assert refused(answer).retry
    assert answer.usage == Usage()


def test_shapes_nobody_thought_of_never_raise_either() -> None:
    rng = random.Random(11)
    names = [
        "key",
        "response",
        "candidates",
        "content",
        "parts",
        "text",
        "error",
        "finishReason",
        "usageMetadata",
    ]

    def odd(depth: int) -> Any:
        if depth == 0:
            return rng.choice([None, 0, 1.5, "STOP", "", True])
        if rng.random() < 0.3:
            return [odd(depth - 1) for _ in range(rng.randrange(3))]
        return {rng.choice(names): odd(depth - 1) for _ in range(rng.randrange(4))}

    for _ in range(2000):
        parse(odd(rng.randrange(7)))
    deep: Any = {}
    for _ in range(100_000):
        deep = {"response": deep}
    assert "cannot be shown" in parse(deep).raw


def test_the_raw_answer_is_kept_short_and_without_images() -> None:
    line = {
        "key": "k",
        "response": response("x" * 50_000),
        "request": {"inlineData": {"data": "QUJD" * 9000}},
    }
    raw = parse(line).raw
    assert len(raw) == 20_000 and "QUJD" not in raw
    assert "36000 characters left out" in parse({"request": line["request"]}).raw
    assert json.loads(parse(FILE).raw) == FILE


@pytest.mark.parametrize(
    "wrapped",
    [
        "```\nEpigrammata\n```",
        "```markdown\nEpigrammata\n```\n",
        "~~~\nEpigrammata\n~~~",
        "Here is the transcription of the page:\n\nEpigrammata",
        "Sure! Here's the Markdown transcription:\n\n```markdown\nEpigrammata\n```",
        "**Transcription:**\n\nEpigrammata",
        "English translation:\nEpigrammata",
        "Hier ist die Transkription der Seite:\n\nEpigrammata",
        "Voici la traduction en anglais :\n\nEpigrammata",
        "Aquí está la traducción:\nEpigrammata",
        "Ecco la traduzione:\nEpigrammata",
        "Epigrammata\n\nLet me know if you need anything else!",
        "Epigrammata\n\nI hope this translation helps.",
        "```\nEpigrammata\n```\n\nLet me know if you would like changes.",
        "\ufeffEpigrammata  \r\n",
        "\n\n Epigrammata\0\n",
    ],
)
def test_i22_what_a_model_wraps_around_a_text_is_taken_off(wrapped: str) -> None:
    assert clean(wrapped) == "Epigrammata"


@pytest.mark.parametrize(
    "text",
    [
        "Here is a man who says:\nI have seen it.",
        "Here is the end of the first book.",
        "The translation of the relics:\nIn that year.",
        "Translation\n\nof the bones of St James",
        "Epigrammata\n\nI hope this letter finds you well.",
        "Unum\n\n```\nduo\n```\n\ntria",
        "Let me know if he comes, he wrote.",
        "Sure, it was so.",
        "Voici le temps des moissons :\nchantons.",
    ],
)
def test_i22_what_only_resembles_a_wrapping_stays(text: str) -> None:
    assert clean(text) == text


def test_lines_lose_what_hangs_over_and_pages_their_wide_gaps() -> None:
    assert clean("unum  \r\nduo\t\r\n\r\n\r\n\r\ntria\rquattuor") == "unum\nduo\n\ntria\nquattuor"


def test_i20_a_text_of_which_cleaning_leaves_nothing_is_empty() -> None:
    answer = Answer(text="```\n\n```", finish_reason="STOP")
    assert refused(answer).reason == "empty"
