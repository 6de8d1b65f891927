"""Taking a back-up while jobs run.

What the database refers to must be in the tar. Files are written before the rows that name them and deleted after
those rows, so: files that may soon be deleted first, then the database, then all files that are new since. What came
and went in between shows in the comparison with the snapshot; then another snapshot is taken.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage

from sourcebatch.backup.archive import Writer, written
from sourcebatch.backup.databases import Snapshot, snapshot
from sourcebatch.lib.clock import now, rfc3339

SHORT_LIVED = "segments"
TRIES = 5


@dataclass(frozen=True)
class Taken:
    """What is in the tar: files, bytes in all; `missing` are names in the database whose files were nowhere."""

    files: int
    bytes: int
    missing: list[str]


def take(target: Path) -> Taken:
    """Write a back-up of everything to `target`. Raises BackupError."""
    with written(target) as tar, tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder:
        _add_files(tar, SHORT_LIVED)
        _add_results(tar)
        shot, missing = _consistent(tar, Path(folder))
        for name, path in shot.members.items():
            with path.open("rb") as file:
                tar.add(name, file, path.stat().st_size)
        taken = Taken(len(tar.sizes) - len(shot.members), sum(tar.sizes.values()), missing)
        tar.finish({**shot.facts, "made_at": rfc3339(now()), "missing": missing})
    return taken


def _consistent(tar: Writer, folder: Path) -> tuple[Snapshot, list[str]]:
    """A snapshot whose files are all in the tar, and what is missing in the installation itself."""
    missing: list[str] = []
    for turn in range(TRIES):
        place = folder / str(turn)
        place.mkdir()
        shot = snapshot(place)
        _add_files(tar, "")
        _add_results(tar)
        before, missing = missing, _missing(tar, shot)
        # Missing twice in the same way: no passing file of a job, but one that was lost before.
        if not missing or missing == before:
            break
    return shot, missing


def _missing(tar: Writer, shot: Snapshot) -> list[str]:
    """Names in the snapshot that the tar has not, or not all of."""
    return sorted(name for name, size in shot.references.items() if tar.sizes.get(f"files/{name}", -1) < size)


def _add_files(tar: Writer, folder: str) -> None:
    """What the storage has under `folder` and the tar has not, or shorter: a file caught while it was written."""
    for name in _stored(folder):
        try:
            if tar.sizes.get(f"files/{name}") != default_storage.size(name):
                with default_storage.open(name, "rb") as file:
                    tar.add(f"files/{name}", file, file.size)
        except FileNotFoundError:
            # Deleted since it was listed: nothing refers to it any more, or the comparison will show it.
            continue


def _stored(folder: str) -> Iterator[str]:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    prefix = f"{folder}/" if folder else ""
    yield from (f"{prefix}{name}" for name in names)
    for one in folders:
        yield from _stored(f"{prefix}{one}")


def _add_results(tar: Writer) -> None:
    """Downloaded results that wait to be collected; they get their name only when they are whole."""
    for path in sorted((settings.DATA_DIR / "results").glob("*.jsonl")):
        if f"results/{path.name}" in tar.sizes:
            continue
        try:
            with path.open("rb") as file:
                tar.add(f"results/{path.name}", file, path.stat().st_size)
        except FileNotFoundError:
            continue
