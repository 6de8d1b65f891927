"""Uploaded and generated files: rows in the database, bytes on disk, gone after 48 simulated hours."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from localgemini.config import FILE_LIMIT, LIFETIME, Config
from localgemini.errors import BadRequest, GoogleError, exhausted, unknown_file
from localgemini.store import Store, rfc3339

ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
LONG = "* {verb}FileRequest.name: File ID (name excluding 'files/') cannot be more than 40 characters.\n"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_id(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def offset_of(token: str | None) -> int:
    """The row before which a page starts; without a token, behind the newest."""
    if not token:
        return 2**62
    if not token.isdigit():
        raise BadRequest("The page token is invalid.")
    return int(token)


def page_size(value: str | None, default: int, most: int) -> int:
    if value in (None, ""):
        return default
    if not str(value).isdigit():
        raise BadRequest("The page size must be a positive number.")
    return min(int(str(value)) or default, most)


class Files:
    """Every call names the owner: another key's file answers like one that never was."""

    def __init__(self, config: Config, store: Store) -> None:
        self.store = store
        self.folder = config.folder("files")
        self.uploads = config.folder("uploads")

    def path(self, file_id: str) -> Path:
        return self.folder / file_id

    def find(self, owner: str, file_id: str) -> sqlite3.Row:
        """The live file of this owner. Raises GoogleError 403 (or what `missing_file_code` says)."""
        row = self.store.one(
            "SELECT * FROM file WHERE id = ? AND owner = ? AND expires > ?", file_id, owner, self.store.now()
        )
        if row is None:
            raise unknown_file(file_id, int(self.store.setting("missing_file_code")))
        return row

    def check_length(self, file_id: str, verb: str) -> None:
        """Google refused to get or delete its own result files for a while: their ids have 42 characters."""
        if len(file_id) > 40 and self.store.setting("refuse_long_names"):
            raise BadRequest(LONG.format(verb=verb))

    def poll(self, owner: str, file_id: str) -> sqlite3.Row:
        """The file as `files.get` shows it; a file in processing is one poll nearer to ACTIVE."""
        row = self.find(owner, file_id)
        if row["polls_left"]:
            self.store.run("UPDATE file SET polls_left = polls_left - 1 WHERE id = ?", file_id)
        return row

    def listing(self, owner: str, token: str | None, size: int) -> tuple[list[sqlite3.Row], str | None]:
        """One page, newest first, and the token of the next."""
        rows = self.store.rows(
            "SELECT rowid AS place, * FROM file WHERE owner = ? AND expires > ? AND rowid < ?"
            " ORDER BY rowid DESC LIMIT ?",
            owner, self.store.now(), offset_of(token), size + 1,
        )  # fmt: skip
        more = len(rows) > size
        return rows[:size], str(rows[size - 1]["place"]) if more else None

    def delete(self, owner: str, file_id: str) -> None:
        self.find(owner, file_id)
        self.discard(file_id)

    def discard(self, file_id: str) -> None:
        """Row and bytes go; nobody is asked."""
        self.store.run("DELETE FROM file WHERE id = ?", file_id)
        self.path(file_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what is past its time, uploads that nobody finished included."""
        past = self.store.now() - LIFETIME
        for row in self.store.rows("SELECT id FROM upload WHERE created <= ?", past):
            self.part(row["id"]).unlink(missing_ok=True)
            self.store.run("DELETE FROM upload WHERE id = ?", row["id"])
        for row in self.store.rows("SELECT id FROM file WHERE expires <= ?", self.store.now()):
            self.discard(row["id"])

    def used(self, owner: str) -> int:
        """Bytes that this owner keeps here."""
        return self.store.number(
            "SELECT SUM(size) FROM file WHERE owner = ? AND expires > ?", owner, self.store.now()
        )

    def start(self, owner: str, wish: dict[str, Any], size: int | None, mime_type: str | None) -> str:
        """Open an upload; its id. Raises GoogleError for a bad or taken name, or where there is no room."""
        file_id = self._free_id(wish.get("name"))
        if (size or 0) > FILE_LIMIT:
            raise BadRequest(f"File size {size} exceeds the limit of {FILE_LIMIT} bytes.")
        self._check_room(owner, size or 0)
        upload_id = new_id(40)
        row = {
            "id": upload_id, "owner": owner, "file_id": file_id, "display_name": wish.get("displayName"),
            "mime_type": mime_type, "size": size, "created": self.store.now(),
        }  # fmt: skip
        (self.uploads / upload_id).touch()
        self.store.insert("upload", row)
        return upload_id

    def _check_room(self, owner: str, size: int) -> None:
        if self.used(owner) + size > int(self.store.setting("file_quota_bytes")):
            raise exhausted("You exceeded your current quota: file_storage_bytes. Delete files first.")

    def _free_id(self, name: Any) -> str:
        if not name:
            return new_id(12)
        file_id = str(name).removeprefix("files/")
        if not ID.fullmatch(file_id):
            raise BadRequest(
                f"* CreateFileRequest.file.name: {name!r} must be up to 40 lower-case letters, digits or"
                " dashes, with no dash at either end."
            )
        self._check_free(file_id)
        return file_id

    def _check_free(self, file_id: str) -> None:
        live = self.store.one("SELECT 1 FROM file WHERE id = ? AND expires > ?", file_id, self.store.now())
        if live:
            raise GoogleError(409, f"The File {file_id} already exists.")

    def upload(self, upload_id: str) -> sqlite3.Row:
        row = self.store.one("SELECT * FROM upload WHERE id = ?", upload_id)
        if row is None:
            raise GoogleError(404, "The upload was not found: its address is unknown or was cancelled.")
        return row

    def part(self, upload_id: str) -> Path:
        return self.uploads / upload_id

    def received(self, row: sqlite3.Row) -> int:
        """Bytes that have arrived, also when the upload is finished."""
        part = self.part(row["id"])
        return part.stat().st_size if part.exists() else int(row["size"] or 0)

    def finish(self, row: sqlite3.Row, sha256: str) -> sqlite3.Row:
        """The upload becomes a file. Raises BadRequest when bytes are missing or too many."""
        part = self.part(row["id"])
        size = part.stat().st_size
        if row["size"] is not None and size != row["size"]:
            raise BadRequest(f"Upload has {size} bytes but {row['size']} were announced.")
        self._check_free(row["file_id"])
        with self.store.transaction():
            # Others may have filled what was free when this upload began.
            self._check_room(row["owner"], size)
            part.replace(self.path(row["file_id"]))
            self.store.run("UPDATE upload SET final = 1, size = ? WHERE id = ?", size, row["id"])
            self.add(row["owner"], row["file_id"], size, sha256, row["display_name"], row["mime_type"], False)
        return self.find(row["owner"], row["file_id"])

    def add(
        self, owner: str, file_id: str, size: int, sha256: str, display_name: str | None, mime: str | None,
        generated: bool,
    ) -> None:  # fmt: skip
        """Record a file whose bytes are in place already."""
        now = self.store.now()
        self.store.run("DELETE FROM file WHERE id = ?", file_id)
        polls = 0 if generated else int(self.store.setting("processing_polls"))
        self.store.insert("file", {
            "id": file_id, "owner": owner, "display_name": display_name, "mime_type": mime, "size": size,
            "sha256": sha256, "created": now, "expires": now + LIFETIME, "generated": int(generated),
            "polls_left": polls,
        })  # fmt: skip


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while piece := source.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def view(row: sqlite3.Row, base_url: str) -> dict[str, Any]:
    """A file as JSON. Google writes the hash as base64 of its hex letters."""
    shown = {
        "name": f"files/{row['id']}",
        "displayName": row["display_name"],
        "mimeType": row["mime_type"],
        "sizeBytes": str(row["size"]),
        "createTime": rfc3339(row["created"]),
        "updateTime": rfc3339(row["created"]),
        "expirationTime": rfc3339(row["expires"]),
        "sha256Hash": base64.b64encode(row["sha256"].encode()).decode(),
        "uri": f"{base_url}/v1beta/files/{row['id']}",
        "state": "PROCESSING" if row["polls_left"] else "ACTIVE",
        "source": "GENERATED" if row["generated"] else "UPLOADED",
    }
    if row["generated"]:
        shown["downloadUri"] = f"{base_url}/v1beta/files/{row['id']}:download?alt=media"
    return {name: value for name, value in shown.items() if value is not None}
