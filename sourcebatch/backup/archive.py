"""The tar: `files/...` of the file storage, `results/...` that wait to be collected, `database/...`, and last
`manifest.json` with the SHA-256 of every member. A tar without its manifest was never finished."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1 << 20


class BackupError(Exception):
    """Why a back-up was not taken or not restored: one sentence that says what to do."""


class Hashed(io.RawIOBase):
    """A file that is hashed while somebody else reads it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        piece = self._file.read(-1 if size is None else size)
        self.sha256.update(piece)
        return piece


class Writer:
    """Adds members and remembers their sizes and hashes; a name that is added again replaces the earlier one."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.sizes: dict[str, int] = {}
        self._hashes: dict[str, str] = {}

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        """Exactly `size` bytes of an open file."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reader = Hashed(file)
        self._tar.addfile(info, reader)
        self.sizes[name], self._hashes[name] = size, reader.sha256.hexdigest()

    def finish(self, manifest: dict[str, Any]) -> None:
        """The last member."""
        whole = {"format": FORMAT, **manifest, "sha256": self._hashes}
        body = json.dumps(whole, ensure_ascii=False).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(body), 0o600
        self._tar.addfile(info, io.BytesIO(body))


@contextmanager
def written(target: Path) -> Iterator[Writer]:
    """A new tar, readable by its owner alone, that has its name only when it is whole. Raises BackupError."""
    if target.exists():
        raise BackupError(f"{target} exists already: give another name, or move it away.")
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield Writer(tar)
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(target)
    except OSError as error:
        raise BackupError(
            f"The back-up could not be written to {target}: {error.strerror or error}."
        ) from error
    finally:
        part.unlink(missing_ok=True)


# --- Reading ---------------------------------------------------------------------------------------------------------


def checked(source: Path) -> dict[str, Any]:
    """The manifest of a whole and unharmed back-up; reads all of it once. Raises BackupError."""
    found: dict[str, str] = {}
    manifest: dict[str, Any] = {}
    try:
        for name, file in members(source):
            if name == MANIFEST:
                manifest = _manifest(file.read(), source)
            else:
                found[name] = _digest(file)
    except tarfile.TarError as error:
        raise BackupError(f"{source} ends in the middle: take another back-up.") from error
    if not manifest:
        raise BackupError(f"{source} has no manifest: it is not a back-up of ours, or was never finished.")
    if found != manifest["sha256"]:
        raise BackupError(
            f"{source} is damaged: its contents are not what was written. Take another back-up."
        )
    return manifest


def members(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The members in order, each open while it is its turn. Raises BackupError for what no back-up of ours holds."""
    try:
        with tarfile.open(source, "r:") as tar:
            for info in tar:
                file = tar.extractfile(info) if info.isreg() and _is_ours(info.name) else None
                if file is None:
                    raise BackupError(f"{source} holds {info.name!r}, which no back-up of ours does.")
                yield info.name, file
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{source} cannot be read as a back-up: {error}.") from error


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and str(path) == name
    return inside and (name == MANIFEST or path.parts[0] in ("files", "results", "database"))


def _manifest(body: bytes, source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise BackupError(f"The manifest of {source} cannot be read: take another back-up.") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"{source} was made by another version of Sourcebatch: restore it with that version."
        )
    return manifest


def _digest(file: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    while piece := file.read(CHUNK):
        sha256.update(piece)
    return sha256.hexdigest()
