"""Gemini's generationConfig by model family: thinking off, resolution of images, limits, temperature."""

import re
from typing import Any

from django.conf import settings

from jobs.operations.prompts import escalated

RESOLUTIONS = ("low", "medium", "high", "ultra_high")
VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?-")


def version_of(model: str) -> tuple[int, int] | None:
    """Major and minor version in a Gemini model's name; None when it names none (`gemini-flash-latest`)."""
    found = VERSION.match(model.removeprefix("models/"))
    return (int(found[1]), int(found[2] or 0)) if found else None


def thinking(model: str) -> dict[str, Any]:
    """The least thinking that a model allows (I50): thoughts are paid as output and eat the output limit."""
    version = version_of(model) or (3, 0)
    pro = "-pro" in model
    if version >= (3, 0):
        return {"thinkingLevel": "low" if pro else "minimal"}
    if version >= (2, 5):
        return {"thinkingBudget": 128 if pro else 0}
    return {}


def resolution() -> str:
    """The setting MEDIA_RESOLUTION in Gemini's spelling. Raises ValueError for another word."""
    word = settings.MEDIA_RESOLUTION.lower()
    if word not in RESOLUTIONS:
        raise ValueError(f"MEDIA_RESOLUTION is {word!r}: set it to one of {', '.join(RESOLUTIONS)}.")
    return f"MEDIA_RESOLUTION_{word.upper()}"


def generation(model: str, escalation: dict[str, Any], *, image: bool) -> dict[str, Any]:
    """The generationConfig of one request; `escalation` is what an earlier attempt asked to change."""
    config: dict[str, Any] = {
        "temperature": escalation.get("temperature", 0),
        "maxOutputTokens": escalated(settings.MAX_OUTPUT_TOKENS, escalation),
    }
    if least := thinking(model):
        config["thinkingConfig"] = least
    if image:
        config["mediaResolution"] = resolution()
    return config
