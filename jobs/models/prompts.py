"""Versions of prompts, and trials of one against another."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from books import makers
from books.models import Book, Page, id_field
from jobs.operations import type_choices
from sourcebatch.lib.clock import now


class PromptVersion(models.Model):
    """One version of an operation's prompt. The file in jobs/operations is version 1; others are made in the admin."""

    id = id_field()
    type = models.CharField(_("operation"), max_length=40, choices=type_choices)
    version = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"))
    text_sha256 = models.CharField(max_length=64)
    is_default = models.BooleanField(_("in use"), default=False)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        db_table = "prompt_versions"
        ordering = ["type", "-version"]
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        constraints = [
            models.UniqueConstraint(fields=["type", "version"], name="prompt_versions_once"),
            models.UniqueConstraint(
                fields=["type"], condition=Q(is_default=True), name="prompt_versions_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """How texts name it: `batch_ocr/1`."""
        return f"{self.type}/{self.version}"


class PromptTrial(models.Model):
    """Two versions of a prompt on the same pages, side by side. Nothing of it becomes a page's text."""

    id = id_field()
    # Made with the page on which the trial was confirmed, so that a second click finds this row.
    token = models.CharField(max_length=40, unique=True)
    type = models.CharField(_("operation"), max_length=40, choices=type_choices)
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="+", verbose_name=_("book"))
    target_language = models.CharField(max_length=35, blank=True)
    model = models.CharField(_("model"), max_length=100)
    # As texts name them: the one that is tried, and the one that was in use.
    prompt_version = models.CharField(_("prompt"), max_length=60, db_index=True)
    present_version = models.CharField(max_length=60)
    estimated_micro_usd = models.BigIntegerField(null=True, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        db_table = "prompt_trials"
        ordering = ["-id"]
        verbose_name = _("trial of a prompt")
        verbose_name_plural = _("trials of prompts")

    def __str__(self) -> str:
        return f"{self.prompt_version} against {self.present_version}"


class TrialState(models.TextChoices):
    """Where one page of a trial stands with one of the two prompts."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Being worked on")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class TrialPage(models.Model):
    """What one of the two prompts made of one page of a trial, and what it cost. A call is made once, come what may."""

    id = id_field()
    trial = models.ForeignKey(PromptTrial, on_delete=models.CASCADE, related_name="pages")
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="+")
    prompt_version = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=TrialState, default=TrialState.WAITING)
    text = models.TextField(blank=True)
    error = models.TextField(blank=True)
    flags = models.JSONField(default=list, blank=True)
    model = models.CharField(max_length=100, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    thinking_tokens = models.PositiveIntegerField(default=0)
    cost_micro_usd = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "prompt_trial_pages"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "page", "prompt_version"], name="prompt_trial_pages_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.page_id} by {self.prompt_version}: {self.state}"

    @property
    def maker(self) -> str:
        """What made it by its own account, as people read it."""
        return makers.named(self.model)
