"""Real pages read for real: the sample book against its ground truth."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.localgemini.conftest import MakeClient
from tests.localgemini.helpers import MODEL, PROMPT, jpeg, line, text_of
from tests.support.localgemini import ROOT, LocalGemini

MATERIAL = ROOT.parent / "shared" / "material"
BOOK = MATERIAL / "more-epigrammata-1520"
pytestmark = [
    pytest.mark.ocr,
    pytest.mark.skipif(not BOOK.is_dir(), reason="the sample book is not beside the project"),
]


@pytest.fixture(scope="module")
def score() -> ModuleType:
    """The scoring module that came with the material."""
    spec = importlib.util.spec_from_file_location("score_gt", MATERIAL / "score_gt.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read(gemini_ocr: LocalGemini, client_for: MakeClient, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Read pages in one batch; their texts by key."""

    def batch(pages: dict[str, bytes]) -> dict[str, str]:
        client: genai.Client = client_for(gemini_ocr)
        path = tmp_path / "batch.jsonl"
        path.write_bytes(b"".join(line(key, image) for key, image in pages.items()))
        sent = client.files.upload(file=path, config={"mime_type": "jsonl"})
        job = client.batches.create(model=MODEL, src=sent.name or "")
        gemini_ocr.wait_until_done(240)
        ended = client.batches.get(name=job.name or "")
        assert ended.dest
        data = client.files.download(file=ended.dest.file_name or "")
        return {row["key"]: text_of(row) for row in map(json.loads, data.splitlines())}

    return batch


def test_it_reads_the_sample_book_with_less_than_10_percent_wrong(
    read: Callable[..., dict[str, str]], score: Any
) -> None:
    scans = {path.stem: path.read_bytes() for path in sorted(BOOK.glob("page_*.jpg"))}
    texts = read(scans)
    rates = {
        page: score.line_cer(
            [text for _, text in score.alto_lines(BOOK / f"{page}.alto.xml")], text, score.norm1
        )
        for page, text in texts.items()
    }
    print(json.dumps({page: round(rate, 4) for page, rate in rates.items()}))
    assert len(rates) == 12
    assert sum(rates.values()) / 12 < 0.10
    assert max(rates.values()) < 0.15


def test_it_reads_lines_in_their_order(read: Callable[..., dict[str, str]], score: Any) -> None:
    text = read({"p": (BOOK / "page_12.jpg").read_bytes()})["p"]
    truth = (BOOK / "page_12.gt.txt").read_text(encoding="utf-8")
    assert score.cer(score.norm1(truth), score.norm1(text)) < 0.12


def test_it_finds_a_white_page_blank(read: Callable[..., dict[str, str]]) -> None:
    assert read({"white": jpeg(size=(800, 1200))}) == {"white": "[[blank]]"}


def test_it_refuses_a_picture_that_cannot_be_decoded(gemini_ocr: LocalGemini, client_for: MakeClient) -> None:
    broken = b"\xff\xd8\xff\xe0" + bytes(500)
    contents: Any = [PROMPT, types.Part.from_bytes(data=broken, mime_type="image/jpeg")]
    with pytest.raises(genai.errors.ClientError) as refused:
        client_for(gemini_ocr).models.generate_content(model=MODEL, contents=contents)
    assert refused.value.code == 400
    assert "image" in str(refused.value.message)


def test_it_answers_other_calls_while_it_reads(gemini_ocr: LocalGemini, client_for: MakeClient) -> None:
    client = client_for(gemini_ocr)
    scan = (BOOK / "page_01.jpg").read_bytes()
    fresh = [scan + bytes([number]) for number in range(2)]
    source: Any = [
        {"contents": [types.UserContent([types.Part.from_bytes(data=data, mime_type="image/jpeg")])]}
        for data in fresh
    ]
    job = client.batches.create(model=MODEL, src=source)
    gemini_ocr.wait_for(lambda: gemini_ocr.batches()[0]["stage"] == "working")
    polls = 0
    while gemini_ocr.batches()[0]["stage"] != "done" and polls < 5:
        client.batches.get(name=job.name or "")
        polls += 1
    assert polls == 5 or gemini_ocr.batches()[0]["succeeded"] == 2
    gemini_ocr.wait_until_done(120)
