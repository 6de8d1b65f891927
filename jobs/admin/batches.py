"""Batches at Gemini and every call that cost money: lists to look at."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jobs.admin_actions.wording import gemini_words
from jobs.models import GeminiBatch, Job, PaidCall, Stage
from jobs.operations import operations
from sourcebatch.lib.adminbase import ReadOnlyAdmin
from sourcebatch.lib.show import badge, money

_TONES = {Stage.OPEN: "busy", Stage.ENDED: "warn", Stage.COLLECTED: "good", Stage.CLOSED: "good"}


@admin.register(GeminiBatch)
class GeminiBatchAdmin(ReadOnlyAdmin):
    """What is, or was, at Gemini for our jobs."""

    list_display = ("short_name", "job_link", "stands", "at_gemini", "pages_sent", "sent", "before", "cost")
    list_filter = ("stage", "model")
    search_fields = ("name", "display_name", "job__id")
    search_help_text = _("Gemini's name of a batch, or a job id")
    ordering = ("-id",)
    list_select_related = ("job",)

    @admin.display(description=_("Gemini batch"), ordering="name")
    def short_name(self, batch: GeminiBatch) -> SafeString:
        name = (batch.name or batch.display_name).removeprefix("batches/")
        return format_html(
            '<code title="{}">{}</code>', batch.name, name if len(name) < 14 else name[:12] + "…"
        )

    @admin.display(description=_("Job"))
    def job_link(self, batch: GeminiBatch) -> SafeString:
        return format_html('<a class="sb-title" href="{}">{}</a>', _address(batch.job_id), _short(batch.job))

    @admin.display(description=_("State"), ordering="stage")
    def stands(self, batch: GeminiBatch) -> SafeString:
        return badge(batch.get_stage_display(), _TONES.get(Stage(batch.stage), "plain"))

    @admin.display(description=_("Gemini says"), ordering="state")
    def at_gemini(self, batch: GeminiBatch) -> str:
        return gemini_words(batch.state) if batch.state else "–"

    @admin.display(description=_("Pages"), ordering="pages")
    def pages_sent(self, batch: GeminiBatch) -> str:
        return _grouped(batch.pages)

    @admin.display(description=_("Sent"), ordering="submitted_at")
    def sent(self, batch: GeminiBatch) -> Any:
        return batch.submitted_at

    @admin.display(description=_("Collect before"), ordering="collect_before")
    def before(self, batch: GeminiBatch) -> Any:
        return gettext("collected") if batch.collected_at else batch.collect_before

    @admin.display(description=_("Cost"), ordering="cost_micro_usd")
    def cost(self, batch: GeminiBatch) -> str:
        return money(batch.cost_micro_usd) if batch.collected_at or batch.cost_micro_usd else "–"


@admin.register(PaidCall)
class PaidCallAdmin(ReadOnlyAdmin):
    """Every call that cost money, or may have: who, when, which model, how many tokens."""

    list_display = ("at", "what", "model_name", "calls", "tokens", "cost", "who", "job_link")
    list_filter = ("type", "model")
    search_fields = ("job_id", "page_id", "actor")
    search_help_text = _("Job id, page id, or who asked for it")
    ordering = ("-id",)

    @admin.display(description=_("When"), ordering="created_at")
    def at(self, call: PaidCall) -> Any:
        return call.created_at

    @admin.display(description=_("What"), ordering="type")
    def what(self, call: PaidCall) -> str:
        work = operations().get(call.type)
        return str(work.label) if work else call.type

    @admin.display(description=_("Model"), ordering="model")
    def model_name(self, call: PaidCall) -> SafeString:
        return format_html('<span class="sb-nowrap">{}</span>', call.model)

    @admin.display(description=_("Requests"), ordering="requests")
    def calls(self, call: PaidCall) -> str:
        return _grouped(call.requests)

    @admin.display(description=_("Tokens in / out / thinking"))
    def tokens(self, call: PaidCall) -> str:
        return " / ".join(_grouped(n) for n in (call.input_tokens, call.output_tokens, call.thinking_tokens))

    @admin.display(description=_("Cost"), ordering="cost_micro_usd")
    def cost(self, call: PaidCall) -> str:
        return money(call.cost_micro_usd)

    @admin.display(description=_("Who"), ordering="actor")
    def who(self, call: PaidCall) -> str:
        return call.actor or "–"

    @admin.display(description=_("Job"))
    def job_link(self, call: PaidCall) -> SafeString | str:
        if not call.job_id:
            return gettext("one page, at once")
        return format_html('<a href="{}">{}</a>', _address(call.job_id), _("Job"))


def _address(job_id: str) -> str:
    return reverse("admin:jobs_job_change", args=[job_id])


def _short(job: Job) -> str:
    title = job.book_title or job.pk
    return title if len(title) <= 60 else title[:59] + "…"


def _grouped(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)
