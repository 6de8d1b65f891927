"""Is everything alive? `/health` for monitors (200 or 503 with the reasons), `/metrics` for Prometheus.

What must never happen unseen: no worker, nobody who polls, results that Gemini will soon throw away, a full disk.
"""

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from books.models import PageText, Source
from jobs.lifecycle.cap import taken, token_limit
from jobs.models import LIVE, GeminiBatch, Heartbeat, Job, JobPage, PageState, Spending, Stage, Status
from sourcebatch.lib.clock import now, rfc3339
from sourcebatch.lib.http import ApiError
from sourcebatch.lib.ids import first_id

SILENCE = dt.timedelta(minutes=5)  # a worker gives a sign of life four times a minute while it works
POLL_SILENCE = dt.timedelta(hours=2)  # batches are looked at once an hour at least
SCHEDULE_LATE = dt.timedelta(minutes=15)
DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(days=7)


@dataclass
class Snapshot:
    """Everything that both pages tell. Seconds where nothing else is said; None where there is nothing to tell."""

    worker_seen: dt.datetime | None = None
    last_poll: dt.datetime | None = None
    open_batches: int = 0
    enqueued_tokens: dict[str, int] = field(default_factory=dict)
    gemini_file_bytes: int = 0
    oldest_open: dt.datetime | None = None
    uncollected: int = 0
    oldest_uncollected: dt.datetime | None = None
    collect_before: dt.datetime | None = None
    queue: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    pages_day: int = 0
    failures_week: dict[str, int] = field(default_factory=dict)
    usd_day: float = 0.0
    usd_reserved_day: float = 0.0
    disk_free_bytes: int | None = None
    reasons: list[str] = field(default_factory=list)


def snapshot() -> Snapshot:
    """Look at everything once. Raises DatabaseError."""
    shot = Snapshot()
    beats = {beat.name: beat.at for beat in Heartbeat.objects.all()}
    shot.worker_seen, shot.last_poll = beats.get("worker"), beats.get("poll")
    _look_at_batches(shot)
    shot.queue = 0 if settings.REDIS_URL else OrmQ.objects.count()
    counted = Job.objects.filter(status__in=LIVE).order_by().values("status").annotate(n=Count("pk"))
    shot.jobs = {str(row["status"]): row["n"] for row in counted}
    _look_at_work(shot)
    shot.disk_free_bytes = _disk_free()
    shot.reasons = list(_reasons(shot))
    return shot


def _look_at_batches(shot: Snapshot) -> None:
    unfinished = GeminiBatch.objects.filter(stage__in=[Stage.OPEN, Stage.ENDED]).order_by()
    shot.open_batches = unfinished.filter(stage=Stage.OPEN).count()
    shot.oldest_open = unfinished.filter(stage=Stage.OPEN).aggregate(at=Min("submitted_at"))["at"]
    at_gemini = taken()
    shot.enqueued_tokens, shot.gemini_file_bytes = dict(at_gemini.tokens), at_gemini.bytes
    ended = unfinished.filter(stage=Stage.ENDED)
    shot.uncollected = ended.count()
    oldest = ended.aggregate(at=Min("ended_at"), before=Min("collect_before"))
    shot.oldest_uncollected, shot.collect_before = oldest["at"], oldest["before"]


def _look_at_work(shot: Snapshot) -> None:
    # Ids are ordered by time, so a day is a range of the primary key and needs no index of its own.
    recent = PageText.objects.filter(pk__gte=first_id(now() - DAY), source=Source.MACHINE)
    shot.pages_day = recent.count()
    failed = JobPage.objects.filter(pk__gte=first_id(now() - WEEK), state=PageState.FAILED).order_by()
    rows = failed.values("reason").annotate(n=Count("pk"))
    shot.failures_week = {str(row["reason"]) or "unknown": row["n"] for row in rows}
    today = Spending.objects.filter(pk=f"{now():%Y-%m-%d}").first()
    if today:
        shot.usd_day, shot.usd_reserved_day = today.spent / 1e6, today.reserved / 1e6


def _disk_free() -> int | None:
    """Bytes that DATA_DIR of this machine still takes; None when it cannot be asked."""
    try:
        return shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return None


def _reasons(shot: Snapshot) -> Iterator[str]:
    """What is wrong, each a sentence that says what to do."""
    if shot.worker_seen is None:
        yield "No worker has run yet: start one with `python manage.py worker`."
    elif now() - shot.worker_seen > _allowed_silence():
        yield f"No worker has shown up since {rfc3339(shot.worker_seen)}: start one with `python manage.py worker`."
    polled = max(filter(None, [shot.last_poll, shot.oldest_open]), default=None)
    if shot.oldest_open and polled and now() - polled > POLL_SILENCE:
        since = rfc3339(polled)
        yield f"{shot.open_batches} batches are open, but Gemini was last asked at {since}: look at the worker's log."
    if shot.collect_before and now() > half_time(shot.oldest_uncollected, shot.collect_before):
        yield (
            f"Results have been waiting since {rfc3339(shot.oldest_uncollected)} and may be gone after "
            f"{rfc3339(shot.collect_before)}: run `python manage.py advance_jobs`."
        )
    if shot.disk_free_bytes is None:
        yield "The folder of DATA_DIR cannot be reached: look whether its disk is mounted, and at the setting."
    elif shot.disk_free_bytes < settings.MIN_FREE_DISK_MB * 1_000_000:
        free = shot.disk_free_bytes // 1_000_000
        yield f"The disk that holds DATA_DIR has {free} MB left: make room before jobs and imports have to stop."
    late = Schedule.objects.filter(next_run__lt=now() - SCHEDULE_LATE).exclude(repeats=0)
    for name in late.values_list("name", flat=True)[:5]:
        yield f"The schedule {name!r} is overdue: look at the worker's log, and at its arguments in the admin."


def _allowed_silence() -> dt.timedelta:
    """Longer where somebody made the schedule slower."""
    minutes = (
        Schedule.objects.filter(func="jobs.tasks.advance_jobs").values_list("minutes", flat=True).first()
    )
    return max(SILENCE, dt.timedelta(minutes=2.5 * (minutes or 1)))


def half_time(ended: dt.datetime | None, before: dt.datetime) -> dt.datetime:
    """When half of the time to collect is over: from then on it is an alarm."""
    return ended + (before - ended) / 2 if ended else before


def health(request: HttpRequest) -> JsonResponse:
    """For monitors and load balancers; open to all, and says nothing about books or people."""
    try:
        shot = snapshot()
    except DatabaseError:
        sentence = "The database does not answer: look whether it runs, and at DATABASE_URL."
        return _json({"status": "failing", "reasons": [sentence]}, 503)
    return _json(_as_json(shot), 503 if shot.reasons else 200)


def _as_json(shot: Snapshot) -> dict[str, Any]:
    return {
        "status": "failing" if shot.reasons else "ok",
        "reasons": shot.reasons,
        "worker_last_seen": rfc3339(shot.worker_seen),
        "last_poll": rfc3339(shot.last_poll),
        "open_batches": shot.open_batches,
        "max_open_batches": settings.MAX_OPEN_BATCHES,
        "enqueued_tokens": shot.enqueued_tokens,
        "max_enqueued_tokens": {model: token_limit(model) or None for model in shot.enqueued_tokens},
        "gemini_file_bytes": shot.gemini_file_bytes,
        "max_gemini_file_bytes": settings.MAX_GEMINI_FILE_BYTES or None,
        "uncollected_batches": shot.uncollected,
        "oldest_uncollected": rfc3339(shot.oldest_uncollected),
        "collect_before": rfc3339(shot.collect_before),
        "jobs": {
            status: shot.jobs.get(status, 0) for status in (Status.PENDING, Status.PROCESSING, Status.PAUSED)
        },
        "queue": shot.queue,
        "pages_last_day": shot.pages_day,
        "disk_free_bytes": shot.disk_free_bytes,
    }


def _json(body: dict[str, Any], status: int) -> JsonResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


class _Collector(Collector):
    """Prometheus' view of one snapshot."""

    def __init__(self, shot: Snapshot) -> None:
        self.shot = shot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        shot = self.shot
        yield _gauge("up", "1 when /health says ok.", float(not shot.reasons))
        yield _gauge(
            "worker_silent_seconds", "Since a worker last gave a sign of life.", _age(shot.worker_seen)
        )
        yield _gauge("poll_silent_seconds", "Since Gemini last answered about a batch.", _age(shot.last_poll))
        yield _gauge("open_batches", "Batches at Gemini that have not ended.", shot.open_batches)
        yield _gauge("open_batches_max", "MAX_OPEN_BATCHES.", settings.MAX_OPEN_BATCHES)
        yield _labelled("enqueued_tokens", "Input tokens of open batches.", "model", shot.enqueued_tokens)
        limits = {model: limit for model in shot.enqueued_tokens if (limit := token_limit(model))}
        yield _labelled("enqueued_tokens_max", "MAX_ENQUEUED_TOKENS, where it is set.", "model", limits)
        yield _gauge("gemini_file_bytes", "Batch files and results kept at Gemini.", shot.gemini_file_bytes)
        yield _gauge(
            "gemini_file_bytes_max", "MAX_GEMINI_FILE_BYTES.", settings.MAX_GEMINI_FILE_BYTES or None
        )
        yield _gauge(
            "oldest_open_batch_seconds", "Age of the oldest open batch.", _age(shot.oldest_open) or 0
        )
        yield _gauge("uncollected_batches", "Ended batches whose results are not safe yet.", shot.uncollected)
        yield _gauge(
            "oldest_uncollected_seconds", "Age of the oldest of them.", _age(shot.oldest_uncollected) or 0
        )
        yield _gauge("queue", "Tasks waiting in django-q2's queue.", shot.queue)
        yield _gauge("pages_last_day", "Texts that machines wrote in the last 24 hours.", shot.pages_day)
        yield _gauge("usd_today", "US dollars spent today (UTC).", shot.usd_day)
        yield _gauge(
            "usd_reserved_today", "US dollars set aside today for batches under way.", shot.usd_reserved_day
        )
        yield _gauge("disk_free_bytes", "What DATA_DIR of this machine still takes.", shot.disk_free_bytes)
        yield _labelled("jobs", "Live jobs by status.", "status", shot.jobs)
        yield _labelled(
            "failed_pages_week", "Failed pages of this week's jobs.", "reason", shot.failures_week
        )


def _age(moment: dt.datetime | None) -> float | None:
    return (now() - moment).total_seconds() if moment else None


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """A gauge; one that has no value yet is announced without a sample."""
    family = GaugeMetricFamily(f"sourcebatch_{name}", text)
    if value is not None:
        family.add_metric([], value)
    return family


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sourcebatch_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus, with a token of scope read (`authorization: credentials_file`) or a session that may see jobs."""
    try:
        caller = import_string(settings.API_AUTHENTICATOR)(request)
    except ApiError as error:
        return error.response()
    if caller.by_session and not caller.may("jobs.view_job"):
        return ApiError(403, "The figures are for those who may see jobs: ask an administrator.").response()
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
