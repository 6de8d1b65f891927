"""Faults on demand: each one strikes as often as it was told, and leaves a trace in the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
from google import genai
from google.genai import errors, types

from tests.localgemini.helpers import MODEL, PROMPT, jpeg, line, pages, text_of
from tests.support.localgemini import LocalGemini

Upload = Callable[..., types.File]
Finish = Callable[[str | None], types.BatchJob]
Results = Callable[[types.BatchJob], list[dict[str, Any]]]
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(client: genai.Client, upload: Upload, finish: Finish, results: Results) -> Run:
    """A whole batch of `count` pages; its result lines."""

    def whole(count: int = 4, name: str = "a book") -> list[dict[str, Any]]:
        file = upload(pages(count)).name or ""
        return results(
            finish(client.batches.create(model=MODEL, src=file, config={"display_name": name}).name)
        )

    return whole


def by_key(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(row for row in rows if row.get("key") == key)


@pytest.mark.parametrize(
    ("code", "status"),
    [(429, "RESOURCE_EXHAUSTED"), (500, "INTERNAL"), (503, "UNAVAILABLE"), (404, "NOT_FOUND"),
     (403, "PERMISSION_DENIED"), (401, "UNAUTHENTICATED")],
)  # fmt: skip
def test_it_fails_an_endpoint_so_often_and_then_no_more(
    gemini: LocalGemini, client: genai.Client, code: int, status: str
) -> None:
    gemini.fault("endpoint", endpoint="models_get", do="error", code=code, times=2)
    for _ in range(2):
        with pytest.raises(errors.APIError) as refused:
            client.models.get(model=MODEL)
        assert (refused.value.code, refused.value.status) == (code, status)
        assert ("RetryInfo" in str(refused.value.details)) is (code == 429)
    assert client.models.get(model=MODEL).name == f"models/{MODEL}"
    assert [entry["status"] for entry in gemini.journal("models_get")] == [code, code, 200]


def test_it_fails_for_ever_until_it_is_told_to_stop(gemini: LocalGemini, client: genai.Client) -> None:
    fault = gemini.fault("endpoint", endpoint="*", do="error", code=503, times=None)
    for _ in range(3):
        with pytest.raises(errors.ServerError):
            client.models.get(model=MODEL)
    assert gemini.faults()[0]["used"] == 3
    gemini.clear_faults(fault)
    assert client.models.get(model=MODEL).name


def test_it_matches_by_display_name_and_model(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    file = upload(pages(1)).name or ""
    match = {"display_name": "book-7*", "model": MODEL}
    gemini.fault("endpoint", endpoint="create", do="error", code=429, match=match, times=None)
    assert client.batches.create(model=MODEL, src=file, config={"display_name": "book-8"}).name
    assert client.batches.create(model="gemini-3.8-flash", src=file, config={"display_name": "book-7"}).name
    with pytest.raises(errors.ClientError):
        client.batches.create(model=MODEL, src=file, config={"display_name": "book-7, part 2"})


def test_it_lets_the_first_requests_pass(gemini: LocalGemini, client: genai.Client) -> None:
    gemini.fault("endpoint", endpoint="models_list", do="error", code=500, after=2)
    client.models.list()
    client.models.list()
    with pytest.raises(errors.ServerError):
        client.models.list()


def test_it_delays_an_endpoint(gemini: LocalGemini, client: genai.Client) -> None:
    gemini.fault("endpoint", endpoint="models_get", do="delay", seconds=0.3)
    began = time.monotonic()
    client.models.get(model=MODEL)
    assert time.monotonic() - began >= 0.3


def test_i07_it_loses_the_reply_to_a_create_that_it_carried_out(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    file = upload(pages(2)).name or ""
    gemini.fault("endpoint", endpoint="create", do="lose_reply")
    with pytest.raises(httpx2.TransportError):
        client.batches.create(model=MODEL, src=file, config={"display_name": "lost"})
    assert [job.display_name for job in client.batches.list()] == ["lost"]
    (entry,) = gemini.journal("create", paid=True)
    assert (entry["outcome"], entry["status"], entry["requests"]) == ("reply_lost", None, 2)


def test_it_drops_a_create_without_carrying_it_out(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    file = upload(pages(2)).name or ""
    gemini.fault("endpoint", endpoint="create", do="drop")
    with pytest.raises(httpx2.TransportError):
        client.batches.create(model=MODEL, src=file)
    assert list(client.batches.list()) == []
    assert gemini.journal(paid=True) == []
    assert gemini.journal("create")[0]["outcome"] == "dropped"


@pytest.mark.parametrize(("endpoint", "kept"), [("upload_start", False), ("upload_finalize", True)])
def test_it_loses_the_reply_to_an_upload(
    gemini: LocalGemini, client: genai.Client, upload: Upload, endpoint: str, kept: bool
) -> None:
    gemini.fault("endpoint", endpoint=endpoint, do="lose_reply")
    with pytest.raises(httpx2.TransportError):
        upload(pages(1), "intent-1")
    assert [file.name for file in client.files.list()] == (["files/intent-1"] if kept else [])


def test_it_breaks_an_upload_in_the_middle(gemini: LocalGemini, upload: Upload) -> None:
    gemini.fault("endpoint", endpoint="upload_finalize", do="cut", bytes=300)
    with pytest.raises(httpx2.TransportError):
        upload([b"x" * 100_000], "intent-1")
    assert [path.stat().st_size for path in (gemini.data_dir / "uploads").iterdir()] == [300]
    upload([b"x" * 100_000], "intent-1")


def test_it_breaks_a_download_in_the_middle(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish, tmp_path: Path
) -> None:
    job = finish(client.batches.create(model=MODEL, src=upload(pages(20)).name or "").name)
    gemini.fault("endpoint", endpoint="download", do="cut", bytes=1500)
    target = tmp_path / "results"
    name = job.dest.file_name if job.dest else None
    with pytest.raises(httpx2.TransportError):
        client.files.download(file=name or "", destination=target)
    assert target.stat().st_size <= 1500
    assert gemini.journal("download")[0]["outcome"] == "cut"
    assert len(client.files.download(file=name or "").splitlines()) == 20


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "OTHER", "NEW_REASON"])
def test_i20_it_ends_a_page_for_a_reason(gemini: LocalGemini, run: Run, reason: str) -> None:
    gemini.fault("page", outcome=reason, match={"key": "p2"})
    rows = run()
    candidate = by_key(rows, "p2")["response"]["candidates"][0]
    assert candidate == {"finishReason": reason, "index": 0}
    assert text_of(by_key(rows, "p1"))


def shape_of(response: dict[str, Any]) -> Any:
    """What matters of a spoilt response: number of candidates, parts and their kinds, finish reason."""
    candidates = response.get("candidates")
    if not candidates:
        return candidates, response.get("promptFeedback", {}).get("blockReason")
    parts = candidates[0].get("content", {}).get("parts")
    return parts and [part.get("thought", False) for part in parts], candidates[0]["finishReason"]


@pytest.mark.parametrize(
    ("outcome", "shape"),
    [
        ("no_candidates", (None, None)),
        ("empty_candidates", ([], None)),
        ("prompt_blocked", (None, "PROHIBITED_CONTENT")),
        ("thought_only", ([True], "STOP")),
        ("thought_and_text", ([True, False], "STOP")),
        ("several_parts", ([False, False, False], "STOP")),
        ("no_parts", (None, "STOP")),
        ("empty_text", ([False], "STOP")),
        ("MAX_TOKENS", ([False], "MAX_TOKENS")),
        ("max_tokens_empty", (None, "MAX_TOKENS")),
    ],
)
def test_it_gives_answers_of_every_shape(gemini: LocalGemini, run: Run, outcome: str, shape: Any) -> None:
    gemini.fault("page", outcome=outcome, nth=2)
    rows = run()
    assert [shape_of(row["response"]) for row in rows] == [([False], "STOP"), shape, *[([False], "STOP")] * 2]


@pytest.mark.parametrize(
    ("spec", "check"),
    [
        ({"outcome": "code_fence"}, lambda text: text.startswith("```markdown\n") and text.endswith("\n```")),
        ({"outcome": "preamble"}, lambda text: text.startswith("Here is the transcription")),
        ({"outcome": "preamble", "text": "Sure!"}, lambda text: text.startswith("Sure!\n\n")),
        ({"outcome": "looping"}, lambda text: len(text) > 20_000),
        ({"outcome": "text", "text": "my own words"}, lambda text: text == "my own words"),
        ({"outcome": "copy"}, lambda text: text == PROMPT),
    ],
)
def test_it_spoils_the_text_of_a_page(
    gemini: LocalGemini, run: Run, spec: dict[str, Any], check: Callable[[str], bool]
) -> None:
    gemini.fault("page", match={"key": "p3"}, **spec)
    rows = run()
    assert [check(text_of(row)) for row in rows] == [False, False, True, False]


@pytest.mark.parametrize("code", [3, 13, 14, 429])
def test_it_gives_a_page_an_error_line(gemini: LocalGemini, run: Run, code: int) -> None:
    gemini.fault("page", outcome="error", code=code, message="So it is.", match={"key": "p1"})
    assert by_key(run(), "p1")["error"] == {"code": code, "message": "So it is."}


def test_it_leaves_usage_out(gemini: LocalGemini, run: Run) -> None:
    gemini.fault("page", outcome="no_usage", nth=[1, 3])
    assert ["usageMetadata" in row["response"] for row in run()] == [False, True, False, True]


def test_it_strikes_by_lot_and_the_same_lot_for_the_same_seed(gemini: LocalGemini, run: Run) -> None:
    def struck() -> set[str]:
        gemini.reset()
        gemini.fault("page", outcome="SAFETY", probability=0.3, seed=5, times=None)
        rows = run(60)
        return {row["key"] for row in rows if "content" not in row["response"]["candidates"][0]}

    first = struck()
    assert 5 < len(first) < 35
    assert struck() == first


def test_i03_it_loses_doubles_and_renames_result_lines(gemini: LocalGemini, run: Run) -> None:
    gemini.fault("page", outcome="missing", match={"key": "p1"})
    gemini.fault("page", outcome="doubled", match={"key": "p2"})
    gemini.fault("page", outcome="foreign_key", key="of-another-job", match={"key": "p3"})
    gemini.fault("page", outcome="no_key", match={"key": "p4"})
    assert [row.get("key") for row in run(5)] == ["p2", "p2", "of-another-job", None, "p5"]


def test_i04_it_spoils_inline_results_by_their_metadata(
    gemini: LocalGemini, client: genai.Client, finish: Finish
) -> None:
    gemini.fault("page", outcome="no_key", match={"key": "b"})
    gemini.fault("page", outcome="doubled", match={"key": "c"})
    source = [{"contents": "text", "metadata": {"key": key}} for key in "abc"]
    job = finish(client.batches.create(model=MODEL, src=source).name)  # type: ignore[arg-type]
    assert job.dest
    replies = job.dest.inlined_responses or []
    assert [(reply.metadata or {}).get("key") for reply in replies] == ["a", None, "c", "c"]


def test_it_breaks_a_result_line_and_the_end_of_the_file(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.fault("page", outcome="malformed", match={"key": "p1"})
    gemini.fault("batch", truncate=True)
    job = finish(client.batches.create(model=MODEL, src=upload(pages(3)).name or "").name)
    name = job.dest.file_name if job.dest else None
    rows = client.files.download(file=name or "").splitlines()
    good = [row.startswith(b'{"key"') and row.endswith(b"}}") for row in rows]
    assert good == [False, True, False]


def test_i03_it_shuffles_results(gemini: LocalGemini, run: Run) -> None:
    gemini.fault("batch", shuffle=3)
    keys = [row["key"] for row in run(30)]
    assert keys != sorted(keys, key=lambda key: int(key[1:]))
    assert set(keys) == set(pages(30))


@pytest.mark.parametrize(
    ("final", "state", "has_results"),
    [
        ("BATCH_STATE_EXPIRED", "JOB_STATE_EXPIRED", False),
        ("BATCH_STATE_CANCELLED", "JOB_STATE_CANCELLED", False),
        ("BATCH_STATE_FAILED", "JOB_STATE_FAILED", False),
        ("BATCH_STATE_PARTIALLY_SUCCEEDED", "BATCH_STATE_PARTIALLY_SUCCEEDED", True),
        ("BATCH_STATE_SNOWED_IN", "BATCH_STATE_SNOWED_IN", False),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is not a valid JobState:UserWarning")
def test_i13_it_ends_a_batch_in_any_state(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish,
    final: str, state: str, has_results: bool,
) -> None:  # fmt: skip
    gemini.fault("batch", final=final, error={"code": 8, "message": "No room."}, lines=2)
    job = finish(client.batches.create(model=MODEL, src=upload(pages(3)).name or "").name)
    assert job.state
    assert job.state.value == state
    assert bool(job.dest) is has_results
    assert gemini.batches()[0]["succeeded"] == 2


@pytest.mark.filterwarnings("ignore:.*is not a valid JobState:UserWarning")
def test_i13_it_shows_a_sequence_of_states_one_a_poll(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    shown = ["BATCH_STATE_PENDING", "BATCH_STATE_UNSPECIFIED", "BATCH_STATE_PAUSED", "BATCH_STATE_RUNNING"]
    gemini.fault("batch", states=shown)
    job = client.batches.create(model=MODEL, src=upload(pages(1)).name or "")
    gemini.wait_until_done()
    polls = [client.batches.get(name=job.name or "") for _ in range(5)]
    assert [str(poll.state.value).split("_STATE_")[1] for poll in polls if poll.state] == [
        "PENDING", "UNSPECIFIED", "PAUSED", "RUNNING", "SUCCEEDED",
    ]  # fmt: skip
    assert [bool(poll.dest) for poll in polls] == [False] * 4 + [True]


def test_i08_it_can_finish_a_batch_that_was_cancelled(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish, results: Results
) -> None:
    gemini.fault("batch", ignore_cancel=True, hold=True)
    job = client.batches.create(model=MODEL, src=upload(pages(2)).name or "")
    client.batches.cancel(name=job.name or "")
    gemini.release(name=job.name or "")
    assert len(results(finish(job.name))) == 2


def test_i01_it_loses_the_results_of_a_batch(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.fault("batch", lose_result=True)
    job = finish(client.batches.create(model=MODEL, src=upload(pages(1)).name or "").name)
    assert job.state == types.JobState.JOB_STATE_SUCCEEDED
    with pytest.raises(errors.ClientError):
        client.files.download(file=job.dest.file_name or "" if job.dest else "")


def test_it_keeps_a_batch_pending_by_the_simulated_clock(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Finish
) -> None:
    gemini.fault("batch", delay=3600, run=1800)
    job = client.batches.create(model=MODEL, src=upload(pages(1)).name or "")
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_PENDING
    gemini.advance(3601)
    gemini.wait_for(lambda: gemini.batches()[0]["stage"] == "ready")
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_RUNNING
    gemini.advance(1801)
    assert finish(job.name).state == types.JobState.JOB_STATE_SUCCEEDED


def test_it_spoils_direct_answers_too(gemini: LocalGemini, client: genai.Client) -> None:
    gemini.fault("page", outcome="missing", times=None)
    gemini.fault("page", outcome="SAFETY")
    first, second = (client.models.generate_content(model=MODEL, contents="words") for _ in range(2))
    assert first.candidates
    assert first.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert second.text
    gemini.fault("page", outcome="error", code=13)
    with pytest.raises(errors.ServerError):
        client.models.generate_content(model=MODEL, contents="words")


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"kind": "weather"}, "kind"),
        ({"kind": "page", "outcome": "nonsense"}, "nonsense"),
        ({"kind": "page", "outcome": "SAFETY", "tmes": 1}, "tmes"),
        ({"kind": "page", "outcome": "SAFETY", "match": {"colour": "red"}}, "colour"),
        ({"kind": "endpoint", "endpoint": "creation", "do": "drop"}, "endpoint"),
        ({"kind": "endpoint", "endpoint": "create", "do": "burn"}, "do must be"),
        ([], "ids"),
    ],
)
def test_it_refuses_a_misspelt_fault(gemini: LocalGemini, spec: Any, word: str) -> None:
    answer = requests.post(f"{gemini.url}/control/faults", json=spec, timeout=10)
    assert word in answer.text
    assert answer.status_code == (400 if spec else 200)
    assert gemini.faults() == []


def test_it_names_the_pages_that_were_sent_twice(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    once = upload([line("p1", jpeg("1")), line("p2", jpeg("2"))], "once").name or ""
    again = upload([line("p2", jpeg("2")), line("p3", jpeg("1"))], "again").name or ""
    for file in (once, again):
        client.batches.create(model=MODEL, src=file)
    sent = gemini.sent()
    assert sent["total"] == 4
    assert sent["keys_twice"] == {"p2": 2}
    assert sorted(sent["content_twice"].values()) == [2, 2]
