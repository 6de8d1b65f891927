"""Result files with anything in them: no crash, no other page's text, every page in the ledger (I03, I14)."""

import json
import os
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from books.models import PageText
from jobs import gemini
from jobs.lifecycle import Actor
from jobs.lifecycle.collect import collect
from jobs.lifecycle.common import figures, lease
from jobs.models import GeminiBatch, Job
from tests.incidents.support import make_book, order_ocr, steps_until
from tests.support.localgemini import LocalGemini
from tests.torture.check import check_now

PAGES = 3
ROBOT = Actor("fuzz", "command")
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.characters(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TOKENS = st.fixed_dictionaries(
    {}, optional={"promptTokenCount": ANY, "candidatesTokenCount": ANY, "thoughtsTokenCount": ANY}
)
PART = st.fixed_dictionaries({}, optional={"text": st.text() | ANY, "thought": ANY})
CANDIDATE = st.fixed_dictionaries(
    {}, optional={"content": st.fixed_dictionaries({"parts": st.lists(PART, max_size=3) | ANY}) | ANY,
                  "finishReason": st.sampled_from(["STOP", "SAFETY", "MAX_TOKENS", "IMAGE_STOP", "NEW", ""]) | ANY}
)  # fmt: skip
RESPONSE = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(CANDIDATE, max_size=2) | ANY,
        "usageMetadata": TOKENS | ANY,
        "promptFeedback": ANY,
    },
)
ERROR = st.fixed_dictionaries({}, optional={"code": ANY, "message": ANY, "status": ANY}) | ANY
# Keys 0, 1 and 2 stand for the three pages of the job, 3 for a page of another job.
KEY = st.integers(0, 3) | ANY
LINE = st.fixed_dictionaries({}, optional={"key": KEY, "metadata": st.fixed_dictionaries({"key": KEY}) | ANY,
                                           "response": RESPONSE | ANY, "error": ERROR})  # fmt: skip


@pytest.fixture
def submitted(local: LocalGemini, db: None) -> tuple[GeminiBatch, list[str]]:
    """A batch whose three pages wait for their answers, and the keys of its pages and of another job's."""
    local.hold()
    other, job = order_ocr(make_book(1)), order_ocr(make_book(PAGES))
    for one in (other, job):
        steps_until(one, "submitted")
    keys = [row.pk for row in job.ledger.order_by("number")] + [other.ledger.get().pk]
    return job.batches.get(), keys


def as_bytes(line: Any, keys: list[str]) -> bytes:
    """A line of the file; numbers in the place of a key become keys."""
    if isinstance(line, bytes):
        return line.replace(b"\n", b" ")
    if isinstance(line.get("key"), int) and 0 <= line["key"] < len(keys):
        line = {**line, "key": keys[line["key"]]}
    return json.dumps(line).encode()


def test_i03_any_result_file_is_collected_to_its_end(submitted: tuple[GeminiBatch, list[str]]) -> None:
    batch, keys = submitted

    @settings(
        max_examples=5 * int(os.environ.get("MODEL_EXAMPLES", "12")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(LINE | st.binary(max_size=60), max_size=6))
    def collects(lines: list[Any]) -> None:
        with transaction.atomic():
            _collect(batch, b"".join(as_bytes(line, keys) + b"\n" for line in lines))
            transaction.set_rollback(True)

    collects()


def _collect(batch: GeminiBatch, data: bytes) -> None:
    path = django_settings.DATA_DIR / "results" / f"{batch.pk}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    job = Job.objects.get(pk=batch.job_id)
    remote = gemini.RemoteBatch(batch.name, batch.display_name, gemini.SUCCEEDED, result_file="files/any")
    with lease(job.pk, ROBOT) as held:
        collect(held, GeminiBatch.objects.get(pk=batch.pk), remote)
    check_now()
    found = figures(job.pk)
    assert (found.requested, found.submitted) == (PAGES, 0)
    assert not path.exists()
    assert not PageText.objects.exclude(job_id=job.pk).exists()
