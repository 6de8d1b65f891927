"""System checks: what is set wrongly is said in one sentence before anything runs, not by a job that fails at night."""

from collections.abc import Iterator, Sequence
from math import ceil, isfinite
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from sourcebatch.lib.db import is_mongodb, library_alias
from sourcebatch.lib.quotas import parsed

POSITIVE = (
    "PREPARE_CHUNK_SIZE", "BATCH_MAX_PAGES", "BATCH_MAX_BYTES", "MAX_OPEN_BATCHES", "MAX_ATTEMPTS", "MAX_OUTPUT_TOKENS",
    "GEMINI_TIMEOUT", "FETCH_MAX_BYTES", "IMAGE_MAX_SIDE", "IMAGE_MAX_PIXELS",
)  # fmt: skip
FEWEST_TOKENS = 100_000
FEWEST_BYTES = 100_000_000
GEMINI_KEEPS = 20_000_000_000
RESOLUTIONS = ("low", "medium", "high", "ultra_high")


def register_all() -> None:
    """Called once, when the app is ready."""
    register(check_key)
    register(check_figures)
    register(check_queue)
    register(check_mongodb, Tags.database)


def check_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without a key everything works but Gemini."""
    if settings.GEMINI_API_KEY:
        return []
    sentence = "GEMINI_API_KEY is not set: jobs can be created but will wait."
    hint = (
        "Set GEMINI_API_KEY (or GEMINI_API_KEY_FILE); `make run` starts a local stand-in for Gemini instead."
    )
    return [Warning(sentence, hint=hint, id="sourcebatch.W001")]


def check_figures(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Figures that would make nothing work, or something never end."""
    return list(_wrong_figures())


def _wrong_figures() -> Iterator[CheckMessage]:
    for name in POSITIVE:
        if getattr(settings, name) < 1:
            yield Error(f"{name} is {getattr(settings, name)}: it must be 1 or more.", id="sourcebatch.E001")
    for name in ("SPEND_LIMIT_DAY_USD", "SPEND_LIMIT_MONTH_USD"):
        limit = getattr(settings, name)
        if limit is not None and not (isfinite(limit) and limit >= 0):
            sentence = f"{name} is no amount of money: give US dollars as a number such as 15.50, or nothing."
            yield Error(sentence, id="sourcebatch.E009")
    if str(settings.MEDIA_RESOLUTION).lower() not in RESOLUTIONS:
        yield Error(
            f"MEDIA_RESOLUTION is {settings.MEDIA_RESOLUTION!r}: use one of {', '.join(RESOLUTIONS)}.",
            id="sourcebatch.E002",
        )
    if settings.BATCH_MAX_BYTES > 2_000_000_000:
        yield Error(
            "BATCH_MAX_BYTES is above 2 GB, which Gemini refuses: use 1900000000.", id="sourcebatch.E003"
        )
    yield from _wrong_quotas()


def _wrong_quotas() -> Iterator[CheckMessage]:
    try:
        shapes, for_all = parsed(str(settings.MAX_ENQUEUED_TOKENS))
    except ImproperlyConfigured as wrong:
        yield Error(f"MAX_ENQUEUED_TOKENS: {wrong}", id="sourcebatch.E006")
    else:
        for limit in (for_all, *(number for _, number in shapes)):
            if 0 < limit < FEWEST_TOKENS:
                yield Error(
                    f"MAX_ENQUEUED_TOKENS allows {limit} tokens, too few for a batch: give tokens, not millions.",
                    id="sourcebatch.E007",
                )
    most = settings.MAX_GEMINI_FILE_BYTES
    if most > GEMINI_KEEPS or (most and most < FEWEST_BYTES):
        yield Error(
            f"MAX_GEMINI_FILE_BYTES is {most}: Gemini keeps 20000000000 bytes for a project, and a batch needs some "
            f"{FEWEST_BYTES}; 18000000000 leaves room for others' files.",
            id="sourcebatch.E008",
        )


def check_queue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """django-q2 gives a task to a second worker after `retry` seconds, also while the first still runs it."""
    queue = settings.Q_CLUSTER
    needed = queue["timeout"] * (1 + ceil((queue["queue_limit"] + 1) / queue["workers"]))
    if queue["retry"] > needed:
        return []
    return [Error(f"Q_CLUSTER's retry must be above {needed} s, or tasks run twice.", id="sourcebatch.E004")]


def check_mongodb(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A MongoDB without a replica set has no transactions: a crash could leave half of a change."""
    if library_alias() not in (databases or ()) or not is_mongodb():
        return []
    connection: Any = connections[library_alias()]
    if "setName" in connection.database.client.admin.command("hello"):
        return []
    hint = "Start mongod with --replSet and initiate it once: mongosh --eval 'rs.initiate()'. One member is enough."
    return [
        Error(
            "MongoDB runs alone, without a replica set, so it has no transactions.",
            hint=hint,
            id="sourcebatch.E005",
        )
    ]
