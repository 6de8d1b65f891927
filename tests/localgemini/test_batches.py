"""The life of a batch: by file and inline, in any number, to any end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types

from tests.localgemini.conftest import MakeClient
from tests.localgemini.helpers import MODEL, PROMPT, jpeg, line, pages, request, text_of
from tests.support.localgemini import LocalGemini, mark_of

Upload = Callable[..., types.File]
Finish = Callable[[str | None], types.BatchJob]
Results = Callable[[types.BatchJob], list[dict[str, Any]]]


def inlined(images: dict[str, bytes]) -> list[Any]:
    """Inline requests as the SDK takes them."""
    return [
        {
            "contents": [
                types.UserContent([
                    types.Part(text=PROMPT),
                    types.Part.from_bytes(data=image, mime_type="image/jpeg"),
                ])
            ],
            "metadata": {"key": key},
        }
        for key, image in images.items()
    ]  # fmt: skip


def test_it_answers_each_page_of_a_file_from_its_own_image(
    client: genai.Client, upload: Upload, finish: Finish, results: Results
) -> None:
    images = pages(25)
    job = client.batches.create(model=MODEL, src=upload(images).name or "", config={"display_name": "a book"})
    assert job.state == types.JobState.JOB_STATE_PENDING
    job = finish(job.name)
    assert job.state == types.JobState.JOB_STATE_SUCCEEDED
    assert job.display_name == "a book"
    texts = {found["key"]: text_of(found) for found in results(job)}
    assert texts.keys() == images.keys()
    for key, image in images.items():
        assert mark_of(image) in texts[key]
        assert f"page {key[1:]}" in texts[key].splitlines()


def test_it_answers_each_page_of_an_inline_batch_from_its_own_image(
    client: genai.Client, finish: Finish
) -> None:
    images = pages(5)
    job = client.batches.create(model=MODEL, src=inlined(images), config={"display_name": "inline"})
    job = finish(job.name)
    assert job.dest
    assert job.dest.inlined_responses
    found = {reply.metadata["key"]: reply.response.text for reply in job.dest.inlined_responses}  # type: ignore[index, union-attr]
    assert {key: mark_of(image) in str(found[key]) for key, image in images.items()} == dict.fromkeys(
        images, True
    )


def test_it_leaves_inline_answers_out_of_lists(client: genai.Client, finish: Finish) -> None:
    job = client.batches.create(model=MODEL, src=inlined(pages(1)))
    finish(job.name)
    assert [listed.dest for listed in client.batches.list()] == [None]


def test_it_counts_what_succeeded_and_what_failed(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    job = client.batches.create(model=MODEL, src=upload([line("a", jpeg()), b"{broken\n"]).name or "")
    finish(job.name)
    answer = requests.get(
        f"{gemini.url}/v1beta/{job.name}", headers={"x-goog-api-key": gemini.key}, timeout=10
    ).json()
    assert answer["done"] is True
    assert answer["metadata"]["batchStats"] == {
        "requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "key", "word"),
    [
        (b'{"key": "bad", "request": {"contents": [}}\n', "bad", "JSON"),
        (b"[1, 2]\n", None, "JSON"),
        (b'{"key": "bad", "request": {}}\n', "bad", "contents"),
        (b'{"key": "bad"}\n', "bad", "request"),
        (line("bad", jpeg(), temprature=1), "bad", "temprature"),
        (line("bad", b"<html>not an image</html>" * 9), "bad", "image"),
        (line("bad", jpeg(), maxOutputTokens=-1), "bad", "max_output_tokens"),
        (line("bad", jpeg(), thinkingConfig={"thinkingLevel": "huge"}), "bad", "thinking_level"),
        (line("bad", jpeg()).replace(b"image/jpeg", b"image/tiff"), "bad", "MIME"),
        (line("bad", jpeg()).replace(b'"data": "', b'"data": "%%%'), "bad", "Base64"),
    ],
)
def test_it_makes_an_error_line_of_a_bad_line_and_goes_on(
    client: genai.Client, upload: Upload, finish: Finish, results: Results,
    bad: bytes, key: str | None, word: str,
) -> None:  # fmt: skip
    rows = [line("one", jpeg("1")), bad, line("two", jpeg("2"))]
    job = finish(client.batches.create(model=MODEL, src=upload(rows).name or "").name)
    first, error, last = results(job)
    assert [first["key"], last["key"]] == ["one", "two"]
    assert error.get("key") == key
    assert error["error"]["code"] == 3
    assert word in error["error"]["message"]


def test_it_takes_snake_case_as_google_does(
    client: genai.Client, upload: Upload, finish: Finish, results: Results
) -> None:
    snake = line("a", jpeg("snake"), maxOutputTokens=2000)
    for camel, under in ((b"inlineData", b"inline_data"), (b"mimeType", b"mime_type"),
                         (b"generationConfig", b"generation_config"), (b"maxOutput", b"max_output_")):  # fmt: skip
        snake = snake.replace(camel, under)
    snake = snake.replace(b"max_output_Tokens", b"max_output_tokens")
    job = finish(client.batches.create(model=MODEL, src=upload([snake]).name or "").name)
    assert "snake" in text_of(results(job)[0])


def test_it_waits_in_running_until_it_is_released(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.hold()
    job = client.batches.create(model=MODEL, src=upload(pages(2)).name or "")
    gemini.wait_for(lambda: gemini.batches()[0]["stage"] == "ready")
    held = client.batches.get(name=job.name or "")
    assert held.state == types.JobState.JOB_STATE_RUNNING
    assert held.dest is None
    gemini.release()
    assert finish(job.name).state == types.JobState.JOB_STATE_SUCCEEDED


def test_it_lists_batches_page_by_page(gemini: LocalGemini, client: genai.Client, upload: Upload) -> None:
    name = upload({"a": jpeg()}).name or ""
    made = [client.batches.create(model=MODEL, src=name).name for _ in range(7)]
    listed = client.batches.list(config={"page_size": 3})
    assert [job.name for job in listed] == made[::-1]
    assert gemini.counts()["batches_list"] == 3


def test_it_cancels_an_open_batch(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.hold()
    job = client.batches.create(model=MODEL, src=upload(pages(2)).name or "")
    client.batches.cancel(name=job.name or "")
    ended = finish(job.name)
    assert ended.state == types.JobState.JOB_STATE_CANCELLED
    assert ended.dest is None


def test_it_leaves_a_finished_batch_alone_when_it_is_cancelled(
    client: genai.Client, upload: Upload, finish: Finish
) -> None:
    job = finish(client.batches.create(model=MODEL, src=upload(pages(1)).name or "").name)
    client.batches.cancel(name=job.name or "")
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_SUCCEEDED


def test_it_forgets_a_deleted_batch(client: genai.Client, upload: Upload, finish: Finish) -> None:
    job = finish(client.batches.create(model=MODEL, src=upload(pages(1)).name or "").name)
    client.batches.delete(name=job.name or "")
    with pytest.raises(errors.ClientError) as refused:
        client.batches.get(name=job.name or "")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def test_i05_it_shows_a_batch_to_nobody_but_its_maker(
    gemini: LocalGemini, client: genai.Client, client_for: MakeClient, upload: Upload
) -> None:
    job = client.batches.create(model=MODEL, src=upload(pages(1)).name or "")
    other = client_for(gemini, "another-key")
    assert list(other.batches.list()) == []
    for call in (other.batches.get, other.batches.cancel, other.batches.delete):
        with pytest.raises(errors.ClientError) as refused:
            call(name=job.name or "")
        assert refused.value.code == 404


def test_i10_it_refuses_the_hundred_and_first_open_batch(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    gemini.hold()
    name = upload({"a": jpeg()}).name or ""
    for _ in range(100):
        client.batches.create(model=MODEL, src=name)
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=MODEL, src=name)
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert "RetryInfo" in json.dumps(refused.value.details)
    gemini.release()
    gemini.wait_until_done()
    assert client.batches.create(model=MODEL, src=name).name


def test_it_expires_a_batch_that_is_open_for_48_hours(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.hold()
    job = client.batches.create(model=MODEL, src=upload(pages(1)).name or "")
    gemini.advance(48 * 3600 + 1)
    assert finish(job.name).state == types.JobState.JOB_STATE_EXPIRED


@pytest.mark.parametrize("model", ["gemini-1.0-ultra", "tunedModels/mine"])
def test_it_knows_no_other_models(client: genai.Client, upload: Upload, model: str) -> None:
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=model, src=upload({"a": jpeg()}).name or "")
    assert refused.value.code == 404


def test_it_refuses_a_batch_of_a_file_that_is_not_there(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=MODEL, src="files/never")
    assert refused.value.code == 403


def test_it_fails_a_batch_whose_file_is_deleted_before_it_begins(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.settings(delay=3600)
    file = upload(pages(1)).name or ""
    job = client.batches.create(model=MODEL, src=file)
    client.files.delete(name=file)
    gemini.settings(delay=0)
    assert finish(job.name).state == types.JobState.JOB_STATE_FAILED


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"displayName": "x"},
        {"displayName": 7, "inputConfig": {"fileName": "files/a"}},
        {"displayName": "x", "inputConfig": {"requests": {"requests": []}}},
        {"displayName": "x", "inputConfig": {"fileName": "files/a"}, "colour": "red"},
        {"displayName": "x", "inputConfig": {"requests": {"requests": [{"key": "a", "request": request()}]}}},
        {"displayName": "x", "inputConfig": {"requests": [1]}},
    ],
)
def test_it_refuses_a_create_that_google_would_refuse(gemini: LocalGemini, batch: dict[str, Any]) -> None:
    address = f"{gemini.url}/v1beta/models/{MODEL}:batchGenerateContent"
    answer = requests.post(address, json={"batch": batch}, headers={"x-goog-api-key": gemini.key}, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert gemini.journal("create")[0]["paid"] is False


def test_i11_it_refuses_an_inline_body_above_20_mb(gemini: LocalGemini, client: genai.Client) -> None:
    big = jpeg() + bytes(8 * 1024 * 1024)
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=MODEL, src=inlined({"a": big, "b": big}))
    assert refused.value.code == 400
    assert "20971520" in str(refused.value.message)
    assert gemini.sent()["total"] == 0


def test_it_holds_the_tokens_of_open_batches_against_a_limit(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    source = upload(pages(3)).name or ""
    each = client.models.count_tokens(
        model=MODEL,
        contents=types.UserContent(
            [types.Part(text=PROMPT), types.Part.from_bytes(data=jpeg("page 1"), mime_type="image/jpeg")]
        ),
    ).total_tokens
    assert each
    gemini.settings(enqueued_tokens_limit={MODEL: 6 * each})
    gemini.hold()
    for name in ("first", "second"):
        client.batches.create(model=MODEL, src=source, config={"display_name": name})
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=MODEL, src=inlined(pages(1)))
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert f"{6 * each} tokens are enqueued, this batch has {each}, the limit is {6 * each}" in str(
        refused.value
    )
    # Another model has a quota of its own, and what has ended counts no more.
    client.batches.create(model="gemini-3.8-flash", src=inlined(pages(1)))
    gemini.release(display_name="first")
    gemini.wait_for(lambda: sum(batch["stage"] == "done" for batch in gemini.batches()) == 1)
    client.batches.create(model=MODEL, src=inlined(pages(1)))
