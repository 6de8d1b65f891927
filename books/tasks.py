"""What django-q2 calls for the library: imports that take longer than a click. Addresses and names in, never bytes.

Each may run twice: importing the same again changes nothing. What came of it is one sentence, kept with the task.
"""

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Any

from django.core.files.storage import default_storage
from django_q.models import Task
from django_q.tasks import async_task, queue_size

from books.importers import Given, ImportRefused, fetched
from books.importers.intake import Wishes, take_in
from books.importers.writer import SaveReport
from books.models import Book
from sourcebatch.lib.adminlog import Actor

GROUP = "import"
# Seconds: below django-q2's `retry` (see settings), or a long import would be begun a second time.
TIMEOUT = 600
# Collections hold collections; deeper than this none of a library goes.
MAX_DEPTH = 4
MOST_BOOKS = 5000
logger = logging.getLogger("books.tasks")


@dataclass(frozen=True)
class Outcome:
    """What came of one import in the background."""

    source: str
    ok: bool
    sentence: str
    ended: dt.datetime | None = None


def queue_address(url: str, actor: str, depth: int = 0) -> None:
    """Have a worker import what is at this address."""
    async_task("books.tasks.import_address", url, actor, depth, group=GROUP, timeout=TIMEOUT)


def queue_stored(stored: str, name: str, url: str, actor: str, wishes: Wishes) -> None:
    """Have a worker import a file that lies in file storage, and delete it there afterwards."""
    told = (stored, name, url, actor, asdict(wishes))
    async_task("books.tasks.import_stored", *told, group=GROUP, timeout=TIMEOUT)


def queue_images(book_id: str) -> None:
    """Have a worker keep a local copy of each image of the book."""
    async_task("books.tasks.keep_images", book_id, group=GROUP, timeout=TIMEOUT)


def import_address(url: str, actor: str, depth: int = 0) -> dict[str, Any]:
    """Import a book; a collection's manifests are queued one by one."""
    try:
        return _done(take_in(fetched(url), actor=Actor(actor, "admin")))
    except ImportRefused as refused:
        if not refused.offers or depth >= MAX_DEPTH:
            return _refused(url, refused)
        inner = list(dict.fromkeys(address for address, _ in refused.offers if address != url))[:MOST_BOOKS]
        for address in inner:
            queue_address(address, actor, depth + 1)
        return {"ok": True, "sentence": f"A collection: {len(inner)} manifests are imported one by one."}


def import_stored(stored: str, name: str, url: str, actor: str, wishes: dict[str, Any]) -> dict[str, Any]:
    """Import an upload."""
    try:
        with default_storage.open(stored, "rb") as file:
            given = Given(name, url, file)  # type: ignore[arg-type]
            found = _done(take_in(given, actor=Actor(actor, "admin"), wishes=Wishes(**wishes)))
    except OSError:
        return {"ok": False, "sentence": "The upload is no longer here: upload it again."}
    except ImportRefused as refused:
        found = _refused(name, refused)
    default_storage.delete(stored)
    return found


def keep_images(book_id: str) -> dict[str, Any]:
    """Keep a local copy of each page image of a book, as long as the time allows; the rest is queued again."""
    from books.keeping import keep

    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        return {"ok": False, "sentence": "The book is no longer here."}
    kept = keep(book, seconds=TIMEOUT / 2)
    if kept.left:
        queue_images(book_id)
    return {"ok": not kept.failed, "sentence": kept.sentence()}


def outcomes(limit: int = 20) -> list[Outcome]:
    """What came of the latest imports in the background, the newest first."""
    rows = Task.objects.filter(group=GROUP).order_by("-stopped")[:limit]
    return [_outcome(row) for row in rows]


def waiting() -> int:
    """How many tasks, of all kinds, wait for a worker; 0 when the queue cannot be asked."""
    try:
        return int(queue_size())
    except Exception:
        logger.warning("The queue of tasks does not answer.", exc_info=True)
        return 0


def _outcome(row: Any) -> Outcome:
    """A task that died has no sentence of ours: its log has the rest."""
    source = str((row.args or ("",))[1 if "stored" in row.func else 0])
    result = row.result if isinstance(row.result, dict) else {}
    if not row.success or "sentence" not in result:
        return Outcome(
            source, False, "It was broken off: the worker's log tells why. Import it again.", row.stopped
        )
    return Outcome(source, bool(result["ok"]), str(result["sentence"]), row.stopped)


def _done(reports: list[SaveReport]) -> dict[str, Any]:
    said = " ".join(report.sentence() for report in reports[:3])
    more = f" And {len(reports) - 3} more books." if len(reports) > 3 else ""
    return {"ok": True, "sentence": said + more}


def _refused(source: str, refused: ImportRefused) -> dict[str, Any]:
    logger.warning("Not imported: %s: %s", source, refused.sentence)
    return {"ok": False, "sentence": refused.sentence}
