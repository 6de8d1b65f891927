"""System checks: each wrong setting is one sentence, and good settings are silent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from sourcebatch.lib.quotas import dollars

ROOT = Path(__file__).resolve().parents[2]


def ids() -> list[str]:
    return [message.id or "" for message in run_checks() if (message.id or "").startswith("sourcebatch.")]


def test_good_settings_say_nothing() -> None:
    assert ids() == []


def test_a_missing_key_is_a_warning(settings: Settings) -> None:
    settings.GEMINI_API_KEY = ""
    assert ids() == ["sourcebatch.W001"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PREPARE_CHUNK_SIZE", 0, "sourcebatch.E001"),
        ("MAX_ATTEMPTS", -1, "sourcebatch.E001"),
        ("MEDIA_RESOLUTION", "sharp", "sourcebatch.E002"),
        ("BATCH_MAX_BYTES", 3_000_000_000, "sourcebatch.E003"),
        ("MAX_ENQUEUED_TOKENS", "3 million", "sourcebatch.E006"),
        ("MAX_ENQUEUED_TOKENS", "3000000, *-lite=10", "sourcebatch.E007"),
        ("MAX_GEMINI_FILE_BYTES", 18, "sourcebatch.E008"),
        ("MAX_GEMINI_FILE_BYTES", 30_000_000_000, "sourcebatch.E008"),
    ],
)
def test_figures_that_cannot_work_are_errors(settings: Settings, name: str, value: object, code: str) -> None:
    setattr(settings, name, value)
    assert ids() == [code]


@pytest.mark.parametrize("name", ["MAX_ENQUEUED_TOKENS", "MAX_GEMINI_FILE_BYTES"])
def test_a_limit_that_is_not_known_is_none(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    assert ids() == []


@pytest.mark.parametrize("name", ["SPEND_LIMIT_DAY_USD", "SPEND_LIMIT_MONTH_USD"])
@pytest.mark.parametrize("value", ["nan", "inf", "-5", "5 USD", "5,50"])
def test_i51_what_is_no_amount_of_money_is_an_error(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, dollars(value))
    assert "sourcebatch.E009" in ids()


@pytest.mark.parametrize(("value", "limit"), [("", None), ("  ", None), ("0", 0.0), (" 15.50", 15.5)])
def test_i51_what_is_an_amount_of_money_is_taken(settings: Settings, value: str, limit: float | None) -> None:
    settings.SPEND_LIMIT_DAY_USD = dollars(value)
    assert dollars(value) == limit
    assert "sourcebatch.E009" not in ids()


def test_a_retry_that_would_run_tasks_twice_is_an_error(settings: Settings) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"retry": 600}
    assert ids() == ["sourcebatch.E004"]


def test_one_worker_process_gets_a_longer_retry(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "WORKERS": "1",
        "DATA_DIR": str(tmp_path),
        "GEMINI_API_KEY": "x",
        "PYTHONDEVMODE": "",
    }
    env["DJANGO_SETTINGS_MODULE"] = "sourcebatch.settings"
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert "no issues" in done.stdout
