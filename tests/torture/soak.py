"""`python -m tests.torture.soak`: a whole library through two workers while everything fails now and then.

`--books` and `--pages` (a book) say how much, `--scans` how many pages besides are read from images. Gemini spoils
2 % of the pages, answers 5 % of the calls with 503 or 429, lets one batch in twenty expire or be cancelled, and
takes five to fifteen simulated minutes for a batch; its clock runs 120 times as fast as ours. One worker is killed
every few seconds. At the end every page must be accounted for. Exit code 1 when one is not.
"""

import argparse
import datetime as dt
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.__main__ import settle

FASTER = 120  # simulated seconds of Gemini's a second of ours
FAULTS: list[dict[str, Any]] = [
    {"kind": "batch", "run": 300, "times": None},
    {"kind": "batch", "run": 900, "every": 2},
    {"kind": "batch", "final": "BATCH_STATE_EXPIRED", "every": 40},
    {"kind": "batch", "final": "BATCH_STATE_CANCELLED", "every": 39, "after": 20},
    {"kind": "endpoint", "endpoint": "*", "do": "error", "code": 503, "probability": 0.025, "seed": 1},
    {"kind": "endpoint", "endpoint": "*", "do": "error", "code": 429, "probability": 0.025, "seed": 2},
    {"kind": "endpoint", "endpoint": "create", "do": "lose_reply", "probability": 0.02, "seed": 3},
    {"kind": "page", "outcome": "error", "code": 13, "probability": 0.008, "seed": 4},
    {"kind": "page", "outcome": "empty_text", "probability": 0.004, "seed": 5},
    {"kind": "page", "outcome": "missing", "probability": 0.004, "seed": 6},
    {"kind": "page", "outcome": "SAFETY", "probability": 0.002, "seed": 7},
    {"kind": "page", "outcome": "MAX_TOKENS", "probability": 0.002, "seed": 8},
]
LINE = "Quid tibi uis mulier, nigris dignissima barris? Munera cur mihi quidue tabellas mittis, amice?"


@dataclass
class Soak:
    """One run and its figures."""

    folder: Path
    gemini: Any
    workers: dict[int, float] = field(default_factory=dict)
    kills: int = 0

    def run(self, kill_every: float) -> None:
        """Two workers, a clock that runs, and a hand that kills, until no job is under way."""
        dice, next_kill = random.Random(7), time.monotonic() + kill_every
        while not self._ask(_all_ended):
            while len(self.workers) < 2:
                self.workers[self._fork(_work)] = time.monotonic()
            for _ in range(10):
                time.sleep(0.2)
                self.gemini.advance(0.2 * FASTER)
                self._bury()
            if time.monotonic() > next_kill and self.workers:
                os.kill(dice.choice(list(self.workers)), signal.SIGKILL)
                self.kills += 1
                next_kill = time.monotonic() + kill_every

    def _bury(self) -> None:
        for pid in list(self.workers):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self.workers[pid]

    def stop(self) -> None:
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _fork(self, what: Any) -> int:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                code = int(not what())
            finally:
                os._exit(code)
        return pid

    def _ask(self, what: Any) -> bool:
        """The answer of a function that looks at the database, from a process of its own."""
        _, status = os.waitpid(self._fork(what), 0)
        return os.waitstatus_to_exitcode(status) == 0

    def must(self, what: Any) -> None:
        if not self._ask(what):
            raise SystemExit(f"{what.__name__} failed: see above.")


# --- In processes of their own ---


def _work() -> bool:
    from jobs.tasks import advance_jobs

    while True:
        advance_jobs(budget=5)


def _all_ended() -> bool:
    from jobs.models import GeminiBatch, Job, Stage

    unfinished = GeminiBatch.objects.exclude(stage__in=[Stage.CLOSED, Stage.COLLECTED])
    return not Job.objects.live().exists() and not unfinished.exists()


def _library(books: int, pages: int, scans: int) -> Any:
    def make() -> bool:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        for number in range(books):
            _book_with_texts(number, pages)
        if scans:
            _book_with_scans(scans)
        return True

    return make


def _book_with_texts(number: int, pages: int) -> None:
    from books.models import Book, Page, PageText
    from books.texts import text_hash
    from sourcebatch.lib.db import atomic

    with atomic():
        book = Book.objects.create(title=f"Liber {number}", language="la")
        made = [Page(book=book, number=n) for n in range(1, pages + 1)]
        Page.objects.bulk_create(made, batch_size=1000)
        texts = []
        for page in made:
            data = f"{LINE}\nLiber {number}, pagina {page.number}."
            texts.append(
                PageText(
                    page=page,
                    kind="ocr",
                    data=data,
                    text_sha256=text_hash(data),
                    source="import",
                    is_current=True,
                )
            )
        PageText.objects.bulk_create(texts, batch_size=1000)
        book.recount()
    _order("batch_translate", book.pk)


def _book_with_scans(scans: int) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from books.models import Book, Page
    from tests.support.pages import printed

    book = Book.objects.create(title="Liber pictus", language="la")
    names = [
        default_storage.save(f"soak/{n}.jpg", ContentFile(printed(n, 200, 280, "SOAK"))) for n in range(1, 51)
    ]
    Page.objects.bulk_create(
        [Page(book=book, number=n, image_file=names[n % len(names)]) for n in range(1, scans + 1)],
        batch_size=1000,
    )
    _order("batch_ocr", book.pk)


def _order(type_: str, book_id: str) -> None:
    from jobs import lifecycle
    from jobs.lifecycle import Actor, NewJob

    lifecycle.create(NewJob(type_, None, book_id), Actor("soak", "command"))


def _count(gemini: Any, expected: int) -> Any:
    def counted() -> bool:
        """Every page in the ledger, in one end state, with its text or its reason; nothing paid twice."""
        from django.db.models import Count, Sum

        from books.models import PageText
        from jobs import lifecycle
        from jobs.lifecycle import Actor
        from jobs.models import Job, JobPage, PaidCall, Spending

        lifecycle.sweep(Actor("soak", "command"))
        rows = JobPage.objects.order_by().values("state").annotate(n=Count("pk"))
        states = {row["state"]: row["n"] for row in rows}
        reasons = Counter(JobPage.objects.filter(state="failed").values_list("reason", flat=True))
        texts = PageText.objects.current().exclude(job_id="").count()
        attempts = JobPage.objects.aggregate(n=Sum("attempts"))["n"]
        sent = gemini.sent()
        spent = Spending.objects.filter(pk__regex="^.{10}$").aggregate(n=Sum("spent"))["n"] or 0
        paid = PaidCall.objects.aggregate(n=Sum("cost_micro_usd"))["n"] or 0
        statuses = Counter(Job.objects.values_list("status", flat=True))
        print(f"Ledger: {states}. Reasons of failures: {dict(reasons)}. Jobs: {dict(statuses)}.")
        print(f"Texts {texts}; requests accepted {sent['total']}, attempts counted {attempts}.")
        print(f"Spent {spent / 1e6:.2f} dollars, calls in the books {paid / 1e6:.2f}.")
        wrong = {
            "pages are missing from the ledger": sum(states.values()) != expected,
            "pages are still open": bool(set(states) - {"succeeded", "failed", "skipped"}),
            "a page that succeeded has no text, or two": texts != states.get("succeeded", 0),
            "a failed page has no reason": "" in reasons,
            "a request was paid and not counted": sent["total"] != attempts,
            "the books do not balance": spent != paid,
            "money is still set aside": Spending.objects.exclude(reserved=0).exists(),
            "files are left at Gemini": bool(gemini.files()),
            "jobs have other figures than their ledgers": _differing() > 0,
        }
        for what, true in wrong.items():
            if true:
                print(f"WRONG: {what}.")
        return not any(wrong.values())

    return counted


def _differing() -> int:
    from jobs.lifecycle.common import figures
    from jobs.models import Job

    return sum(job.progress != figures(job.pk).as_progress() for job in Job.objects.all())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.soak", description=__doc__)
    parser.add_argument("--books", type=int, default=2000)
    parser.add_argument("--pages", type=int, default=200, help="pages a book")
    parser.add_argument("--scans", type=int, default=2000, help="pages besides that are read from images")
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds between two kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        return _soak(Path(name), options)


def _soak(folder: Path, options: argparse.Namespace) -> int:
    database = settle(folder)
    from tests.support.localgemini import LocalGemini

    gemini = LocalGemini(folder / "gemini").start()
    _settings(gemini.url)
    soak = Soak(folder, gemini)
    try:
        soak.must(_library(options.books, options.pages, options.scans))
        for fault in FAULTS:
            gemini.fault(**fault)
        started, simulated = time.monotonic(), _clock(gemini)
        soak.run(options.kill_every)
        seconds = time.monotonic() - started
        struck = Counter({_name(one): one["used"] for one in gemini.faults()})
        gemini.clear_faults()
        expected = options.books * options.pages + options.scans
        kind = "PostgreSQL" if "postgres" in database.url else "SQLite"
        print(
            f"{kind}: {options.books} books, {expected} pages, {seconds:.0f} s, {expected / seconds:.1f} pages/s."
        )
        hours = (_clock(gemini) - simulated).total_seconds() / 3600
        print(f"Hours by Gemini's clock: {hours:.1f}. Workers killed: {soak.kills}.")
        print(f"Faults that struck: {dict(struck)}. Calls: {gemini.counts()}.")
        ok = soak._ask(_count(gemini, expected))
    finally:
        soak.stop()
        gemini.stop()
        database.drop()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"Largest process: {memory} MB. {'Every' if ok else 'NOT every'} page is accounted for.")
    return int(not ok)


def _clock(gemini: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(gemini.control("GET", "clock")["now"])


def _name(fault: dict[str, Any]) -> str:
    """A fault in a word."""
    if fault["kind"] == "endpoint":
        return f"{fault['endpoint']} {fault.get('code', fault['do'])}"
    return str(fault.get("outcome") or fault.get("final") or f"{fault['run']} s")


def _settings(url: str) -> None:
    """Polls and leases in proportion to Gemini's faster clock; everything else as it comes."""
    from django.conf import settings

    settings.GEMINI_BASE_URL = url
    settings.PREPARE_CHUNK_SIZE = 200
    settings.POLL_FIRST_SECONDS, settings.POLL_LAST_SECONDS = 0.5, 2.0
    settings.JOB_LEASE_SECONDS, settings.ADOPT_WAIT_SECONDS = 20.0, 5.0
    settings.MAX_OPEN_BATCHES = 80


if __name__ == "__main__":
    sys.exit(main())
