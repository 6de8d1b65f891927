"""The local stand-in for Gemini as a real process, with a small client for its side door.

Session fixtures start a server once (`gemini_process` with engine none, `gemini_ocr_process` reading for
real); `gemini` and `gemini_ocr` give it emptied for each test. A conftest.py imports all four.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
SHARED_CACHE = ROOT / "var" / "ocr-cache"
Found = TypeVar("Found")


class LocalGemini:
    """A running stand-in. `url` is what GEMINI_BASE_URL wants; `key` is one that it accepts."""

    key = "local-test-key"

    def __init__(
        self,
        data_dir: Path,
        engine: str = "none",
        *options: str,
        log: Path | None = None,
        as_google: bool = True,
    ) -> None:
        self.data_dir = data_dir
        self.engine = engine
        # What the stand-in does under its own name costs nothing: tests of money need answers as Google gives them.
        self.options = (*options, "--as-google") if as_google else options
        self.log = log or data_dir.with_suffix(".log")
        self.url = ""
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    def start(self, deadline: float = 30.0) -> LocalGemini:
        """Start the process and read its address. A restart takes the same port again."""
        command = [
            sys.executable, "-m", "localgemini", "--port", str(self.port), "--data-dir", str(self.data_dir),
            "--engine", self.engine, *self.options,
        ]  # fmt: skip
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment()
            )
        self.url = self._first_line(deadline)
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def _first_line(self, deadline: float) -> str:
        assert self._process
        assert self._process.stdout
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            ready = waiting.select(deadline)
        line = self._process.stdout.readline().strip() if ready else ""
        if not line:
            raise RuntimeError(f"localgemini did not start: {self.log.read_text()[-2000:]}")
        return line

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and wait for it; its exit code."""
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(how)
        code = self._process.wait(30)
        assert self._process.stdout
        self._process.stdout.close()
        self._http.close()
        return code

    def kill(self) -> None:
        """SIGKILL, as a crash does it."""
        self.stop(signal.SIGKILL)

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call to the side door; what it refuses is an AssertionError with its sentence."""
        address = f"{self.url}/control/{path}".rstrip("/")
        answer = self._http.request(method, address, json=body, params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self) -> None:
        self.control("POST", "reset")

    def fault(self, kind: str, **spec: Any) -> int:
        """Set a fault (`endpoint`, `page` or `batch`; see localgemini/README.md); its id."""
        return int(self.control("POST", "faults", {"kind": kind, **spec})["ids"][0])

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "faults")["faults"]
        return found

    def clear_faults(self, fault_id: int | None = None) -> None:
        self.control("DELETE", "faults", **({"id": fault_id} if fault_id else {}))

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward."""
        self.control("POST", "clock", {"advance": seconds})

    def settings(self, **values: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.control("POST", "settings", values)
        return found

    def hold(self) -> None:
        """New and open batches stay RUNNING until `release`."""
        self.settings(hold=True)

    def release(self, **which: str) -> None:
        """Let batches end: all, or those with this `name` or `display_name`; new ones are not held either."""
        if not which:
            self.settings(hold=False)
        self.control("POST", "batches", {"complete": True, **which})

    def change_batches(self, **change: Any) -> list[str]:
        """Change open batches: `name` or `display_name` choose, the rest is the change."""
        found: list[str] = self.control("POST", "batches", change)["changed"]
        return found

    def batches(self) -> list[dict[str, Any]]:
        """Every batch that is there, newest first, whoever made it."""
        found: list[dict[str, Any]] = self.control("GET", "batches")["batches"]
        return found

    def files(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "files")["files"]
        return found

    def expire_files(self, name: str | None = None) -> None:
        self.control("POST", "expire", {"file": name} if name else {})

    def journal(
        self, endpoint: str | None = None, paid: bool = False, after: int = 0
    ) -> list[dict[str, Any]]:
        """Requests that came in, oldest first: seq, endpoint, status, outcome, paid, display_name, ..."""
        query = {"after": after, "paid": int(paid)} | ({"endpoint": endpoint} if endpoint else {})
        found: list[dict[str, Any]] = self.control("GET", "journal", **query)["entries"]
        return found

    def counts(self) -> dict[str, int]:
        """How many requests came in, by endpoint."""
        found: dict[str, int] = self.control("GET", "journal")["counts"]
        return found

    def sent(self) -> dict[str, Any]:
        """What accepted batches held: `total`, `keys`, `keys_twice`, `content_twice`."""
        found: dict[str, Any] = self.control("GET", "sent")
        return found

    def wait_for(self, what: Callable[[], Found], deadline: float = 30.0) -> Found:
        """Ask until the answer is truthy. Raises AssertionError when the deadline (seconds) passes."""
        end = time.monotonic() + deadline
        while not (found := what()):
            assert time.monotonic() < end, f"not within {deadline} s: {what}"
            time.sleep(0.01)
        return found

    def wait_until_done(self, deadline: float = 30.0) -> None:
        """Until no batch is open any more."""
        self.wait_for(lambda: all(batch["stage"] == "done" for batch in self.batches()), deadline)


def mark_of(image: bytes) -> str:
    """What the text of this image begins with under engine none: 16 hex digits of its SHA-256."""
    return hashlib.sha256(image).hexdigest()[:16]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHONWARNINGS")}


@pytest.fixture(scope="session")
def gemini_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGemini]:
    """One server with engine none for the whole run."""
    server = LocalGemini(tmp_path_factory.mktemp("gemini") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def gemini(gemini_process: LocalGemini) -> LocalGemini:
    """The server with engine none, emptied."""
    gemini_process.reset()
    return gemini_process


@pytest.fixture(scope="session")
def gemini_ocr_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGemini]:
    """One server that reads for real; what it has read is kept between runs."""
    folder = tmp_path_factory.mktemp("gemini-ocr") / "data"
    server = LocalGemini(folder, "rapidocr", "--cache-dir", str(SHARED_CACHE)).start()
    yield server
    server.stop()


@pytest.fixture
def gemini_ocr(gemini_ocr_process: LocalGemini) -> LocalGemini:
    """The server that reads for real, emptied."""
    gemini_ocr_process.reset()
    return gemini_ocr_process
