"""The machine is lost in the middle of three jobs: another one goes on from the back-up, nothing is paid twice.

Everything is a process of its own here: commands, the worker that is killed, Gemini. On SQLite in a folder that is
removed, or on the PostgreSQL that DATABASE_URL names, whose tables are emptied.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

# Three jobs: one is ended by half at Gemini, one waits there, one is still being prepared from a slow library.
MAKE = """
from books.models import Book, Page
from jobs import lifecycle
from jobs.lifecycle import Actor, NewJob
for title, pages in {books}:
    book = Book.objects.create(title=title, language="la")
    address = "{origin}/page/%d.jpg"
    Page.objects.bulk_create(Page(book=book, number=n, image_url=address % n) for n in range(1, pages + 1))
    book.recount()
    lifecycle.create(NewJob("batch_ocr", None, book.pk), Actor("test"))
"""
LOOK = """
import json
from books.models import PageText
from django.db.models import Sum
from jobs.models import Job, JobPage, GeminiBatch, PaidCall, Spending
print(json.dumps({
    "jobs": {j.book_title: [j.status, j.batch_phase] for j in Job.objects.all()},
    "states": {j.book_title: sorted(j.ledger.values_list("state", flat=True)) for j in Job.objects.all()},
    "batches": [[b.job.book_title, b.display_name] for b in GeminiBatch.objects.filter(stage="open")],
    "texts": [[t.page.book.title, t.page.number, t.data[:23]] for t in PageText.objects.current()],
    "versions": PageText.objects.count(), "requests": PaidCall.objects.aggregate(n=Sum("requests"))["n"] or 0,
    "reserved": Spending.objects.aggregate(n=Sum("reserved"))["n"] or 0,
}))
"""


class Machine:
    """One installation: its folder, its environment, its commands."""

    def __init__(self, folder: Path, gemini: LocalGemini, origin: Origin, database: str) -> None:
        self.folder = folder
        self.env = {
            "PATH": os.environ["PATH"], "DATA_DIR": str(folder), "SECRET_KEY": "test", "GEMINI_API_KEY": gemini.key,
            "GEMINI_BASE_URL": gemini.url, "FETCH_ALLOWED_HOSTS": "127.0.0.1", "POLL_FIRST_SECONDS": "0",
            "POLL_LAST_SECONDS": "0.2", "ADOPT_WAIT_SECONDS": "1", "PREPARE_CHUNK_SIZE": "2", "BATCH_MAX_PAGES": "3",
            "INLINE_MAX_PAGES": "2", "FETCH_HOST_CONCURRENCY": "127.0.0.1=1",
        } | ({"DATABASE_URL": database} if database else {})  # fmt: skip

    def start(self, *command: str) -> "subprocess.Popen[str]":
        log = (self.folder.parent / "log").open("a")
        with log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=self.env, stdout=subprocess.PIPE,
                stderr=log, text=True,
            )  # fmt: skip

    def run(self, *command: str) -> str:
        process = self.start(*command)
        out, _ = process.communicate(timeout=180)
        assert process.returncode == 0, (self.folder.parent / "log").read_text()[-3000:]
        return out

    def make(self, origin: Origin, *books: tuple[str, int]) -> None:
        script = MAKE.replace("{origin}", origin.url).replace("{books}", repr(books))
        self.run("shell", "--no-imports", "-c", script)

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("shell", "--no-imports", "-c", LOOK).splitlines()[-1])
        return found

    def wait(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + 90
        while not until(seen := self.look()):
            assert time.monotonic() < end, seen
        return seen


@pytest.fixture
def database() -> Iterator[str]:
    """An empty PostgreSQL database of its own where DATABASE_URL names a server, else none: a file in the folder."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield ""
        return
    import psycopg

    name = f"lost_machine_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def lose(machine: Machine, worker: "subprocess.Popen[str]") -> None:
    """Power off, disk gone."""
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    shutil.rmtree(machine.folder)
    if "DATABASE_URL" in machine.env:
        import psycopg

        with psycopg.connect(machine.env["DATABASE_URL"], autocommit=True) as server:
            server.execute("DROP SCHEMA public CASCADE")
            server.execute("CREATE SCHEMA public")


def in_the_middle(seen: dict[str, Any]) -> bool:
    states = {"preparing": []} | seen["states"]
    return (
        sorted(states["half"]) == ["submitted"] * 3 + ["succeeded"] * 3
        and set(states["waiting"]) == {"submitted"}
        and "waiting" in states["preparing"]
        and "prepared" in states["preparing"]
    )


def test_three_jobs_go_on_after_the_machine_is_lost(
    tmp_path: Path, gemini: LocalGemini, origin: Origin, database: str
) -> None:
    machine = Machine(tmp_path / "data", gemini, origin, database)
    machine.folder.mkdir()
    machine.run("migrate", "-v", "0")
    machine.make(origin, ("half", 6), ("waiting", 4))
    gemini.hold()
    worker = machine.start("advance_jobs", "--until-done")
    try:
        seen = machine.wait(lambda seen: len(seen["batches"]) == 4)
        gemini.release(display_name=dict(seen["batches"])["half"])
        origin.delay = 3.0
        machine.make(origin, ("preparing", 24))
        before = machine.wait(in_the_middle)
        machine.run("backup", str(tmp_path / "library.tar"))
    finally:
        lose(machine, worker)
    origin.delay = 0.0
    gemini.release()

    machine.folder.mkdir()
    said = machine.run("restore", str(tmp_path / "library.tar"))
    assert "Restored the state of" in said
    after = machine.look()
    assert after["texts"] == before["texts"]
    assert after["jobs"]["preparing"][1] == "preparing"
    machine.run("advance_jobs", "--until-done")
    assert_all_is_there(machine.look(), gemini)


def assert_all_is_there(seen: dict[str, Any], gemini: LocalGemini) -> None:
    assert {title: job[0] for title, job in seen["jobs"].items()} == dict.fromkeys(
        ("half", "waiting", "preparing"), "completed"
    )
    assert {state for states in seen["states"].values() for state in states} == {"succeeded"}
    assert len(seen["texts"]) == seen["versions"] == seen["requests"] == 34
    assert all(text.startswith("sha256 ") for _, _, text in seen["texts"])
    assert seen["reserved"] == 0
    sent = gemini.sent()
    assert (sent["total"], sent["keys_twice"]) == (34, {})
