"""Gemini's models and what they cost: dated rows that people keep up to date without a new version of the program."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jobs.models import GeminiModel, Price
from sourcebatch.lib.adminbase import KeptAdmin, TabularInline
from sourcebatch.lib.show import badge

_TONES = {
    GeminiModel.State.CURRENT: "good",
    GeminiModel.State.PREVIEW: "warn",
    GeminiModel.State.RETIRED: "bad",
}


class PriceInline(TabularInline[Price, GeminiModel]):
    """Prices of one model. A new price is a new row from its day on; old jobs keep the old one."""

    model = Price
    extra = 0
    fields = ("valid_from", "valid_to", "input_usd", "output_usd", "batch_factor", "source", "read_on")
    verbose_name = _("price, US dollars per million tokens")
    verbose_name_plural = _("prices, US dollars per million tokens; thinking is paid as output")


@admin.register(GeminiModel)
class GeminiModelAdmin(KeptAdmin):
    """Models: in use, replaced by which, at what price."""

    list_display = ("name", "state_badge", "price_now", "successor", "notice")
    list_filter = ("state",)
    search_fields = ("name",)
    inlines = (PriceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GeminiModel]:
        return super().get_queryset(request).prefetch_related("prices")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # The name is the key: another name is another model.
        return ("name",) if obj else ()

    @admin.display(description=_("State"), ordering="state")
    def state_badge(self, model: GeminiModel) -> SafeString:
        return badge(model.get_state_display(), _TONES.get(GeminiModel.State(model.state), "plain"))

    @admin.display(description=_("Input / output today, $ per million tokens"))
    def price_now(self, model: GeminiModel) -> str:
        today = timezone.now().date()
        for price in model.prices.all():
            if price.valid_from <= today and (price.valid_to is None or today <= price.valid_to):
                return gettext("$%(input).2f / $%(output).2f (in a batch × %(factor)s)") % {
                    "input": price.input_usd, "output": price.output_usd, "factor": f"{price.batch_factor:g}",
                }  # fmt: skip
        return gettext("unknown")
