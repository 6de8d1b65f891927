"""Batches: taken in, shown as long-running operations, cancelled, deleted. The work is done in runner.py."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from localgemini import lines, requests_in, tokens
from localgemini.catalogue import Model
from localgemini.config import Config
from localgemini.errors import BadRequest, GoogleError, exhausted, unknown_batch, unknown_field
from localgemini.faults import Faults
from localgemini.files import Files, new_id, offset_of
from localgemini.store import Store, rfc3339

PENDING, RUNNING, SUCCEEDED = "BATCH_STATE_PENDING", "BATCH_STATE_RUNNING", "BATCH_STATE_SUCCEEDED"
CANCELLED, FAILED, EXPIRED = "BATCH_STATE_CANCELLED", "BATCH_STATE_FAILED", "BATCH_STATE_EXPIRED"
BATCH_FIELDS = {"displayName", "inputConfig", "model", "priority", "webhookConfig", "name"}
TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
WHERE = "* BatchGenerateContentRequest.batch"
OPEN_LIMIT = "Quota exceeded: this project has {count} batches open and may have {limit}."
QUEUE_LIMIT = (
    "You exceeded your current quota: batch_enqueued_tokens of {model}. {used} tokens are enqueued, this batch has"
    " {more}, the limit is {limit}."
)


class Batches:
    """Every call names the owner: another key's batch is as unknown as one that never was."""

    def __init__(self, config: Config, store: Store, files: Files, faults: Faults) -> None:
        self.store = store
        self.files = files
        self.faults = faults
        self.inline = config.folder("inline")
        self.work = config.folder("work")

    def input_path(self, row: sqlite3.Row) -> Path:
        """The requests, one JSON line each, whichever way they came."""
        return self.files.path(row["file_id"]) if row["file_id"] else self.inline / row["id"]

    def result_path(self, row: sqlite3.Row) -> Path | None:
        """The results of a finished batch, or None while there are none or when they are gone."""
        if row["result_id"] is None:
            return self.inline / f"{row['id']}.results" if row["file_id"] is None else None
        return self.files.path(row["result_id"])

    def create(self, owner: str, model: Model, body: Any) -> sqlite3.Row:
        """Take a batch in. Raises GoogleError for what Google refuses."""
        batch = _batch_of(body)
        batch_id = new_id(36)
        file_id = self._input(owner, batch_id, batch["inputConfig"])
        path = self.files.path(file_id) if file_id else self.inline / batch_id
        facts = {"model": model.name, "display_name": batch["displayName"], "name": f"batches/{batch_id}"}
        sent = _identities(batch_id, path)
        limit = self._token_limit(model)
        count = 0 if limit is None else _input_tokens(path, model)
        with self.store.transaction():
            self._check_room(owner)
            if limit is not None:
                self._check_tokens(owner, model, count, limit)
            self.store.insert_many("INSERT INTO sent VALUES (?, ?, ?)", sent)
            row = self._row(owner, model, batch_id, batch["displayName"], file_id, len(sent))
            self.store.insert(
                "batch", {**row, "tokens": count, "plan": json.dumps(self.faults.at_batch(facts))}
            )
        return self.find(owner, batch_id)

    def _check_room(self, owner: str) -> None:
        count = self.store.number(
            "SELECT COUNT(*) FROM batch WHERE owner = ? AND state IN (?, ?)", owner, PENDING, RUNNING
        )
        limit = int(self.store.setting("open_batch_limit"))
        if count >= limit:
            raise exhausted(OPEN_LIMIT.format(count=count, limit=limit))

    def _token_limit(self, model: Model) -> int | None:
        """Input tokens that may be enqueued for this model; without a limit nothing is counted."""
        limits = self.store.setting("enqueued_tokens_limit")
        limit = limits.get(model.name) if isinstance(limits, dict) else limits
        return None if limit is None else int(limit)

    def _check_tokens(self, owner: str, model: Model, count: int, limit: int) -> None:
        used = self.store.number(
            "SELECT SUM(tokens) FROM batch WHERE owner = ? AND model = ? AND state IN (?, ?)",
            owner, model.name, PENDING, RUNNING,
        )  # fmt: skip
        if used + count > limit:
            raise exhausted(QUEUE_LIMIT.format(model=model.name, used=used, more=count, limit=limit))

    def _input(self, owner: str, batch_id: str, config: dict[str, Any]) -> str | None:
        """The input file's id, or None after inline requests were written down."""
        if "fileName" in config:
            row = self.files.find(owner, str(config["fileName"]).removeprefix("files/"))
            if row["polls_left"]:
                message = f"The File {row['id']} is not in an ACTIVE state and usage is not allowed."
                raise GoogleError(400, message, "FAILED_PRECONDITION")
            return str(row["id"])
        with (self.inline / batch_id).open("wb") as target:
            for entry in _inline_requests(config):
                target.write(lines.dump(entry))
        return None

    def _row(
        self, owner: str, model: Model, batch_id: str, display_name: str, file_id: str | None, total: int
    ) -> dict[str, Any]:
        now = self.store.now()
        return {
            "id": batch_id, "seq": self.store.number("SELECT MAX(seq) FROM batch") + 1, "owner": owner,
            "model": model.name, "display_name": display_name, "file_id": file_id, "created": now,
            "updated": now, "state": PENDING, "stage": "queued", "total": total,
        }  # fmt: skip

    def find(self, owner: str, batch_id: str) -> sqlite3.Row:
        row = self.store.one("SELECT * FROM batch WHERE id = ? AND owner = ?", batch_id, owner)
        if row is None:
            raise unknown_batch(f"batches/{batch_id}")
        return row

    def poll(self, owner: str, batch_id: str) -> dict[str, Any]:
        """The batch as `batches.get` shows it; a planned sequence of states moves on by one."""
        with self.store.transaction():
            row = self.find(owner, batch_id)
            self.store.run("UPDATE batch SET polls = polls + 1 WHERE id = ?", batch_id)
        return self.view(row, whole=True)

    def listing(self, owner: str, token: str | None, size: int) -> dict[str, Any]:
        """One page, newest first. Inline answers are left to `batches.get`."""
        rows = self.store.rows(
            "SELECT * FROM batch WHERE owner = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            owner, offset_of(token), size + 1,
        )  # fmt: skip
        page: dict[str, Any] = {"operations": [self.view(row, whole=False) for row in rows[:size]]}
        if len(rows) > size:
            page["nextPageToken"] = str(rows[size - 1]["seq"])
        return page

    def cancel(self, owner: str, batch_id: str) -> None:
        """Stop an open batch; a finished one stays as it is. A planned `ignore_cancel` lets it run on."""
        row = self.find(owner, batch_id)
        if not json.loads(row["plan"]).get("ignore_cancel"):
            self.end(row, CANCELLED)

    def delete(self, owner: str, batch_id: str) -> None:
        row = self.find(owner, batch_id)
        self.store.run("DELETE FROM batch WHERE id = ?", batch_id)
        self.tidy(row)
        (self.inline / f"{row['id']}.results").unlink(missing_ok=True)

    def end(self, row: sqlite3.Row, state: str, error: dict[str, Any] | None = None) -> bool:
        """End an open batch without results; False when it had ended already."""
        now = self.store.now()
        ended = self.store.run(
            "UPDATE batch SET state = ?, stage = 'done', updated = ?, ended = ?, error = ?"
            " WHERE id = ? AND stage != 'done'",
            state, now, now, json.dumps(error) if error else None, row["id"],
        )  # fmt: skip
        if ended:
            self.tidy(row)
        return bool(ended)

    def tidy(self, row: sqlite3.Row) -> None:
        """Remove what only the work needed."""
        (self.work / row["id"]).unlink(missing_ok=True)
        (self.inline / row["id"]).unlink(missing_ok=True)

    def view(self, row: sqlite3.Row, whole: bool) -> dict[str, Any]:
        """The operation: metadata always, output once it is done. `whole` adds inline answers."""
        states = json.loads(row["plan"]).get("states", [])
        planned = states[row["polls"]] if row["polls"] < len(states) else None
        metadata = self._metadata(row, planned or row["state"])
        operation: dict[str, Any] = {"name": f"batches/{row['id']}", "metadata": metadata}
        if row["stage"] == "done" and planned is None:
            operation["done"] = True
            self._add_output(operation, row, whole)
        return operation

    def _metadata(self, row: sqlite3.Row, state: str) -> dict[str, Any]:
        done = row["succeeded"] + row["failed"]
        stats = {
            "requestCount": row["total"], "successfulRequestCount": row["succeeded"],
            "failedRequestCount": row["failed"], "pendingRequestCount": max(0, row["total"] - done),
        }  # fmt: skip
        metadata: dict[str, Any] = {
            "@type": TYPE,
            "name": f"batches/{row['id']}",
            "model": f"models/{row['model']}",
            "displayName": row["display_name"],
            "createTime": rfc3339(row["created"]),
            "updateTime": rfc3339(row["updated"]),
            "batchStats": {name: str(number) for name, number in stats.items() if number},
            "state": state,
        }
        if row["file_id"]:
            metadata["inputConfig"] = {"fileName": f"files/{row['file_id']}"}
        if row["ended"] is not None:
            metadata["endTime"] = rfc3339(row["ended"])
        return metadata

    def _add_output(self, operation: dict[str, Any], row: sqlite3.Row, whole: bool) -> None:
        output = self._output(row, whole)
        if row["error"]:
            operation["error"] = json.loads(row["error"])
        if output is not None:
            operation["metadata"]["output"] = output
            operation["response"] = {"@type": TYPE.replace("Batch", "BatchOutput"), **output}

    def _output(self, row: sqlite3.Row, whole: bool) -> dict[str, Any] | None:
        if row["result_id"]:
            return {"responsesFile": f"files/{row['result_id']}"}
        path = self.result_path(row)
        if not whole or path is None or not path.exists():
            return None
        with path.open("rb") as source:
            return {"inlinedResponses": {"inlinedResponses": [json.loads(line) for line in source]}}


def _identities(batch_id: str, path: Path) -> list[tuple[str, str | None, str]]:
    """Each request's key and hash, so that a test can see what was sent twice. Some 200 bytes a request."""
    with path.open("rb") as source:
        found = [(batch_id, *lines.identity(line)) for line in source if line.strip()]
    if not found:
        raise BadRequest("The batch has no requests.")
    return found


def _input_tokens(path: Path, model: Model) -> int:
    """Input tokens of all requests that make sense; the others are answered by an error, which costs nothing."""
    total = 0
    with path.open("rb") as source:
        for line in source:
            try:
                entry = lines.parse(line)
                request = requests_in.parse(entry.get("request") if isinstance(entry, dict) else None, model)
            except (ValueError, GoogleError):
                continue
            total += sum(tokens.of_prompt(request).values())
    return total


def _batch_of(body: Any) -> dict[str, Any]:
    batch = body.get("batch") if isinstance(body, dict) else None
    if not isinstance(batch, dict):
        raise BadRequest("* BatchGenerateContentRequest.batch: batch is required.")
    for name in set(batch) - BATCH_FIELDS:
        raise unknown_field(name, "batch")
    if not isinstance(batch.setdefault("displayName", ""), str):
        raise BadRequest(f"{WHERE}.display_name: a string was expected.")
    config = batch.get("inputConfig")
    if not isinstance(config, dict) or len(config.keys() & {"fileName", "requests"}) != 1:
        raise BadRequest(f"{WHERE}.input_config: file_name or requests is required.")
    return batch


def _inline_requests(config: dict[str, Any]) -> list[dict[str, Any]]:
    requests = config["requests"].get("requests") if isinstance(config["requests"], dict) else None
    if not isinstance(requests, list) or not requests:
        raise BadRequest("The batch has no requests.")
    for entry in requests:
        if not isinstance(entry, dict) or set(entry) - {"request", "metadata"}:
            raise BadRequest("Invalid value at 'batch.input_config.requests': not request and metadata.")
    return [{"metadata": entry.get("metadata"), "request": entry.get("request")} for entry in requests]
