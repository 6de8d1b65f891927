"""/health and /metrics: what must never happen unseen is seen (I01, I09)."""

import datetime as dt
import re
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from django.test import Client
from django_q.models import Schedule
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from books.models import ApiToken
from jobs import gemini, tasks
from jobs.models import GeminiBatch, Heartbeat, Stage
from sourcebatch.lib.clock import now
from tests.support.library import make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def alive() -> None:
    Heartbeat.beat("worker")


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/health")
    return answer.status_code, answer.json()


def ended_batch(hours_ago: int) -> GeminiBatch:
    """A batch that ended then, its results not fetched; Gemini keeps them for 48 hours."""
    ended = now() - hours_ago * HOUR
    return GeminiBatch.objects.create(
        job=order_ocr(make_book(1)), display_name=f"ended {hours_ago}", stage=Stage.ENDED, name="batches/1",
        ended_at=ended, collect_before=ended + 48 * HOUR, polled_at=now(),
    )  # fmt: skip


def test_all_is_well_while_a_worker_shows_up(alive: None) -> None:
    status, body = ask()
    assert (status, body["status"], body["reasons"]) == (200, "ok", [])


def test_it_says_when_no_worker_has_ever_run() -> None:
    status, body = ask()
    assert status == 503
    assert "manage.py worker" in body["reasons"][0]


def test_it_says_when_the_worker_has_been_silent(alive: None) -> None:
    Heartbeat.objects.update(at=now() - dt.timedelta(minutes=6))
    assert ask()[0] == 503


def test_a_slower_schedule_is_given_more_time(alive: None) -> None:
    Heartbeat.objects.update(at=now() - dt.timedelta(minutes=6))
    Schedule.objects.filter(func="jobs.tasks.advance_jobs").update(minutes=10)
    assert ask()[0] == 200


def test_i01_results_past_half_of_their_time_are_an_alarm(alive: None) -> None:
    ended_batch(23)
    assert ask()[0] == 200
    batch = ended_batch(25)
    status, body = ask()
    assert status == 503
    assert "Results have been waiting" in body["reasons"][0]
    assert body["uncollected_batches"] == 2
    assert body["collect_before"].startswith(f"{batch.collect_before:%Y-%m-%dT%H:%M:%S}")


def test_i09_nobody_asking_gemini_is_an_alarm(alive: None) -> None:
    batch = ended_batch(0)
    GeminiBatch.objects.filter(pk=batch.pk).update(
        stage=Stage.OPEN, submitted_at=now() - 3 * HOUR, ended_at=None
    )
    status, body = ask()
    assert status == 503
    assert "Gemini was last asked" in body["reasons"][0]
    Heartbeat.beat("poll")
    assert ask()[0] == 200


def test_an_overdue_schedule_is_named(alive: None) -> None:
    Schedule.objects.filter(func="jobs.tasks.collect").update(next_run=now() - HOUR)
    assert "'Collect results' is overdue" in ask()[1]["reasons"][0]


def test_it_counts_the_pages_of_a_day(alive: None, local: LocalGemini) -> None:
    run(order_ocr(make_book(3)))
    assert ask()[1]["pages_last_day"] == 3


def at_gemini(settings: Settings, model: str) -> None:
    """Two open batches, one of them sent as a file, and what was left of one whose files could not be deleted."""
    settings.MAX_ENQUEUED_TOKENS = f"0, {model}=3000000"
    job = order_ocr(make_book(1))
    for name, stage, more in (
        ("inline", Stage.OPEN, {"inline": True}),
        ("file", Stage.INTENT, {"bytes": 5_000, "result_bytes": 200}),
        ("left", Stage.COLLECTED, {"bytes": 900, "result_bytes": 50}),
    ):
        GeminiBatch.objects.create(
            job=job, display_name=name, model=model, stage=stage, key_fingerprint=gemini.fingerprint(),
            input_tokens=1_000, polled_at=now(), **more,
        )  # fmt: skip


def test_it_tells_what_is_taken_of_geminis_limits(alive: None, settings: Settings) -> None:
    at_gemini(settings, "gemini-3.5-flash-lite")
    body = ask()[1]
    assert body["enqueued_tokens"] == {"gemini-3.5-flash-lite": 2_000}
    assert body["max_enqueued_tokens"] == {"gemini-3.5-flash-lite": 3_000_000}
    assert (body["gemini_file_bytes"], body["max_gemini_file_bytes"]) == (6_150, 18_000_000_000)
    settings.MAX_ENQUEUED_TOKENS, settings.MAX_GEMINI_FILE_BYTES = "0", 0
    body = ask()[1]
    assert body["max_enqueued_tokens"] == {"gemini-3.5-flash-lite": None}
    assert body["max_gemini_file_bytes"] is None


def test_metrics_tell_it_by_model(alive: None, settings: Settings) -> None:
    at_gemini(settings, "gemini-3.8-flash")
    token = ApiToken.issue("prometheus", ApiToken.Scope.READ)[1]
    text = Client().get("/metrics", headers={"authorization": f"Bearer {token}"}).content.decode()
    lines = text.splitlines()
    assert 'sourcebatch_enqueued_tokens{model="gemini-3.8-flash"} 2000.0' in lines
    assert 'sourcebatch_enqueued_tokens_max{model="gemini-3.8-flash"} 3e+06' in lines
    assert "sourcebatch_gemini_file_bytes 6150.0" in lines
    assert "sourcebatch_gemini_file_bytes_max 1.8e+10" in lines


def test_it_says_when_the_disk_is_nearly_full(alive: None, settings: Settings) -> None:
    free = ask()[1]["disk_free_bytes"]
    settings.MIN_FREE_DISK_MB = 2 * free // 1_000_000
    status, body = ask()
    assert (status, body["reasons"]) == (503, [ANY])
    assert re.fullmatch(r"The disk that holds DATA_DIR has \d+ MB left: make room .*", body["reasons"][0])
    settings.MIN_FREE_DISK_MB = 0
    assert ask()[0] == 200


def test_it_says_when_the_folder_of_the_data_is_gone(alive: None, settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "not mounted"
    status, body = ask()
    assert (status, body["disk_free_bytes"]) == (503, None)
    assert "is mounted" in body["reasons"][0]
    # Anybody may ask, so it does not say where.
    assert str(tmp_path) not in str(body)


def test_metrics_open_with_a_token_only() -> None:
    assert Client().get("/metrics").status_code == 401
    token = ApiToken.issue("prometheus", ApiToken.Scope.READ)[1]
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_metrics_are_what_prometheus_reads(alive: None, local: LocalGemini) -> None:
    order_ocr(make_book(1))
    tasks.advance_jobs(budget=60)
    token = ApiToken.issue("prometheus", ApiToken.Scope.READ)[1]
    text = Client().get("/metrics", headers={"authorization": f"Bearer {token}"}).content.decode()
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["sourcebatch_up"] == 1
    assert values["sourcebatch_pages_last_day"] == 1
    assert values["sourcebatch_worker_silent_seconds"] < 60
