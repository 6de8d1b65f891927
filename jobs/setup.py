"""What every database of ours contains after a migration: schedules, prompts, models and prices, roles."""

import datetime as dt
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Max

from books.texts import text_hash
from jobs import prices, roles, schedules
from jobs.models import GeminiModel, Price, PromptVersion
from jobs.operations import operations
from jobs.operations.base import Operation
from sourcebatch.lib.adminlog import machine_id
from sourcebatch.lib.db import library_alias

# Who made the prompts that came with a release, in the place of a person's name.
SHIPPED = "shipped"


def after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Fill in what is missing; what somebody changed in the admin stays as it is."""
    # django-q2's tables are in the site's own database, and missing while `migrate` handles one other app.
    if using == DEFAULT_DB_ALIAS and _has_table(using, "django_q_schedule"):
        schedules.ensure()
    if using == DEFAULT_DB_ALIAS and _has_table(using, "auth_group"):
        roles.ensure()
    if using == DEFAULT_DB_ALIAS and _has_table(using, "auth_user"):
        machine_id()
    if using == library_alias() and _has_table(using, PromptVersion._meta.db_table):
        sync_prompts()
        sync_models()


def _has_table(using: str, name: str) -> bool:
    return name in connections[using].introspection.table_names()


def sync_prompts() -> None:
    """Each operation's prompt file is a version: the first one, and another one when a release changes the
    file.

    The newest shipped prompt is in use unless somebody has chosen or written another.
    """
    for work in operations().values():
        _sync_prompt(work)


def _sync_prompt(work: Operation) -> None:
    text = work.prompt_file.read_text(encoding="utf-8")
    digest = text_hash(text)
    versions = PromptVersion.objects.filter(type=work.type)
    if versions.filter(created_by=SHIPPED, text_sha256=digest).exists():
        return
    in_use = versions.filter(is_default=True).first()
    newest: int = versions.aggregate(newest=Max("version"))["newest"] or 0
    replaces = in_use is None or (in_use.created_by == SHIPPED and in_use.version == newest)
    if replaces:
        versions.filter(is_default=True).update(is_default=False)
    PromptVersion.objects.create(
        type=work.type, version=newest + 1, text=text, text_sha256=digest, created_by=SHIPPED, is_default=replaces
    )  # fmt: skip


def sync_models() -> None:
    """Enter the models and prices of this release that are missing; rows that are there stay as they are."""
    shipped = prices.shipped()
    origin = {"source": shipped["source"], "read_on": dt.date.fromisoformat(shipped["read_on"])}
    for entry in shipped["models"]:
        facts = {name: entry.get(name, "") for name in ("state", "successor", "notice")}
        model, _ = GeminiModel.objects.get_or_create(name=entry["name"], defaults=facts | origin)
        _sync_prices(model, entry["prices"], origin)


def _sync_prices(model: GeminiModel, entries: list[dict[str, Any]], origin: dict[str, Any]) -> None:
    """Prices that were read later than any the model has; older ones somebody may have removed on
    purpose.
    """
    latest = model.prices.aggregate(latest=Max("read_on"))["latest"]
    if latest and latest >= origin["read_on"]:
        return
    for entry in entries:
        start = dt.date.fromisoformat(entry["valid_from"])
        end = dt.date.fromisoformat(entry["valid_to"]) if "valid_to" in entry else None
        figures = {"input_usd": entry["input_usd"], "output_usd": entry["output_usd"], "valid_to": end}
        Price.objects.get_or_create(model=model, valid_from=start, defaults=figures | origin)
