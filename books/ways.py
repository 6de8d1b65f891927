"""The ways in which texts were made: by what, with which prompt, and how many of them in each way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from books.models import Kind, PageText, PageTextQuerySet

COLUMNS = ("kind", "target_language", "source", "model", "prompt_version")


@dataclass(frozen=True)
class Way:
    """So many texts that were made in one way; `reviewed` of them a person has vouched for."""

    kind: str
    target_language: str
    source: str
    model: str
    prompt_version: str
    pages: int
    reviewed: int

    @property
    def key(self) -> tuple[str, ...]:
        """By which a text finds how it was made."""
        return (self.kind, self.target_language, self.source, self.model, self.prompt_version)

    @property
    def rank(self) -> tuple[Any, ...]:
        """Transcriptions first, then by language; the most frequent way first."""
        return (self.kind != Kind.OCR, self.target_language, -self.pages, self.key)


def key_of(text: PageText) -> tuple[str, ...]:
    """The key of the way in which a text was made."""
    return (text.kind, text.target_language, text.source, text.model, text.prompt_version)


def grouped(texts: PageTextQuerySet, **figures: Any) -> list[Mapping[str, Any]]:
    """The fields of each `Way` of these texts, with further figures, in one query."""
    counts = {"pages": Count("pk"), "reviewed": Count("reviewed_at")}
    return list(texts.order_by().values(*COLUMNS).annotate(**counts, **figures))
