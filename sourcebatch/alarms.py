"""Alarms by mail and webhook: one digest of what is new, not a message a page, and nothing twice while it lasts.

What /health complains of is told at once, each kind once until it is over. Failed jobs and pages wait for the next
digest, ALARM_EVERY_HOURS after the last. A dead worker sends nothing: for that, somebody outside must ask /health,
or cron must run `manage.py send_alarms`.
"""

import datetime as dt
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Count

from jobs.models import Heartbeat, Job, JobPage, PageState, Status
from sourcebatch.health import snapshot
from sourcebatch.lib.clock import now, rfc3339
from sourcebatch.lib.fetch import FetchError, post_json

NAME = "alarms"
SENDING = dt.timedelta(
    minutes=1
)  # as long as one digest may take: who comes meanwhile leaves it to the first
LISTED = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """What was told: each kind of complaint with its time, and until when failures were."""

    told: dict[str, str] = field(default_factory=dict)
    failures_until: str = ""

    def as_detail(self) -> dict[str, Any]:
        return {"told": self.told, "failures_until": self.failures_until}


@dataclass(frozen=True)
class Digest:
    """One message: complaints of /health, jobs that failed with their reasons, failed pages by reason."""

    complaints: list[str]
    jobs: list[tuple[str, str]]
    pages: dict[str, int]

    def subject(self) -> str:
        """Without anything that people or models wrote."""
        if self.complaints:
            return "Sourcebatch needs somebody"
        return f"Sourcebatch: {len(self.jobs)} jobs and {sum(self.pages.values())} pages failed"

    def text(self) -> str:
        """Plain text, a sentence a line."""
        lines = [*self.complaints]
        lines += [f"Failed job: {title[:80]}: {error[:300]}" for title, error in self.jobs[:LISTED]]
        if len(self.jobs) > LISTED:
            lines.append(f"And {len(self.jobs) - LISTED} more failed jobs.")
        lines += [f"Failed pages: {count} ({reason})." for reason, count in self.pages.items()]
        return "\n".join([*lines, *_where_to_look()])


def send_alarms() -> dict[str, int]:
    """Tell what is new, if anything is and anybody wants to know; what the schedule calls. Returns what was sent."""
    if not settings.ALARM_EMAILS and not settings.ALARM_WEBHOOK_URL:
        return {"digests": 0}
    memory, moment = _memory(), now()
    complaints = snapshot().reasons
    new = [one for one in complaints if kind_of(one) not in memory.told]
    digest = _digest(memory, moment, new)
    if digest is None:
        _remember(_after(memory, moment, complaints, told=[]))
        return {"digests": 0}
    if not _claim(moment):
        return {"digests": 0}
    if _send(digest):
        tells_failures = bool(digest.jobs or digest.pages)
        _remember(_after(memory, moment, complaints, told=new, failures=tells_failures))
        return {"digests": 1}
    return {"digests": 0, "failed": 1}


def kind_of(complaint: str) -> str:
    """A complaint without its figures and times: it stays the same while it lasts."""
    return re.sub(r"[\dTZ:.-]*\d[\dTZ:.-]*", "#", complaint)


# --- What is new -----------------------------------------------------------------------------------------------------


def _digest(memory: Memory, moment: dt.datetime, new: list[str]) -> Digest | None:
    """None when there is nothing to tell yet."""
    since = _parsed(memory.failures_until, moment - _pause())
    due = not memory.failures_until or moment - since >= _pause()
    jobs, pages = _failures(since, moment) if due else ([], {})
    return Digest(new, jobs, pages) if new or jobs or pages else None


def _failures(since: dt.datetime, until: dt.datetime) -> tuple[list[tuple[str, str]], dict[str, int]]:
    changed = Job.objects.filter(updated_at__gt=since)
    failed = changed.filter(status=Status.FAILED, completed_at__gt=since, completed_at__lte=until).order_by(
        "pk"
    )
    pages = JobPage.objects.filter(
        job__in=list(changed.values_list("pk", flat=True)), state=PageState.FAILED,
        updated_at__gt=since, updated_at__lte=until,
    )  # fmt: skip
    rows = pages.order_by().values("reason").annotate(n=Count("pk")).order_by("-n")
    return list(failed.values_list("book_title", "error")), {
        row["reason"] or "unknown": row["n"] for row in rows
    }


def _where_to_look() -> list[str]:
    """The first address of the site that the settings know."""
    sites = [site.rstrip("/") for site in settings.CSRF_TRUSTED_ORIGINS if "*" not in site]
    return [f"Look at {sites[0]}/admin/"] if sites else []


# --- What was told ---------------------------------------------------------------------------------------------------


def _pause() -> dt.timedelta:
    return dt.timedelta(hours=settings.ALARM_EVERY_HOURS)


def _memory() -> Memory:
    row = Heartbeat.objects.filter(pk=NAME).first()
    detail = row.detail if row else {}
    return Memory(dict(detail.get("told", {})), str(detail.get("failures_until", "")))


def _after(
    memory: Memory, moment: dt.datetime, complaints: list[str], *, told: list[str], failures: bool = False
) -> Memory:
    """Kinds that are over are forgotten, but not at once: what comes and goes is not told each time."""
    stamp = str(rfc3339(moment))
    lasting = {kind_of(one) for one in complaints}
    kept = {
        kind: stamp if kind in lasting else at
        for kind, at in memory.told.items()
        if kind in lasting or moment - _parsed(at, moment) < _pause()
    }
    until = stamp if failures or not memory.failures_until else memory.failures_until
    return Memory(kept | {kind_of(one): stamp for one in told}, until)


def _parsed(stamp: str, otherwise: dt.datetime) -> dt.datetime:
    return dt.datetime.fromisoformat(stamp) if stamp else otherwise


def _claim(moment: dt.datetime) -> bool:
    """Whether this process is the one that sends now; a crash gives the turn back after a minute."""
    _row, made = Heartbeat.objects.get_or_create(name=NAME, defaults={"at": moment})
    free = Heartbeat.objects.filter(pk=NAME, at__lte=moment - SENDING)
    return made or free.update(at=moment) == 1


def _remember(memory: Memory) -> None:
    if memory.told or memory.failures_until or Heartbeat.objects.filter(pk=NAME).exists():
        Heartbeat.objects.update_or_create(
            name=NAME, defaults={"detail": memory.as_detail()}, create_defaults={
                "detail": memory.as_detail(), "at": now() - SENDING,
            },
        )  # fmt: skip


# --- Sending ---------------------------------------------------------------------------------------------------------


def _send(digest: Digest) -> bool:
    """By every way that is set; whether anybody was reached. What fails is logged and tried again later."""
    ways: list[Callable[[Digest], None]] = []
    if settings.ALARM_EMAILS:
        ways.append(_by_mail)
    if settings.ALARM_WEBHOOK_URL:
        ways.append(_by_webhook)
    reached = [_reached(way, digest) for way in ways]
    return any(reached)


def _reached(way: Callable[[Digest], None], digest: Digest) -> bool:
    try:
        way(digest)
    except (OSError, FetchError) as error:
        # smtplib's errors are OSErrors.
        logger.warning("An alarm could not be sent: %s", error)
        return False
    return True


def _by_mail(digest: Digest) -> None:
    send_mail(digest.subject(), digest.text(), None, settings.ALARM_EMAILS)


def _by_webhook(digest: Digest) -> None:
    post_json(settings.ALARM_WEBHOOK_URL, {"text": f"{digest.subject()}\n{digest.text()}"})
