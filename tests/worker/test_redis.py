"""With Redis as the queue a killed worker loses its tasks and no work: the schedule finds every job again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from tests.support.localgemini import LocalGemini
from tests.support.ports import kept_port
from tests.worker.conftest import ROOT, children, environment, until

pytestmark = [
    pytest.mark.xdist_group("worker"),
    pytest.mark.skipif(
        not shutil.which("redis-server"), reason="no redis-server here: apt-get install redis-server"
    ),
]
ORDER = """
import json
from tests.support.library import make_book, order_ocr
print(json.dumps([order_ocr(make_book(6, title=f"Liber {n}")).pk for n in range(3)]))
"""
LOOK = """
import json
from books.models import PageText
from jobs.models import Job
print(json.dumps([sorted(Job.objects.values_list("status", flat=True)), PageText.objects.count()]))
"""
# What the schedule would do within a minute, at once: the tests do not wait for minutes.
DUE = """
from django.utils import timezone
from django_q.models import Schedule
Schedule.objects.filter(func="jobs.tasks.advance_jobs").update(next_run=timezone.now())
print("null")
"""


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[str]:
    """The address of a Redis of its own, which keeps nothing on disk."""
    with kept_port() as port:
        command = [
            "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path),
        ]  # fmt: skip
        with (tmp_path / "redis.log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        client = redis.Redis(port=port)
        until(lambda: _answers(client), "redis answers")
        yield f"redis://127.0.0.1:{port}/0"
        client.close()
        server.terminate()
        server.wait(10)


def _answers(client: redis.Redis) -> bool:
    with suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


class Site:
    """A site on the migrated database with its queue in Redis."""

    def __init__(self, folder: Path, queue: str, gemini: LocalGemini) -> None:
        self.folder = folder
        self.env = environment(folder) | {
            "REDIS_URL": queue, "GEMINI_BASE_URL": gemini.url, "GEMINI_API_KEY": gemini.key, "JOB_LEASE_SECONDS": "3",
            "POLL_FIRST_SECONDS": "0.2", "POLL_LAST_SECONDS": "0.5", "PREPARE_CHUNK_SIZE": "2", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []

    def run(self, program: str) -> object:
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", program]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    def work(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "worker"], cwd=ROOT, env=self.env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        return worker


def kill(worker: "subprocess.Popen[bytes]") -> None:
    """Every process of it at once, as when the power goes."""
    found = [worker.pid]
    for pid in found:
        found += children(pid)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.wait(10)


@pytest.fixture
def site(migrated: Path, tmp_path: Path, queue: str, gemini: LocalGemini) -> Iterator[Site]:
    shutil.copy(migrated, tmp_path / "sourcebatch.sqlite3")
    made = Site(tmp_path, queue, gemini)
    yield made
    for worker in made.workers:
        kill(worker)


def test_a_killed_worker_on_redis_loses_no_work(site: Site, queue: str, gemini: LocalGemini) -> None:
    gemini.hold()
    site.run(ORDER)
    client = redis.Redis.from_url(queue)
    assert client.llen("django_q:sourcebatch:q") == 3
    doomed = site.work()
    until(lambda: gemini.journal("create"), "the first batch is sent", 120)
    kill(doomed)
    # The tasks that the dead worker had taken are gone from the queue, and nobody puts them back.
    client.flushall()
    client.close()
    gemini.release()
    site.work()
    site.run(DUE)
    until(lambda: site.run(LOOK) == [["completed"] * 3, 18], "the next worker has done all of it", 300)
    assert gemini.sent()["keys_twice"] == {}
