"""A worker of its own for each test: real processes on a real database file."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from django_q.signing import SignedPackage

from jobs.worker import SILENT_SECONDS
from tests.jobs.conftest import gemini, gemini_process, local

__all__ = ["gemini", "gemini_process", "local"]
ROOT = Path(__file__).resolve().parents[2]


def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for something to become true; fails with `what` after `seconds`."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still run."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def runs(pid: int) -> bool:
    """Whether that process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Worker:
    """`manage.py worker` in a process group of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.database = folder / "sourcebatch.sqlite3"
        self.log = folder / "worker.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", *options], cwd=ROOT, env=environment(folder),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.wait_for_pool()

    def wait_for_pool(self) -> None:
        """Until the guard has its two workers, monitor and pusher, all ready."""
        until(lambda: len(self.pool()) == 4 and self.is_ready(), self.log.read_text() or "no pool")

    def is_ready(self) -> bool:
        text = self.log.read_text()
        return all(f"at {pid}" in text for pid in self.pool())

    def pool(self) -> list[int]:
        return [child for guard in children(self.process.pid) for child in children(guard)]

    def tree(self) -> list[int]:
        """Every process of it, the outermost first."""
        return [self.process.pid, *children(self.process.pid), *self.pool()]

    def named(self, what: str) -> list[int]:
        """Children by what they said in the log: `ready for work`, `monitoring` or `pushing tasks`."""
        lines = [line for line in self.log.read_text().splitlines() if f"{what} at " in line]
        return [pid for pid in (int(line.rsplit(" ", 1)[1]) for line in lines) if pid in self.pool()]

    def give(self, function: str, *args: str) -> None:
        """Put a task into its queue, as async_task does."""
        name = uuid.uuid4().hex
        task: dict[str, object] = {
            "id": name,
            "name": name[:8],
            "func": f"tests.worker.tasks.{function}",
            "args": args,
        }
        task |= {"kwargs": {}, "started": None, "ack_failure": True}
        with closing(sqlite3.connect(self.database, timeout=20)) as database, database:
            database.execute(
                "insert into django_q_ormq (key, payload, lock) values ('sourcebatch', ?, ?)",
                [SignedPackage.dumps(task), "2020-01-01 00:00:00"],
            )

    def ended(self, seconds: float = SILENT_SECONDS + 60.0) -> int:
        """Its exit code, when it and every process of it is gone. A child that dies holding a lock of the pool is found
        out by the guard's silence.
        """
        return self.process.wait(seconds)


def environment(folder: Path) -> dict[str, str]:
    """A worker's environment: the product's settings on a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "sourcebatch.settings", "DATA_DIR": str(folder), "SECRET_KEY": "tests-only",
        "PYTHONDEVMODE": "", "PYTHONWARNINGS": "",
    }  # fmt: skip


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=ROOT,
        env=environment(folder),
        check=True,
        timeout=120,
    )
    return folder / "sourcebatch.sqlite3"


@pytest.fixture
def start_worker(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers on a database of their own and leaves none behind."""
    started: list[Worker] = []

    def start(*options: str) -> Worker:
        shutil.copy(migrated, tmp_path / "sourcebatch.sqlite3")
        started.append(Worker(tmp_path, *options))
        return started[-1]

    yield start
    for worker in started:
        for pid in worker.tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        worker.process.wait(10)
