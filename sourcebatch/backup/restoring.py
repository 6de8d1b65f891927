"""Restoring: files first, then the database, then what time has made untrue since the back-up was taken."""

import datetime as dt
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.models import Q
from django_q.models import OrmQ

from books.models import Book
from jobs import lifecycle
from jobs.lifecycle import Actor, LifecycleError
from jobs.lifecycle.remote import OwnedBatch, list_batches
from jobs.models import GeminiBatch, Heartbeat, Job, PageState, Stage, Status
from sourcebatch.backup import databases
from sourcebatch.backup.archive import BackupError, checked, members
from sourcebatch.lib.clock import now

ALIVE = dt.timedelta(minutes=1)
OURS = "sourcebatch-"
ACTOR = Actor("restore", "command")


@dataclass
class Restored:
    """What was put back, and what a person has to look at."""

    made_at: str
    files: int = 0
    missing: list[str] = field(default_factory=list)
    paused: int = 0
    unknown: list[str] = field(default_factory=list)
    unasked: str = ""


def restore(source: Path, *, force: bool = False) -> Restored:
    """Put a back-up in the place of this installation, which must be empty unless `force`. Raises BackupError.

    Nothing is touched before the whole tar has been read and found unharmed.
    """
    manifest = checked(source)
    _refuse_if_in_use(force)
    report = Restored(manifest["made_at"], missing=manifest["missing"])
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        report.files = _extract(source, Path(folder))
        databases.load(manifest, Path(folder))
    _forget_the_past()
    _look_before_sending(report)
    return report


def _refuse_if_in_use(force: bool) -> None:
    if "heartbeats" not in connection.introspection.table_names():
        call_command("migrate", verbosity=0)
    if Heartbeat.objects.filter(name="worker", at__gt=now() - ALIVE).exists():
        raise BackupError(
            "A worker was at work here a moment ago: stop worker and web, wait a minute, try again."
        )
    if not force and (Book.objects.exists() or Job.objects.exists()):
        raise BackupError(
            "There are books here already, which a restore would replace: "
            "restore into an empty DATA_DIR, or say --force if they may go."
        )


def _extract(source: Path, folder: Path) -> int:
    """Files to their storage, the database into `folder`; how many files."""
    count = 0
    for name, file in members(source):
        kind, _, rest = name.partition("/")
        if kind == "files":
            _store(rest, file)
            count += 1
        elif kind == "results":
            _write(settings.DATA_DIR / "results" / rest, file)
        elif kind == "database":
            _write(folder / name, file)
    return count


def _store(name: str, file: IO[bytes]) -> None:
    if default_storage.exists(name):
        default_storage.delete(name)
    saved = default_storage.save(name, File(file))
    if saved != name:
        raise BackupError(
            f"The file {name} could not be stored under its name: stop whatever else writes there."
        )


def _write(path: Path, file: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        shutil.copyfileobj(file, target, 1 << 20)


# --- What is no longer true ------------------------------------------------------------------------------------------


def _forget_the_past() -> None:
    """Nobody holds a lease, no worker is alive, no queue waits; who logged out since must not be logged in again."""
    Session.objects.all().delete()
    OrmQ.objects.all().delete()
    Heartbeat.objects.all().delete()
    Job.objects.live().update(lease_owner="", lease_until=None, next_step_at=now())
    # Whether these were sent after the back-up is not known: Gemini is asked for their names first.
    intents = GeminiBatch.objects.filter(stage=Stage.INTENT, create_called_at__isnull=True)
    intents.update(create_called_at=now(), next_poll_at=now())


def _look_before_sending(report: Restored) -> None:
    """Batches that were sent after the back-up are unknown here: jobs that could send their pages again are paused."""
    unsent = Q(ledger__state__in=[PageState.WAITING, PageState.PREPARED], ledger__batch__isnull=True)
    jobs = Job.objects.filter(unsent, status__in=[Status.PENDING, Status.PROCESSING]).distinct()
    if not jobs.exists():
        return
    try:
        report.unknown = [one.display_name for one in list_batches() if _is_ours_and_unknown(one)]
    except LifecycleError as error:
        report.unasked = error.sentence
    if report.unknown or report.unasked:
        for job_id in list(jobs.values_list("pk", flat=True)):
            lifecycle.pause(job_id, ACTOR)
            report.paused += 1


def _is_ours_and_unknown(batch: OwnedBatch) -> bool:
    return batch.orphan and batch.display_name.startswith(OURS)
