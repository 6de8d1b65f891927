"""The stand-in under test: a real process, driven by the real SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.localgemini.helpers import line
from tests.support.localgemini import (
    LocalGemini,
    gemini,
    gemini_ocr,
    gemini_ocr_process,
    gemini_process,
)

__all__ = ["gemini", "gemini_ocr", "gemini_ocr_process", "gemini_process"]

MakeClient = Callable[..., genai.Client]


@pytest.fixture
def client_for() -> Iterator[MakeClient]:
    """A maker of SDK clients, all of which are closed in the end."""
    made: list[genai.Client] = []

    def make(server: LocalGemini, key: str = LocalGemini.key) -> genai.Client:
        options = types.HttpOptions(base_url=server.url, api_version="v1beta")
        made.append(genai.Client(api_key=key, http_options=options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(gemini: LocalGemini, client_for: MakeClient) -> genai.Client:
    return client_for(gemini)


@pytest.fixture
def upload(client: genai.Client, tmp_path: Path) -> Callable[..., types.File]:
    """Upload a batch file: `upload({"p1": image, ...})`, or raw lines, under a chosen name."""

    def send(pages: dict[str, bytes] | list[bytes], name: str | None = None) -> types.File:
        path = tmp_path / "batch.jsonl"
        rows = pages if isinstance(pages, list) else [line(key, image) for key, image in pages.items()]
        path.write_bytes(b"".join(rows))
        return client.files.upload(
            file=path, config={"mime_type": "jsonl", "name": name, "display_name": name}
        )

    return send


@pytest.fixture
def finish(gemini: LocalGemini, client: genai.Client) -> Callable[[str], types.BatchJob]:
    """Wait for a batch to end, whatever its state."""

    def wait(name: str) -> types.BatchJob:
        gemini.wait_until_done()
        return client.batches.get(name=name)

    return wait


@pytest.fixture
def results(client: genai.Client) -> Callable[[types.BatchJob], list[dict[str, Any]]]:
    """The lines of a finished batch's result file, parsed."""

    def read(job: types.BatchJob) -> list[dict[str, Any]]:
        assert job.dest
        assert job.dest.file_name
        data = client.files.download(file=job.dest.file_name)
        return [json.loads(row) for row in data.splitlines()]

    return read
