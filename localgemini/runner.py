"""The work behind the HTTP answers: batches are begun, read line by line and ended, in threads of their own.

A batch goes queued -> working -> ready -> done. Every half second it notes how far it has come in input and
results, so that a killed server goes on from there.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from localgemini import catalogue, lines
from localgemini.batches import EXPIRED, FAILED, RUNNING, SUCCEEDED, Batches
from localgemini.config import LIFETIME
from localgemini.errors import GoogleError, unknown_field
from localgemini.files import digest_of
from localgemini.outcomes import line_code
from localgemini.responder import Page, Responder

log = logging.getLogger("localgemini")
CHECKPOINT = 0.5  # seconds between notes of what is done
BUSY, IDLE = 0.02, 0.5  # seconds between looks at the open batches
PAUSE = 2.0  # seconds before work goes on that the disk had no room for
WITH_RESULTS = {SUCCEEDED, "BATCH_STATE_PARTIALLY_SUCCEEDED"}


class Runner:
    """Owns the threads. `wake` makes it look at once, `stop` ends it and keeps what is done."""

    def __init__(self, batches: Batches, responder: Responder, workers: int) -> None:
        self.batches = batches
        self.store = batches.store
        self.responder = responder
        self.faults = responder.faults
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="batch")
        self._thread = threading.Thread(target=self._loop, name="batches", daemon=True)

    def start(self) -> None:
        """Batches that a killed server was working on are queued again, at the place they had reached."""
        self.store.run("UPDATE batch SET stage = 'queued' WHERE stage = 'working'")
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wake(self) -> None:
        self._wake.set()

    def _loop(self) -> None:
        self.responder.engine.warm_up()
        while not self._stopping.is_set():
            try:
                still_open = self._look()
            except Exception:
                log.exception("A look at the open batches failed; the next one follows.")
                still_open = 0
            self._wake.wait(BUSY if still_open else IDLE)
            self._wake.clear()

    def _look(self) -> int:
        """Move every open batch on; how many there are."""
        self.batches.files.sweep()
        rows = self.store.rows("SELECT * FROM batch WHERE stage != 'done' ORDER BY seq")
        for row in rows:
            self._move(row)
        return len(rows)

    def _move(self, row: sqlite3.Row) -> None:
        plan, now = json.loads(row["plan"]), self.store.now()
        if self._past_its_time(row):
            self.batches.end(row, EXPIRED)
        elif row["stage"] == "queued" and now >= row["created"] + plan.get(
            "delay", self.store.setting("delay")
        ):
            self._begin(row)
        elif row["stage"] == "ready" and self._may_end(row, plan, now):
            self._conclude(row, plan)

    def _past_its_time(self, row: sqlite3.Row) -> bool:
        return bool(self.store.now() - row["created"] >= LIFETIME)

    def _may_end(self, row: sqlite3.Row, plan: dict[str, Any], now: float) -> bool:
        held = plan.get("hold", self.store.setting("hold"))
        return not held and now >= (row["started"] or 0) + plan.get("run", 0)

    def _begin(self, row: sqlite3.Row) -> None:
        now = self.store.now()
        begun = self.store.run(
            "UPDATE batch SET stage = 'working', state = ?, started = COALESCE(started, ?), updated = ?"
            " WHERE id = ? AND stage = 'queued'",
            RUNNING, now, now, row["id"],
        )  # fmt: skip
        if begun:
            self._pool.submit(self._work, row)

    def _work(self, row: sqlite3.Row) -> None:
        """One batch in a worker thread: whatever goes wrong ends the batch, not the server."""
        try:
            if Work(self, row).run():
                self.store.run(
                    "UPDATE batch SET stage = 'ready' WHERE id = ? AND stage = 'working'", row["id"]
                )
        except FileNotFoundError:
            if self._past_its_time(row):
                # Its file went with it, a moment before the look at the open batches came to it.
                self.batches.end(row, EXPIRED)
            else:
                self.batches.end(row, FAILED, {"code": 5, "message": "The input file was deleted."})
        except (OSError, sqlite3.OperationalError) as error:
            self._again(row, error)
        except Exception:
            log.exception("batches/%s failed", row["id"])
            self.batches.end(row, FAILED, {"code": 13, "message": "Internal error encountered."})
        self.wake()

    def _again(self, row: sqlite3.Row, error: Exception) -> None:
        """The disk is full, say: the batch goes on from the place it had noted, as soon as that can be written."""
        log.warning("batches/%s waits for %s s: %s", row["id"], PAUSE, error)
        while not self._stopping.wait(PAUSE):
            try:
                self.store.run(
                    "UPDATE batch SET stage = 'queued' WHERE id = ? AND stage = 'working'", row["id"]
                )
            except sqlite3.OperationalError:
                continue
            return

    def stopped(self, batch_id: str) -> bool:
        """Whether work on this batch should end: the server stops, or the batch is no longer wanted."""
        if self._stopping.is_set():
            return True
        return not self.store.number(
            "SELECT COUNT(*) FROM batch WHERE id = ? AND stage = 'working'", batch_id
        )

    def _conclude(self, row: sqlite3.Row, plan: dict[str, Any]) -> None:
        """Publish the results where the end state has any, and end the batch."""
        final, file_id = plan.get("final", SUCCEEDED), None
        if plan.get("output", final in WITH_RESULTS):
            path = self._publish(row, plan)
            file_id = path.name if row["file_id"] else None
            sha256 = digest_of(path)
        with self.store.transaction():
            if file_id:
                self._add_file(row, file_id, sha256)
            self._end(row, final, plan.get("error"), file_id)
        self.batches.tidy(row)
        if file_id and plan.get("lose_result"):
            self.batches.files.discard(file_id)

    def _end(self, row: sqlite3.Row, state: str, error: Any, result_id: str | None) -> None:
        now = self.store.now()
        self.store.run(
            "UPDATE batch SET state = ?, stage = 'done', updated = ?, ended = ?, error = ?, result_id = ?"
            " WHERE id = ? AND stage = 'ready'",
            state, now, now, json.dumps(error) if error else None, result_id, row["id"],
        )  # fmt: skip

    def _publish(self, row: sqlite3.Row, plan: dict[str, Any]) -> Path:
        """Move the results to where they are read. After a crash in between they are there already."""
        part = self.batches.work / row["id"]
        target = self.batches.inline / f"{row['id']}.results"
        if row["file_id"]:
            target = self.batches.files.path(f"batch-{row['id']}")
        if part.exists():
            self._spoil(part, plan)
            part.replace(target)
        return target

    def _spoil(self, part: Path, plan: dict[str, Any]) -> None:
        if plan.get("shuffle"):
            lines.shuffle(part, plan["shuffle"])
        if plan.get("truncate"):
            lines.truncate(part, plan["truncate"])

    def _add_file(self, row: sqlite3.Row, file_id: str, sha256: str) -> None:
        size = self.batches.files.path(file_id).stat().st_size
        self.batches.files.add(
            row["owner"], file_id, size, sha256, row["display_name"], "application/jsonl", True
        )


class Work:
    """The lines of one batch, from the place reached last time to the end."""

    def __init__(self, runner: Runner, row: sqlite3.Row) -> None:
        self.runner = runner
        self.row = row
        self.model = catalogue.find(row["model"])
        self.limit = json.loads(row["plan"]).get("lines")
        self.succeeded, self.failed = row["succeeded"], row["failed"]
        self._noted = time.monotonic()

    def run(self) -> bool:
        """Read on to the end; False when it was stopped before."""
        part = self.runner.batches.work / self.row["id"]
        part.touch()
        with self.runner.batches.input_path(self.row).open("rb") as source, part.open("r+b") as target:
            source.seek(self.row["in_offset"])
            target.truncate(self.row["out_offset"])
            target.seek(self.row["out_offset"])
            return self._copy(source, target)

    def _copy(self, source: BinaryIO, target: BinaryIO) -> bool:
        while line := source.readline():
            if self._due() and not self._note(source, target):
                return False
            if not line.strip():
                continue
            if self.limit is not None and self.succeeded + self.failed >= self.limit:
                break
            target.write(self._answer(line))
        return self._note(source, target)

    def _due(self) -> bool:
        return time.monotonic() - self._noted > CHECKPOINT

    def _note(self, source: BinaryIO, target: BinaryIO) -> bool:
        """Note the places reached; False when nobody wants this batch any more."""
        target.flush()
        self._noted = time.monotonic()
        self.runner.store.run(
            "UPDATE batch SET in_offset = ?, out_offset = ?, succeeded = ?, failed = ?, updated = ?"
            " WHERE id = ?",
            source.tell(), target.tell(), self.succeeded, self.failed, self.runner.store.now(),
            self.row["id"],
        )  # fmt: skip
        return not self.runner.stopped(self.row["id"])

    def _answer(self, line: bytes) -> bytes:
        """The result of one line; a line that cannot be understood gets an error of code 3."""
        try:
            entry = lines.parse(line)
        except ValueError:
            return self._bad_line(line)
        if not isinstance(entry, dict):
            return self._bad_line(line)
        page = Page(self.model, lines.key_of(entry) or "", self.row["display_name"])
        fault = self.runner.faults.at_page(page.facts(), in_batch=True)
        return self._place({**_labels(entry), **self._result(entry, page, fault)}, fault)

    def _bad_line(self, line: bytes) -> bytes:
        key, _ = lines.identity(line)
        error = {"error": {"code": 3, "message": "The line is not a valid JSON object."}}
        return self._place({**({"key": key} if key else {}), **error}, None)

    def _result(self, entry: dict[str, Any], page: Page, fault: dict[str, Any] | None) -> dict[str, Any]:
        try:
            for name in set(entry) - {"key", "request", "metadata"}:
                raise unknown_field(name, "request")
            return {"response": self.runner.responder.respond(entry.get("request"), page, fault)}
        except GoogleError as error:
            return {"error": {"code": line_code(error), "message": error.message}}

    def _place(self, result: dict[str, Any], fault: dict[str, Any] | None) -> bytes:
        if "error" in result:
            self.failed += 1
        else:
            self.succeeded += 1
        return lines.place(result, fault)


def _labels(entry: dict[str, Any]) -> dict[str, Any]:
    """What a result carries over from its request: key (of a file's line) or metadata (of an inline one)."""
    return {name: entry[name] for name in ("key", "metadata") if entry.get(name) is not None}
