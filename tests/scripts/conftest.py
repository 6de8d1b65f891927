"""A running server for bash, curl and jq: `run("process-all-batches.sh")` runs a script against it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from books.models import ApiToken
from tests.api.conftest import at_gemini, gemini, gemini_process, make_book, origin
from tests.support.localgemini import LocalGemini

__all__ = ["at_gemini", "gemini", "gemini_process", "make_book", "origin"]
ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


def tool(name: str) -> str:
    """The path of a program; a machine without it skips the test, but CI must have it."""
    found = shutil.which(name)
    if found is None and "CI" in os.environ:
        pytest.fail(f"{name} is not installed: apt-get install {name}")
    return found or pytest.skip(f"{name} is not installed")


@dataclass(frozen=True)
class Ran:
    """How a script ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
Environment = Callable[..., dict[str, str]]


@pytest.fixture
def token(transactional_db: None) -> str:
    """A token of scope operate."""
    return ApiToken.issue("cron", ApiToken.Scope.OPERATE)[1]


@pytest.fixture
def environment(
    live_server: LiveServer, token: str, at_gemini: LocalGemini, settings: Any, tmp_path: Path
) -> Environment:
    """`environment(NAME="value")`: all that a script gets to know, and no patience."""
    settings.FETCH_HOST_INTERVAL, settings.FETCH_HOST_CONCURRENCY = 0.0, 4
    for needed in ("bash", "curl", "jq"):
        tool(needed)
    values = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C", "BASE_URL": live_server.url,
        "SOURCEBATCH_TOKEN": token, "SLEEP_BETWEEN_JOBS": "0", "SLEEP_BETWEEN_PROCESS": "0", "NO_PROXY": "*",
    }  # fmt: skip
    return lambda **more: values | more


@pytest.fixture
def run(environment: Environment, tmp_path: Path) -> Run:
    """`run(script, NAME="value")`: how the script ended."""

    def ran(script: str, **more: str) -> Ran:
        done = subprocess.run(
            ["bash", str(SCRIPTS / script)], env=environment(**more), cwd=tmp_path, timeout=400,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return ran
