"""Direct calls: what is answered, what it costs, what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types

from localgemini.untranslated import NOTICE
from tests.localgemini.conftest import MakeClient
from tests.localgemini.helpers import MODEL, PROMPT, jpeg, png
from tests.support.localgemini import LocalGemini, mark_of

SOURCE = """Vtraque dum certant, sit prior utra, premit.
Vtraque sed florem rosa iam coalescit in unum,
Quo potest uno lis cadit illa modo.

Nunc rosa consurgit, nunc pullulat una, sed omneis
Vna habet haec dotes, quas habuere duae.
Scilicet huic uni species, decor, atque uenustas,
Et color, et uirtus, est utriusque rosae."""


def ask(
    client: genai.Client, *parts: Any, model: str = MODEL, **config: Any
) -> types.GenerateContentResponse:
    return client.models.generate_content(
        model=model, contents=list(parts), config=types.GenerateContentConfig(**config)
    )


def image(data: bytes, kind: str = "image/jpeg") -> types.Part:
    return types.Part.from_bytes(data=data, mime_type=kind)


def usage(response: types.GenerateContentResponse) -> types.GenerateContentResponseUsageMetadata:
    assert response.usage_metadata
    return response.usage_metadata


def test_it_reads_the_comment_of_a_picture(client: genai.Client) -> None:
    for data, kind in ((jpeg("page 17 of book X"), "image/jpeg"), (png("page 17 of book X"), "image/png")):
        text = ask(client, PROMPT, image(data, kind)).text or ""
        assert mark_of(data) in text
        assert "page 17 of book X" in text


def test_it_gives_different_pictures_different_words(client: genai.Client) -> None:
    one, two = (set((ask(client, PROMPT, image(jpeg(name))).text or "").splitlines()) for name in "ab")
    assert len(one) == len(two) == 10
    assert not one & two


def test_it_gives_the_same_words_for_the_same_picture(client: genai.Client) -> None:
    assert ask(client, PROMPT, image(jpeg())).text == ask(client, "Read", image(jpeg())).text


def test_it_answers_the_blank_tag_only_where_the_prompt_asks_for_it(client: genai.Client) -> None:
    blank = image(jpeg("[[blank]]"))
    assert ask(client, PROMPT, blank).text == "[[blank]]"
    assert ask(client, "Read", blank, system_instruction="Blank pages: [[blank]]").text == "[[blank]]"
    assert ask(client, "Read this page", blank).text is None


def test_it_says_that_it_does_not_translate(client: genai.Client) -> None:
    prompt = f"Translate the page into English.\n<context>tail of the page before</context>\n<text>\n{SOURCE}\n</text>"
    text = ask(client, prompt).text or ""
    assert text.startswith(NOTICE)
    assert 0.6 * len(SOURCE) < len(text) < 1.8 * len(SOURCE)
    assert not set(text.lower().split()) & {"rosa", "florem", "utra", "species"}


def test_it_never_says_the_same_sentence_twice_about_a_long_text(client: genai.Client) -> None:
    long = "\n\n".join(f"{number} {SOURCE}" for number in range(12))
    sentences = [part.strip() for part in (ask(client, long).text or "").split(". ")]
    assert 0.6 * len(long) < len(". ".join(sentences)) < 1.8 * len(long)
    assert len(set(sentences)) > 0.9 * len(sentences)


@pytest.mark.parametrize(
    ("resolution", "tokens"),
    [
        (None, 1120),
        ("MEDIA_RESOLUTION_LOW", 280),
        ("MEDIA_RESOLUTION_MEDIUM", 560),
        ("MEDIA_RESOLUTION_HIGH", 1120),
    ],
)
def test_it_counts_pictures_by_resolution_on_gemini_3(
    client: genai.Client, resolution: str | None, tokens: int
) -> None:
    response = ask(client, "x" * 400, image(jpeg()), media_resolution=resolution)
    assert usage(response).prompt_token_count == 100 + tokens


@pytest.mark.parametrize(("size", "tiles"), [((300, 380), 1), ((700, 1500), 2), ((1600, 1600), 9)])
def test_it_counts_pictures_by_tiles_on_gemini_2(
    client: genai.Client, size: tuple[int, int], tiles: int
) -> None:
    response = ask(client, "x" * 400, image(jpeg(size=size)), model="gemini-2.5-flash")
    assert usage(response).prompt_token_count == 100 + tiles * 258


def test_it_counts_the_instruction_and_the_answer(client: genai.Client) -> None:
    response = ask(client, "x" * 40, image(jpeg()), system_instruction="y" * 80)
    counts = usage(response)
    assert counts.prompt_token_count == 10 + 20 + 1120
    assert counts.candidates_token_count == -(-len(response.text or "") // 4)
    assert counts.total_token_count == counts.prompt_token_count + counts.candidates_token_count


@pytest.mark.parametrize(
    ("model", "thinking", "some"),
    [
        (MODEL, None, False),
        ("gemini-3.8-flash", None, True),
        ("gemini-3.8-flash", {"thinking_level": "minimal"}, False),
        ("gemini-3.8-flash", {"thinking_level": "high"}, True),
        ("gemini-2.5-flash", None, True),
        ("gemini-2.5-flash", {"thinking_budget": 0}, False),
    ],
)
def test_i50_it_counts_thoughts_unless_thinking_is_off(
    client: genai.Client, model: str, thinking: Any, some: bool
) -> None:
    response = ask(client, PROMPT, image(jpeg()), model=model, thinking_config=thinking)
    assert bool(usage(response).thoughts_token_count) is some


def test_i21_it_cuts_the_answer_at_the_output_limit(client: genai.Client) -> None:
    whole = ask(client, PROMPT, image(jpeg())).text or ""
    cut = ask(client, PROMPT, image(jpeg()), max_output_tokens=20)
    assert cut.candidates
    assert cut.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert cut.text == whole[:80]


def test_it_lets_thoughts_eat_the_output_limit(client: genai.Client) -> None:
    cut = ask(client, PROMPT, image(jpeg()), model="gemini-3.8-flash", max_output_tokens=50)
    assert cut.text is None
    assert usage(cut).thoughts_token_count == 50


def test_it_counts_tokens_without_answering(gemini: LocalGemini, client: genai.Client) -> None:
    contents: Any = ["x" * 40, image(jpeg())]
    found = client.models.count_tokens(model=MODEL, contents=contents)
    assert found.total_tokens == 1130
    assert not gemini.journal(paid=True)


def test_it_lists_its_models(client: genai.Client) -> None:
    names = {model.name for model in client.models.list()}
    assert {f"models/{MODEL}", "models/gemini-3.8-flash"} <= names
    assert client.models.get(model=MODEL).output_token_limit == 65_536


@pytest.mark.parametrize(
    ("model", "config", "word"),
    [
        (MODEL, {"temperature": 3}, "temperature"),
        (MODEL, {"candidate_count": 2}, "candidate"),
        (MODEL, {"thinking_config": {"thinking_budget": 99_999}}, "budget"),
        (MODEL, {"thinking_config": {"thinking_budget": 0, "thinking_level": "low"}}, "one of"),
        ("gemini-2.5-flash", {"thinking_config": {"thinking_level": "low"}}, "not supported"),
    ],
)
def test_it_refuses_what_google_refuses(client: genai.Client, model: str, config: Any, word: str) -> None:
    with pytest.raises(errors.ClientError) as refused:
        ask(client, PROMPT, model=model, **config)
    assert refused.value.code == 400
    assert word in str(refused.value.message)


def test_it_refuses_calls_without_a_key_or_with_a_wrong_one(gemini: LocalGemini) -> None:
    gemini.settings(accepted_keys=[gemini.key], refused_keys=[])
    address = f"{gemini.url}/v1beta/models"
    none = requests.get(address, timeout=10)
    wrong = requests.get(address, headers={"x-goog-api-key": "wrong"}, timeout=10)
    right = requests.get(address, headers={"x-goog-api-key": gemini.key}, timeout=10)
    assert [none.status_code, wrong.status_code, right.status_code] == [403, 400, 200]
    assert none.json()["error"]["status"] == "PERMISSION_DENIED"
    assert wrong.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    gemini.settings(accepted_keys=None, refused_keys=[gemini.key])
    assert requests.get(address, headers={"x-goog-api-key": gemini.key}, timeout=10).status_code == 400


def test_i54_it_refuses_a_key_in_the_url_and_keeps_none(gemini: LocalGemini) -> None:
    secret = "AIza-not-to-be-seen"
    answer = requests.get(f"{gemini.url}/v1beta/models", params={"key": secret}, timeout=10)
    assert answer.status_code == 400
    requests.get(f"{gemini.url}/v1beta/models", headers={"x-goog-api-key": secret}, timeout=10)
    kept = b"".join(path.read_bytes() for path in gemini.data_dir.rglob("*") if path.is_file())
    assert secret.encode() not in kept + gemini.log.read_bytes()
    assert gemini.journal()[1]["key"] == hashlib.sha256(secret.encode()).hexdigest()[:16]


def test_it_answers_unknown_paths_in_googles_shape(gemini: LocalGemini) -> None:
    answer = requests.get(f"{gemini.url}/v1/nothing", headers={"x-goog-api-key": "k"}, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_it_does_not_pass_for_google_unless_told_to(client: genai.Client, gemini: LocalGemini) -> None:
    assert ask(client, PROMPT, image(jpeg())).model_version == MODEL
    gemini.settings(model_version="localgemini-none")
    assert ask(client, PROMPT, image(jpeg())).model_version == "localgemini-none"


def test_on_its_own_it_answers_under_its_own_name(tmp_path: Path, client_for: MakeClient) -> None:
    server = LocalGemini(tmp_path / "data", as_google=False).start()
    try:
        assert ask(client_for(server), PROMPT, image(jpeg())).model_version == "localgemini-none"
    finally:
        server.stop()
