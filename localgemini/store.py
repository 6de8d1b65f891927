"""The server's memory: one SQLite file, so that a killed server knows everything when it starts again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, display_name TEXT, mime_type TEXT, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, generated INTEGER NOT NULL,
    polls_left INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, file_id TEXT NOT NULL, display_name TEXT, mime_type TEXT,
    size INTEGER, created REAL NOT NULL, final INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS batch (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, owner TEXT NOT NULL, model TEXT NOT NULL,
    display_name TEXT NOT NULL, file_id TEXT, created REAL NOT NULL, updated REAL NOT NULL, ended REAL,
    state TEXT NOT NULL, stage TEXT NOT NULL, plan TEXT NOT NULL, polls INTEGER NOT NULL DEFAULT 0,
    started REAL, total INTEGER NOT NULL, succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, in_offset INTEGER NOT NULL DEFAULT 0,
    out_offset INTEGER NOT NULL DEFAULT 0, result_id TEXT, error TEXT,
    tokens INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS batch_open ON batch (stage) WHERE stage != 'done';
CREATE TABLE IF NOT EXISTS sent (batch_id TEXT NOT NULL, key TEXT, content TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sent_key ON sent (key);
CREATE TABLE IF NOT EXISTS fault (
    id INTEGER PRIMARY KEY, spec TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
    used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    endpoint TEXT NOT NULL, bytes INTEGER NOT NULL, status INTEGER, outcome TEXT NOT NULL,
    paid INTEGER NOT NULL, owner TEXT, facts TEXT NOT NULL);
"""
TABLES = ("setting", "file", "upload", "batch", "sent", "fault", "journal")
DEFAULTS: dict[str, Any] = {
    "clock_offset": 0.0,
    "hold": False,
    "delay": 0.0,
    "open_batch_limit": 100,
    "enqueued_tokens_limit": None,
    "file_quota_bytes": 20 * 1024**3,
    "accepted_keys": None,
    "refused_keys": [],
    "missing_file_code": 403,
    "refuse_long_names": False,
    "text_lines": 8,
    "processing_polls": 0,
    "model_version": None,
}


def fingerprint(key: str) -> str:
    """What is kept of an API key: enough to tell two apart, not enough to use one."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Store:
    """Rows, settings and the simulated clock, safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.generation = 0
        self._settings: dict[str, Any] = {}
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # A killed process loses nothing in this mode; only a power cut could.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._add_columns()
        self._load_settings()

    def _add_columns(self) -> None:
        """What a data directory of an older version lacks."""
        if "tokens" not in {row["name"] for row in self.rows("PRAGMA table_info(batch)")}:
            self.run("ALTER TABLE batch ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0")

    def close(self) -> None:
        with self.lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written together or not at all; other threads wait."""
        with self.lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; the number of rows it changed."""
        with self.lock:
            return self._db.execute(sql, values).rowcount

    def insert(self, table: str, row: dict[str, Any]) -> int:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names from our own code
        with self.lock:
            cursor = self._db.execute(sql, tuple(row.values()))
            return int(cursor.lastrowid or 0)

    def insert_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self.lock:
            self._db.executemany(sql, rows)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self.lock:
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self.lock:
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def number(self, sql: str, *values: Any) -> int:
        row = self.one(sql, *values)
        return int(row[0] or 0) if row else 0

    def _load_settings(self) -> None:
        stored = {row["name"]: json.loads(row["value"]) for row in self.rows("SELECT * FROM setting")}
        self._settings = {**DEFAULTS, **stored}

    def setting(self, name: str) -> Any:
        return self._settings[name]

    def settings(self) -> dict[str, Any]:
        return dict(self._settings)

    def set(self, name: str, value: Any) -> None:
        with self.lock:
            self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value))
            self._settings[name] = value

    def now(self) -> float:
        """Seconds since 1970 on the simulated clock."""
        return time.time() + float(self._settings["clock_offset"])

    def reset(self) -> None:
        """Forget every row and setting; work that still runs sees the new generation and stops."""
        with self.transaction():
            self.generation += 1
            for table in TABLES:
                self.run(f"DELETE FROM {table}")  # noqa: S608 - our own tables
            self._load_settings()
