"""Job, its ledger (JobPage), the batches at Gemini, prepared requests, what happened, who is alive.

Only `jobs.lifecycle` changes the state of a job. States and who may follow whom are in docs/architecture.md;
the database refuses pairs that make no sense.
"""

import datetime as dt
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from books.models import Book, Page, id_field
from jobs.operations import type_choices
from sourcebatch.lib.clock import now


class Status(models.TextChoices):
    """Where a job stands."""

    PENDING = "pending", _("Pending")
    PROCESSING = "processing", _("Processing")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


LIVE = (Status.PENDING, Status.PROCESSING, Status.PAUSED)
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Phase(models.TextChoices):
    """What a live job is doing."""

    PREPARING = "preparing", _("Preparing")
    SUBMITTING = "submitting", _("Submitting")
    SUBMITTED = "submitted", _("Waiting at Gemini")
    COMPLETED = "completed", _("Completed")


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs as their users ask for them."""

    def live(self) -> Self:
        """Jobs that are not ended."""
        return self.filter(status__in=LIVE)

    def due(self, moment: dt.datetime | None = None) -> Self:
        """Jobs that a scheduled step may take on now, those that wait longest first."""
        moment = moment or now()
        return self.filter(status__in=[Status.PENDING, Status.PROCESSING], next_step_at__lte=moment).filter(
            Q(lease_until__isnull=True) | Q(lease_until__lte=moment)
        ).order_by("-priority", "next_step_at")  # fmt: skip

    def claim(self, job_id: str, owner: str, until: dt.datetime) -> bool:
        """Take the lease of a job by one conditional UPDATE; False when somebody else holds it."""
        moment = now()
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=moment)
        return self.filter(free, pk=job_id).update(lease_owner=owner, lease_until=until) == 1


class Job(models.Model):
    """One order of work over pages of one book. The truth about its pages is in its JobPage rows."""

    id = id_field()
    type = models.CharField(_("type"), max_length=40, choices=type_choices)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.PENDING)
    batch_phase = models.CharField(_("phase"), max_length=12, choices=Phase, default=Phase.PREPARING)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="jobs", verbose_name=_("book"))
    book_title = models.CharField(_("title"), max_length=1000, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True)
    target_language = models.CharField(_("translate into"), max_length=35, blank=True)
    model = models.CharField(_("model"), max_length=100)
    prompt_version = models.CharField(_("prompt"), max_length=60, blank=True)
    # "" leaves existing text alone, "machine" replaces machine text, "human" replaces a person's text too.
    overwrite = models.CharField(max_length=10, blank=True)
    use_batch_api = models.BooleanField(default=True)
    gemini_batch_job = models.CharField(_("Gemini batch"), max_length=200, blank=True)
    gemini_state = models.CharField(_("Gemini state"), max_length=60, blank=True)
    error = models.TextField(_("error"), blank=True)
    # What the job waits for though nothing is wrong with it: a spending limit, another key, Gemini's quota.
    waiting_for = models.TextField(blank=True)
    # What its next batch takes of Gemini's limits, while it waits for its turn: input tokens, bytes of files.
    wanted_tokens = models.BigIntegerField(default=0, editable=False)
    wanted_bytes = models.BigIntegerField(default=0, editable=False)
    progress = models.JSONField(default=dict)
    priority = models.IntegerField(_("priority"), default=0)
    created_by = models.CharField(_("created by"), max_length=150, blank=True)
    created_via = models.CharField(max_length=12, blank=True)
    estimated_micro_usd = models.BigIntegerField(null=True, blank=True)
    cost_micro_usd = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=now)
    updated_at = models.DateTimeField(_("changed"), default=now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    completed_at = models.DateTimeField(_("ended"), null=True, blank=True)
    next_step_at = models.DateTimeField(default=now, db_index=True)
    failures = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "jobs"
        ordering = ["-id"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions = [("spend_money", "May start work that costs money")]
        indexes = [models.Index(fields=["status", "next_step_at"], name="jobs_due")]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(status=Status.PENDING, batch_phase=Phase.PREPARING)
                    | Q(status__in=[Status.PROCESSING, Status.PAUSED, Status.FAILED, Status.CANCELLED])
                    | Q(status=Status.COMPLETED, batch_phase=Phase.COMPLETED)
                )
                & ~Q(status__in=[Status.PROCESSING, Status.PAUSED], batch_phase=Phase.COMPLETED),
                name="jobs_legal_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()}: {self.book_title}"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen unless somebody asks for it."""
        return self.status in ENDED


class PageState(models.TextChoices):
    """Where one page of a job stands."""

    WAITING = "waiting", _("Waiting")
    PREPARED = "prepared", _("Prepared")
    SUBMITTED = "submitted", _("At Gemini")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


OPEN_STATES = (PageState.WAITING, PageState.PREPARED, PageState.SUBMITTED)


class JobPageQuerySet(models.QuerySet["JobPage"]):
    """Rows of the ledger."""

    def open(self) -> Self:
        """Pages whose end is not known yet."""
        return self.filter(is_open=True)

    def due(self) -> Self:
        """Pages that wait for nothing but their turn."""
        return self.filter(Q(not_before=None) | Q(not_before__lte=now()), state=PageState.WAITING)

    def failed(self) -> Self:
        """Pages that ended without a text."""
        return self.filter(state=PageState.FAILED)


class JobPage(models.Model):
    """The ledger: one row for each page of a job, for ever."""

    id = id_field()
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="ledger", verbose_name=_("job"))
    page = models.ForeignKey(Page, on_delete=models.PROTECT, related_name="work", verbose_name=_("page"))
    type = models.CharField(max_length=40)
    number = models.PositiveIntegerField(_("page"))
    state = models.CharField(_("state"), max_length=10, choices=PageState, default=PageState.WAITING)
    # Same as `state in OPEN_STATES`; its own column because a partial unique index needs a plain condition.
    is_open = models.BooleanField(default=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    error = models.TextField(_("explanation"), blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    # While waiting: when its library may be asked for the image again, where it wanted a pause.
    not_before = models.DateTimeField(null=True, blank=True, editable=False)
    # Set for the next attempt after MAX_TOKENS (a higher limit) or RECITATION (another temperature).
    escalation = models.JSONField(default=dict, blank=True)
    batch = models.ForeignKey(
        "GeminiBatch", on_delete=models.PROTECT, null=True, blank=True, related_name="ledger",
    )  # fmt: skip
    answer = models.TextField(_("raw answer"), blank=True)
    cost_micro_usd = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=now)

    objects = JobPageQuerySet.as_manager()

    class Meta:
        db_table = "job_pages"
        ordering = ["job", "number"]
        verbose_name = _("page of a job")
        verbose_name_plural = _("pages of jobs")
        indexes = [
            models.Index(fields=["job", "state", "number"], name="job_pages_by_state"),
            models.Index(fields=["batch", "state"], name="job_pages_by_batch"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "page"], name="job_pages_once_a_job"),
            models.UniqueConstraint(
                fields=["page", "type"], condition=Q(is_open=True), name="job_pages_one_live"
            ),
            models.CheckConstraint(
                condition=Q(is_open=True, state__in=OPEN_STATES)
                | (Q(is_open=False) & ~Q(state__in=OPEN_STATES)),
                name="job_pages_legal_state",
            ),
        ]

    def __str__(self) -> str:
        return f"page {self.number}: {self.state}"


class Stage(models.TextChoices):
    """How far one batch has come, from our intent to the last file deleted."""

    INTENT = "intent", _("About to be sent")
    OPEN = "open", _("At Gemini")
    ENDED = "ended", _("Ended, to be collected")
    COLLECTED = "collected", _("Results safe, files to be deleted")
    CLOSED = "closed", _("Closed")


class GeminiBatchQuerySet(models.QuerySet["GeminiBatch"]):
    """Batches as the lifecycle asks for them."""

    def unfinished(self) -> Self:
        """Batches whose results are not all safe yet."""
        return self.filter(stage__in=[Stage.INTENT, Stage.OPEN, Stage.ENDED])

    def held(self) -> Self:
        """Batches that their job still waits for."""
        return self.filter(released_at__isnull=True)


class GeminiBatch(models.Model):
    """One batch at Gemini. The row is committed before Gemini hears of it, so a lost reply can be made good."""

    id = id_field()
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="batches", verbose_name=_("job"))
    display_name = models.CharField(max_length=120, unique=True)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.INTENT)
    name = models.CharField(_("name at Gemini"), max_length=200, blank=True, db_index=True)
    state = models.CharField(_("state at Gemini"), max_length=60, blank=True)
    model = models.CharField(max_length=100)
    key_fingerprint = models.CharField(max_length=16, blank=True)
    inline = models.BooleanField(default=False)
    pages = models.PositiveIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    # Counted by Gemini against a quota until the batch has ended.
    input_tokens = models.BigIntegerField(default=0)
    # Bytes of the result file: what is expected, and what it was as soon as it is here.
    result_bytes = models.BigIntegerField(default=0)
    request_file = models.CharField(max_length=200, blank=True)
    result_file = models.CharField(max_length=300, blank=True)
    # Set just before `create` is called: from then on Gemini may have the batch though we heard no answer.
    create_called_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    collect_before = models.DateTimeField(null=True, blank=True)
    collected_lines = models.PositiveIntegerField(default=0)
    collected_at = models.DateTimeField(null=True, blank=True)
    # Set when a reset or cancel lets go of it: it is watched to its end, its late results are judged one by one.
    released_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    refused = models.JSONField(default=list, blank=True)
    reserved_micro_usd = models.BigIntegerField(default=0)
    reserved_on = models.CharField(max_length=10, blank=True)
    cost_micro_usd = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    objects = GeminiBatchQuerySet.as_manager()

    class Meta:
        db_table = "gemini_batches"
        ordering = ["-id"]
        verbose_name = _("Gemini batch")
        verbose_name_plural = _("Gemini batches")
        indexes = [models.Index(fields=["stage", "next_poll_at"], name="gemini_batches_due")]

    def __str__(self) -> str:
        return self.name or self.display_name


class BatchPreparation(models.Model):
    """A request ready to be sent. `request` holds the image's reference; the bytes are in a segment file."""

    id = id_field()
    # Without indexes of their own: that of the constraint below begins with the job, and pages are not deleted.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="preparations", db_index=False)
    page = models.ForeignKey(Page, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=60, unique=True)
    request = models.JSONField(default=dict)
    failed = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    segment = models.CharField(max_length=200, blank=True)
    offset = models.BigIntegerField(default=0)
    length = models.BigIntegerField(default=0)
    line_sha256 = models.CharField(max_length=64, blank=True)
    image_sha256 = models.CharField(max_length=64, blank=True)
    source_sha256 = models.CharField(max_length=64, blank=True)
    glossary = models.CharField(max_length=16, blank=True)
    request_hash = models.CharField(max_length=32, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    class Meta:
        db_table = "batch_preparations"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["job", "page"], name="batch_preparations_once")]

    def __str__(self) -> str:
        return f"prepared {self.page_id}"


class JobEvent(models.Model):
    """Who did what to a job, when, and by which way: admin, api, command or schedule."""

    id = id_field()
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    verb = models.CharField(max_length=30)
    actor = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=12, blank=True)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        db_table = "job_events"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor or self.via}"


class Heartbeat(models.Model):
    """When something last showed that it is alive: `worker`, `poll`, `collect`, `housekeeping`, `submit`."""

    name = models.CharField(primary_key=True, max_length=40, db_column="_id")
    at = models.DateTimeField(default=now)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "heartbeats"

    def __str__(self) -> str:
        return f"{self.name} {self.at}"

    @classmethod
    def beat(cls, name: str, **detail: Any) -> None:
        """Note that `name` is alive now."""
        if not cls.objects.filter(pk=name).update(at=now(), detail=detail):
            cls.objects.get_or_create(name=name, defaults={"detail": detail})
