"""Every request that came in, so that a test can prove what was sent, how often, and what of it was paid."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from localgemini.store import Store, rfc3339


@dataclass
class Entry:
    """One request while it is being answered. `outcome` is answered, reply_lost, dropped or cut."""

    method: str
    path: str
    endpoint: str
    bytes: int
    owner: str | None = None
    status: int | None = None
    outcome: str = "answered"
    paid: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    written: bool = False

    def write(self, store: Store) -> None:
        """Put it into the database, once."""
        if self.written:
            return
        self.written = True
        store.insert("journal", {
            "at": store.now(), "method": self.method, "path": self.path, "endpoint": self.endpoint,
            "bytes": self.bytes, "status": self.status, "outcome": self.outcome, "paid": int(self.paid),
            "owner": self.owner, "facts": json.dumps(self.facts),
        })  # fmt: skip


def _view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "at": rfc3339(row["at"]),
        **{name: row[name] for name in ("method", "path", "endpoint", "bytes", "status", "outcome")},
        "paid": bool(row["paid"]),
        "key": row["owner"],
        **json.loads(row["facts"]),
    }


def read(store: Store, endpoint: str | None = None, paid: bool = False, after: int = 0) -> dict[str, Any]:
    """The entries asked for, oldest first, and how many requests of each kind there were in all."""
    rows = store.rows(
        "SELECT * FROM journal WHERE seq > ? AND (? IS NULL OR endpoint = ?) AND paid >= ? ORDER BY seq",
        after, endpoint, endpoint, int(paid),
    )  # fmt: skip
    counts = store.rows("SELECT endpoint, COUNT(*) AS n, SUM(paid) AS p FROM journal GROUP BY endpoint")
    return {
        "entries": [_view(row) for row in rows],
        "counts": {row["endpoint"]: row["n"] for row in counts},
        "paid": sum(row["p"] for row in counts),
    }


def sent(store: Store) -> dict[str, Any]:
    """How often each request key, and each request's content, was accepted in a batch."""
    keys = store.rows("SELECT key, COUNT(*) AS n FROM sent WHERE key IS NOT NULL GROUP BY key")
    again = store.rows("SELECT content, COUNT(*) AS n FROM sent GROUP BY content HAVING n > 1")
    return {
        "total": store.number("SELECT COUNT(*) FROM sent"),
        "keys": {row["key"]: row["n"] for row in keys},
        "keys_twice": {row["key"]: row["n"] for row in keys if row["n"] > 1},
        "content_twice": {row["content"]: row["n"] for row in again},
    }
