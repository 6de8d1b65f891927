"""Kills workers and looks at what they leave: one folder, one database, one local Gemini, one image server.

The harness never opens the library's database itself. Each worker is a fork of it that runs one scenario and is
killed at one point; the next one starts twenty minutes later by its clock, when every lease has run out.
"""

import datetime as dt
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.database import Database
from tests.torture.points import Points, install
from tests.torture.scenarios import CHUNK, PAGES, SCENARIOS, Run, Scenario

FETCH = "before GET image"
LATER = 20 * 60  # seconds between a worker's death and the next one's life
ORIGIN = """
import django; django.setup()
from tests.support.origin import Origin
import time, os
print(Origin().url, flush=True)
while os.getppid() == {parent}: time.sleep(0.5)
"""


@dataclass
class Finding:
    """Something that was not as it should be after a worker died."""

    scenario: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.scenario}, killed {self.where}: {self.what}"


@dataclass
class Report:
    """What was tried and what was found."""

    points: dict[str, int] = field(default_factory=dict)
    killed: int = 0
    survived: int = 0
    findings: list[Finding] = field(default_factory=list)

    def __str__(self) -> str:
        where = ", ".join(f"{name} {count}" for name, count in self.points.items())
        lines = [f"Points: {where}. Killed {self.killed} times, {self.survived} workers ended before."]
        lines += [str(one) for one in self.findings] or ["Nothing was lost, doubled or paid twice."]
        return "\n".join(lines)


class Harness:
    """`start`, then `count`, `kill_at` and `kill_randomly` as often as wanted, then `stop`."""

    def __init__(self, folder: Path, database: Database, *, broken: str = "") -> None:
        self.folder = folder
        self.database = database
        self.broken = broken
        self.report = Report()
        self._servers: list[subprocess.Popen[str]] = []
        self.gemini: Any = None

    def start(self) -> None:
        """Servers, tables and one book whose scans are on the image server."""
        from tests.support.localgemini import LocalGemini

        self.gemini = LocalGemini(self.folder / "gemini").start()
        origin = subprocess.Popen(
            [sys.executable, "-c", ORIGIN.format(parent=os.getpid())], stdout=subprocess.PIPE, text=True
        )
        self._servers.append(origin)
        assert origin.stdout
        address = origin.stdout.readline().strip()
        ended = self._fork(lambda: _make_book(address))
        assert ended.ok, ended.said
        self.database.keep()
        self._warm_up()

    def _warm_up(self) -> None:
        """Do the work once in this process, so that its forks find all that is imported and built on first use."""
        from django.db import connections

        from jobs import gemini

        self._begin(SCENARIOS["inline"])
        _work("inline", self.gemini.url, Points(), 0, "")
        connections.close_all()
        gemini.close()
        gc.freeze()

    def stop(self) -> None:
        self.gemini.stop()
        for server in self._servers:
            server.kill()
            server.wait()
            assert server.stdout
            server.stdout.close()
        self.database.drop()

    # --- One worker after another ---

    def count(self, name: str) -> list[str]:
        """The points of a scenario, by name, from a run that nobody kills."""
        self._begin(SCENARIOS[name])
        ended = self._work(name)
        self.report.points[name] = len(ended.points)
        self._check(name, "never", ended)
        return ended.points

    def kill_at(self, name: str, number: int, points: list[str]) -> None:
        """Run a scenario, kill it at that point, look, let another worker finish, look again."""
        where = f"{points[number - 1]} (point {number})"
        self._begin(SCENARIOS[name])
        self._after_kill(self._work(name, kill_at=number))
        self._look(name, where)
        ended = self._work(name, later=1)
        self._check(name, where, ended)
        fetched = points[:number].count(FETCH) + ended.points.count(FETCH)
        if fetched > (most := PAGES + CHUNK + SCENARIOS[name].sent_again):
            self._find(name, where, f"{fetched} images were fetched, {most} at most may be")

    def kill_randomly(self, name: str, times: int, longest: float, seed: int) -> None:
        """Kill up to so many workers of one scenario after random times (at most `longest` seconds)."""
        dice = random.Random(seed)
        self._begin(SCENARIOS[name])
        where = f"at random, seed {seed}"
        for turn in range(times):
            ended = self._work(name, kill_after=dice.uniform(0, longest), later=turn)
            if not ended.killed:
                self.report.survived += 1
                break
            self._after_kill(ended)
            self._look(name, where)
        self._check(name, where, self._work(name, later=times))

    def _begin(self, scenario: Scenario) -> None:
        self.database.restore()
        for name in ("files/segments", "results"):
            shutil.rmtree(self.folder / "data" / name, ignore_errors=True)
        self.gemini.reset()
        for fault in scenario.faults:
            self.gemini.fault(**fault)

    def _after_kill(self, ended: "Ended") -> None:
        self.report.killed += ended.killed
        # What the dead worker has sent is still on its way; any call that comes after it is answered after it.
        time.sleep(0.05)
        self.gemini.counts()

    def _look(self, name: str, where: str) -> None:
        """At every observation the ledger balances and the money adds up."""
        from tests.torture.check import check_now

        seen = self._fork(check_now)
        if not seen.ok:
            self._find(name, where, f"right after the kill: {seen.said}")

    def _find(self, name: str, where: str, what: str) -> None:
        self.report.findings.append(Finding(name, where, what))
        print(self.report.findings[-1], file=sys.stderr, flush=True)

    def _check(self, name: str, where: str, ended: "Ended") -> None:
        """After the last worker: it came to its end, nothing is lost, doubled or left over, here or at Gemini."""
        from tests.torture.check import check_end

        scenario = SCENARIOS[name]
        looked = self._fork(lambda: check_end(scenario.texts)) if ended.ok else ended
        wrong = [] if looked.ok else [looked.said]
        wrong += self._at_gemini(scenario, killed=where != "never")
        for what in wrong:
            self._find(name, where, what)

    def _at_gemini(self, scenario: Scenario, *, killed: bool) -> list[str]:
        wrong = []
        sent = self.gemini.sent()
        extra = sum(times - 1 for times in sent["keys"].values())
        if extra > scenario.sent_again:
            wrong.append(f"{extra} requests were paid again, {scenario.sent_again} may be")
        if files := [file["name"] for file in self.gemini.files()]:
            wrong.append(f"files were left at Gemini: {files}")
        again = self.gemini.counts().get("upload_finalize", 0) - len(self.gemini.batches())
        if again > int(killed):
            wrong.append(f"{again} uploads were repeated")
        return wrong

    # --- Forks ---

    def _work(
        self, name: str, *, kill_at: int | None = None, kill_after: float = 0.0, later: int = 0
    ) -> "Ended":
        """One worker: a fork that runs the scenario."""

        def work() -> list[str]:
            points = Points(kill_at)
            install(points)
            return _work(name, self.gemini.url, points, later * LATER, self.broken)

        return self._fork(work, kill_after=kill_after)

    def _fork(self, work: Callable[[], Any], *, kill_after: float = 0.0) -> "Ended":
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            _child(work, writing)
        os.close(writing)
        if kill_after:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(pid, 0)
        return Ended.of(status, said)


@dataclass
class Ended:
    """How a fork ended: killed, or with what it has to say."""

    killed: bool
    ok: bool
    said: str = ""
    points: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, status: int, said: str) -> "Ended":
        if os.WIFSIGNALED(status):
            return cls(True, False, f"killed by signal {os.WTERMSIG(status)}")
        told = json.loads(said)
        return cls(False, told["ok"], told["said"], told["points"])


def _child(work: Callable[[], Any], writing: int) -> None:
    """The fork's life; it never returns."""
    told: dict[str, Any] = {"ok": False, "said": "", "points": []}
    try:
        found = work()
        told |= {"ok": True, "points": found if isinstance(found, list) else []}
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told["said"] = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
        if not isinstance(error, AssertionError):
            traceback.print_exc()
    from django.db import connections

    connections.close_all()
    with os.fdopen(writing, "w") as pipe:
        json.dump(told, pipe)
    os._exit(0)


def _work(name: str, url: str, points: Points, later: float, broken: str) -> list[str]:
    """Run one scenario in this process, `later` seconds from now by its clock; the points it passed."""
    import time_machine
    from django.conf import settings

    scenario = SCENARIOS[name]
    for setting, value in {**scenario.settings, "GEMINI_BASE_URL": url}.items():
        setattr(settings, setting, value)
    if broken:
        _break(broken)
    run = Run(url, points.aside)
    if later:
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=later)
        with time_machine.travel(moment, tick=True):
            scenario.script(run)
    else:
        scenario.script(run)
    return points.names


def _break(what: str) -> None:
    """Negative controls: a product without one of its safeguards, for which the harness must find something."""
    if what == "adoption":
        from jobs.lifecycle import submit

        submit.look_for = lambda batch: None
    elif what == "ledger":
        from jobs.lifecycle import common

        common.Held.recount = lambda self, **changes: common.figures(self.job.pk)  # type: ignore[method-assign]
    else:
        raise ValueError(f"nobody knows how to break {what}")


def _make_book(address: str) -> None:
    from django.core.management import call_command

    from books.models import Book, Page

    call_command("migrate", verbosity=0)
    book = Book.objects.create(title="Epodi", language="la")
    for number in range(1, PAGES + 1):
        Page.objects.create(book=book, number=number, image_url=f"{address}/page/{number}.jpg")
    book.recount()
