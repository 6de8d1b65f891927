"""The way that the batch system's description suggests, one page after another and each batch in memory."""

import base64
import io
import json
import time
from typing import Any

import requests
from google import genai

from books import texts
from books.models import Page, PageText
from jobs.lifecycle.chunk import read
from jobs.lifecycle.common import order_of
from jobs.models import BatchPreparation, GeminiBatch, Job, JobPage, PageState
from jobs.operations import operation
from sourcebatch.lib.db import atomic

PROMPT = "Transcribe this page."


def client(address: str) -> genai.Client:
    return genai.Client(
        api_key="local-bench-key", http_options={"base_url": address, "api_version": "v1beta"}
    )


def prepare(job: Job) -> None:
    """Fetch an image, encode it, keep it in the database; the next one."""
    for row in JobPage.objects.filter(job=job).order_by("number"):
        page = Page.objects.get(pk=row.page_id)
        image = requests.get(page.image_url, timeout=60).content
        part = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(image).decode()}}
        request = {"contents": [{"role": "user", "parts": [part, {"text": PROMPT}]}]}
        BatchPreparation.objects.create(job=job, page=page, key=row.pk, request=request)


def lines(job: Job) -> bytes:
    """The whole batch file."""
    rows = list(BatchPreparation.objects.filter(job=job))
    return "\n".join(json.dumps({"key": row.key, "request": row.request}) for row in rows).encode()


def finish(job: Job, gemini: genai.Client) -> None:
    """Send the batch, wait for it, save its answers one by one."""
    config: Any = {"mime_type": "jsonl", "display_name": job.pk}
    file = gemini.files.upload(file=io.BytesIO(lines(job)), config=config)
    assert file.name
    batch = gemini.batches.create(model=job.model, src=file.name, config={"display_name": job.pk})
    assert batch.name
    while not batch.done:
        time.sleep(0.05)
        batch = gemini.batches.get(name=batch.name or "")
    assert batch.dest
    assert batch.dest.file_name
    for line in parsed(gemini.files.download(file=batch.dest.file_name)):
        row = JobPage.objects.get(pk=line["key"])
        text = line["response"]["candidates"][0]["content"]["parts"][0]["text"]
        PageText.objects.create(
            page_id=row.page_id,
            kind="ocr",
            data=text,
            source="machine",
            is_current=True,
            text_sha256=texts.text_hash(text),
        )
        row.state, row.is_open = PageState.SUCCEEDED, False
        row.save()
        job.progress = {"completed": JobPage.objects.filter(job=job, state=PageState.SUCCEEDED).count()}
        job.save()


def whole_way(job: Job, gemini: genai.Client) -> None:
    """From images to texts."""
    prepare(job)
    finish(job, gemini)


def parsed(results: bytes) -> list[dict[str, Any]]:
    """All answers of a result file."""
    return [json.loads(line) for line in results.decode().splitlines()]


def row_at_a_time(job: Job, batch: GeminiBatch, results: list[bytes]) -> None:
    """The product's own judgement and writer, but a transaction for each answer, as it was once."""
    work, order = operation(job.type), order_of(job)
    for line in results:
        found = read(line)
        with atomic():
            row = JobPage.objects.select_related("page").get(pk=found.key)
            accepted = work.accept(found, row.page, order)
            new = texts.NewText(work.kind, accepted.text, "machine", job_id=job.pk, flags=accepted.flags)
            texts.write(row.page, new)
            row.state, row.is_open = PageState.SUCCEEDED, False
            row.save()
            GeminiBatch.objects.filter(pk=batch.pk).update(collected_lines=row.number)
