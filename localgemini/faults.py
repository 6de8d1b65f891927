"""Faults on demand: which request, page or batch goes wrong, how, how often. The README lists them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from localgemini.errors import BadRequest
from localgemini.outcomes import LINE_ACTIONS, is_outcome
from localgemini.store import Store

ENDPOINTS = {
    "upload_start", "upload_chunk", "upload_finalize", "upload_query", "files_get", "files_list",
    "files_delete", "download", "models_list", "models_get", "count_tokens", "generate", "create",
    "batches_get", "batches_list", "batches_cancel", "batches_delete", "*",
}  # fmt: skip
ACTIONS = {"delay", "error", "drop", "lose_reply", "garble", "cut"}
WHEN = {"times", "after", "nth", "every", "probability", "seed", "sticky", "match"}
PLAN = {
    "delay", "run", "hold", "states", "final", "error", "lines", "output", "shuffle", "truncate",
    "ignore_cancel", "lose_result",
}  # fmt: skip
ANSWER = {"endpoint", "do", "seconds", "code", "status", "message", "retry_delay", "bytes", "body"}
FIELDS = {
    "endpoint": {"kind"} | WHEN | ANSWER,
    "page": {"kind"} | WHEN | {"outcome", "code", "message", "text", "key", "block_reason"},
    "batch": {"kind"} | WHEN | PLAN,
}
MATCHES = {"model", "display_name", "name", "key"}


@dataclass
class Fault:
    """One order to fail. `seen` counts the matches so far, `used` how often it struck."""

    id: int
    spec: dict[str, Any]
    seen: int = 0
    used: int = 0

    @property
    def spent(self) -> bool:
        times = self.spec["times"]
        return times is not None and self.used >= times

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Whether every pattern of `match` fits; a fact that is not known fits nothing."""
        patterns = self.spec.get("match", {})
        return all(fnmatchcase(facts.get(name) or "", str(glob)) for name, glob in patterns.items())

    def strikes(self, facts: Mapping[str, str]) -> bool:
        """Count this match and say whether it is one that goes wrong."""
        self.seen += 1
        struck = self._chosen(facts)
        self.used += struck
        return struck

    def _chosen(self, facts: Mapping[str, str]) -> bool:
        nth, every = self.spec.get("nth"), self.spec.get("every")
        if self.seen <= self.spec.get("after", 0):
            return False
        if nth is not None and self.seen not in (nth if isinstance(nth, list) else [nth]):
            return False
        if every is not None and self.seen % every:
            return False
        return self._lot(facts) < float(self.spec.get("probability", 1.0))

    def _lot(self, facts: Mapping[str, str]) -> float:
        """A number from 0 to 1 drawn from seed and key; without `sticky` a second try draws again."""
        turn = "" if self.spec.get("sticky") else str(self.seen)
        word = f"{self.spec.get('seed', 0)}:{facts.get('key', '')}:{turn}"
        return int.from_bytes(hashlib.sha256(word.encode()).digest()[:7], "big") / 2**56


class Faults:
    """The faults that are set, kept in the database with their counts so that a restart forgets none."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._faults: list[Fault] = []
        self.reload()

    def reload(self) -> None:
        with self.store.lock:
            self._faults = [
                Fault(row["id"], json.loads(row["spec"]), row["seen"], row["used"])
                for row in self.store.rows("SELECT * FROM fault ORDER BY id")
            ]

    def add(self, spec: Any) -> Fault:
        """Set one fault. Raises BadRequest that names the field it does not understand."""
        checked = check(spec)
        with self.store.lock:
            fault = Fault(self.store.insert("fault", {"spec": json.dumps(checked)}), checked)
            self._faults.append(fault)
        return fault

    def remove(self, fault_id: int | None = None) -> None:
        """Take back one fault, or all of them."""
        with self.store.lock:
            self.store.run("DELETE FROM fault WHERE ? IS NULL OR id = ?", fault_id, fault_id)
            self.reload()

    def view(self) -> list[dict[str, Any]]:
        with self.store.lock:
            return [{"id": f.id, "seen": f.seen, "used": f.used, **f.spec} for f in self._faults]

    def at_endpoint(self, endpoint: str, facts: Mapping[str, str]) -> list[dict[str, Any]]:
        """What goes wrong with this request, in the order in which it was set."""
        return [
            fault.spec
            for fault in self._of("endpoint")
            if endpoint in _names(fault.spec["endpoint"]) and self._strikes(fault, facts)
        ]

    def at_page(self, facts: Mapping[str, str], in_batch: bool) -> dict[str, Any] | None:
        """What goes wrong with this page: the first fault that strikes."""
        for fault in self._of("page"):
            if not in_batch and fault.spec["outcome"] in LINE_ACTIONS:
                continue
            if self._strikes(fault, facts):
                return fault.spec
        return None

    def at_batch(self, facts: Mapping[str, str]) -> dict[str, Any]:
        """The plan of a new batch: all that strike, later ones over earlier ones."""
        plan: dict[str, Any] = {}
        for fault in self._of("batch"):
            if self._strikes(fault, facts):
                plan.update({name: value for name, value in fault.spec.items() if name in PLAN})
        return plan

    def _of(self, kind: str) -> list[Fault]:
        with self.store.lock:
            return [fault for fault in self._faults if fault.spec["kind"] == kind and not fault.spent]

    def _strikes(self, fault: Fault, facts: Mapping[str, str]) -> bool:
        with self.store.lock:
            if fault.spent or not fault.fits(facts):
                return False
            struck = fault.strikes(facts)
            if struck or fault.spec.keys() & {"after", "nth", "every", "probability"}:
                self.store.run(
                    "UPDATE fault SET seen = ?, used = ? WHERE id = ?", fault.seen, fault.used, fault.id
                )
            return struck


def _names(endpoint: str | list[str]) -> set[str]:
    names = {endpoint} if isinstance(endpoint, str) else set(endpoint)
    return ENDPOINTS if "*" in names else names


def check(spec: Any) -> dict[str, Any]:
    """A fault as it was sent, or BadRequest: a misspelt test must not pass by accident."""
    if not isinstance(spec, dict) or spec.get("kind") not in FIELDS:
        raise BadRequest(f"A fault is an object whose kind is one of {', '.join(sorted(FIELDS))}.")
    unknown = set(spec) - FIELDS[spec["kind"]] | set(spec.get("match", {})) - MATCHES
    if unknown:
        raise BadRequest(f"A {spec['kind']} fault knows no {', '.join(sorted(unknown))}.")
    _check_kind(spec)
    return {"times": _usual_times(spec), **spec}


def _usual_times(spec: dict[str, Any]) -> int | None:
    """How often a fault strikes that does not say: once, or as often as its rule of choice picks."""
    if isinstance(spec.get("nth"), list):
        return len(spec["nth"])
    return None if spec.keys() & {"every", "probability"} else 1


def _check_kind(spec: dict[str, Any]) -> None:
    if spec["kind"] == "page" and not is_outcome(spec.get("outcome")):
        raise BadRequest(f"No page ends as {spec.get('outcome')!r}; the README lists the outcomes.")
    if spec["kind"] != "endpoint":
        return
    asked = spec.get("endpoint")
    names = {asked} if isinstance(asked, str) else set(asked or ())
    if not names or names - ENDPOINTS:
        raise BadRequest(f"endpoint must be among {', '.join(sorted(ENDPOINTS))}.")
    if spec.get("do") not in ACTIONS:
        raise BadRequest(f"do must be one of {', '.join(sorted(ACTIONS))}.")
