"""Money: what is reserved and spent, every call that cost something, and what models and their tokens cost."""

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from books.models import id_field
from sourcebatch.lib.clock import now


class Spending(models.Model):
    """Money of one period in millionths of a US dollar; the period is a day `2026-11-23` or a month `2026-11`."""

    period = models.CharField(primary_key=True, max_length=10, db_column="_id")
    reserved = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0)

    class Meta:
        db_table = "spending"
        ordering = ["-period"]
        verbose_name = _("spending")
        verbose_name_plural = _("spending")

    def __str__(self) -> str:
        return self.period

    @classmethod
    def add(cls, period: str, *, reserved: int = 0, spent: int = 0, limit: int | None = None) -> bool:
        """Add to a period by one conditional UPDATE; False when that would pass `limit` (in micro-dollars)."""
        cls.objects.get_or_create(period=period)
        rows = cls.objects.filter(pk=period)
        if limit is not None:
            rows = rows.filter(spent__lte=models.Value(limit - reserved - spent) - F("reserved"))
        return bool(rows.update(reserved=F("reserved") + reserved, spent=F("spent") + spent))


class PaidCall(models.Model):
    """One call that cost money, or may have: realtime calls and whole batches, also failed ones."""

    id = id_field()
    job_id = models.CharField(max_length=40, blank=True, db_index=True)
    batch_id = models.CharField(max_length=40, blank=True)
    page_id = models.CharField(max_length=40, blank=True)
    type = models.CharField(max_length=40)
    model = models.CharField(max_length=100)
    requests = models.PositiveIntegerField(default=1)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    thinking_tokens = models.BigIntegerField(default=0)
    cost_micro_usd = models.BigIntegerField(null=True, blank=True)
    # The day whose limit the money was set aside from: midnight may pass before the call begins.
    reserved_on = models.CharField(max_length=10, blank=True, default="", db_default="", editable=False)
    actor = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        db_table = "paid_calls"
        ordering = ["-id"]
        verbose_name = _("paid call")
        verbose_name_plural = _("paid calls")

    def __str__(self) -> str:
        return f"{self.model} {self.created_at:%Y-%m-%d %H:%M}"


class GeminiModel(models.Model):
    """A model's name, whether it may still be used, and what replaces it."""

    class State(models.TextChoices):
        CURRENT = "current", _("Current")
        PREVIEW = "preview", _("Preview")
        RETIRED = "retired", _("Retired")

    name = models.CharField(_("name"), primary_key=True, max_length=100, db_column="_id")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CURRENT)
    successor = models.CharField(_("replaced by"), max_length=100, blank=True)
    notice = models.CharField(_("notice"), max_length=500, blank=True)
    source = models.CharField(_("source"), max_length=500, blank=True)
    read_on = models.DateField(_("read on"), null=True, blank=True)

    class Meta:
        db_table = "gemini_models"
        ordering = ["name"]
        verbose_name = _("Gemini model")
        verbose_name_plural = _("Gemini models")

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """US dollars per million tokens of one model from one day on; thinking counts as output, batch is a factor."""

    id = id_field()
    model = models.ForeignKey(GeminiModel, on_delete=models.CASCADE, related_name="prices")
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    input_usd = models.FloatField(_("input"))
    output_usd = models.FloatField(_("output"))
    batch_factor = models.FloatField(_("batch factor"), default=0.5)
    source = models.CharField(_("source"), max_length=500, blank=True)
    read_on = models.DateField(_("read on"), null=True, blank=True)

    class Meta:
        db_table = "prices"
        ordering = ["model", "-valid_from"]
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [models.UniqueConstraint(fields=["model", "valid_from"], name="prices_once")]

    def __str__(self) -> str:
        return f"{self.model_id}: {self.input_usd} / {self.output_usd}"
