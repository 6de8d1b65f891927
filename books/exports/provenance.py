"""What every export says of its texts: who or what made them, when, from what, under which rights, reviewed or not."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Min
from django.utils.html import strip_tags

from books.exports.base import Options, texts_of
from books.languages import name_of
from books.makers import is_stand_in
from books.models import Book, Kind, PageText, Source
from books.ways import Way, grouped
from sourcebatch.lib.clock import now, rfc3339

WARNING = "Text made by a machine may be wrong: compare it with the scan before you quote it."
BY = {Source.MACHINE: "machine", Source.HUMAN: "person", Source.IMPORT: "import"}


@dataclass(frozen=True)
class Making(Way):
    """A way in which texts of an export were made, with the times of the first and the last."""

    first: dt.datetime
    last: dt.datetime

    @property
    def maker(self) -> str:
        """A noun phrase: `a machine (gemini-3.5-flash-lite, prompt batch_ocr/1)`."""
        return _maker(self.source, self.model, self.prompt_version)

    @property
    def sentence(self) -> str:
        """In words, for people."""
        pages = "1 page" if self.pages == 1 else f"{self.pages} pages"
        first, last = f"{self.first:%Y-%m-%d}", f"{self.last:%Y-%m-%d}"
        when = first if first == last else f"{first} to {last}"
        return (
            f"{_what(self.kind, self.target_language)}: {pages} by {self.maker}, {when}; "
            f"{self.reviewed or 'none'} reviewed by a person."
        )


def makings(book: Book, options: Options) -> list[Making]:
    """How the texts of an export were made, in one query, the most frequent way first."""
    times = {"first": Min("created_at"), "last": Max("created_at")}
    found = [Making(**row) for row in grouped(texts_of(book, options), **times)]
    return sorted(found, key=lambda one: one.rank)


def about(book: Book, options: Options) -> list[tuple[str, str]]:
    """Label and value of what is to be told of the whole, for the head of a file."""
    told = [
        ("Title", book.title), ("Author", book.author), ("Year", "" if book.year is None else str(book.year)),
        ("Language", name_of(book.language) if book.language else ""), ("Source", book.source_url),
        ("Identifier", book.source_id or ""), ("Rights", plain_note(book.rights)),
        ("Attribution", plain_note(book.attribution)), *(("Text", line) for line in how_made(book, options)),
        ("Notice", notice(options)), ("Exported", f"{now():%Y-%m-%d} by Sourcebatch"),
    ]  # fmt: skip
    return [(label, value) for label, value in told if value]


def how_made(book: Book, options: Options) -> list[str]:
    """A sentence for each way in which texts of the export were made."""
    return [one.sentence for one in makings(book, options)] or ["There is no text in it yet."]


def notice(options: Options) -> str:
    """What a reader has to know before quoting."""
    only = (
        " Only texts that a person wrote, corrected or reviewed are in this file." if options.reviewed else ""
    )
    return WARNING + only


def sentence(text: PageText, *, stale: bool = False) -> str:
    """Of one text, in words: what it is, who made it, when, whether a person has reviewed it."""
    seen = (
        f"reviewed by a person on {text.reviewed_at:%Y-%m-%d}"
        if text.reviewed_at
        else "not reviewed by a person"
    )
    late = " The transcription has been changed since." if stale else ""
    return (
        f"{_what(text.kind, text.target_language)} by {_maker(text.source, text.model, text.prompt_version)}, "
        f"{text.created_at:%Y-%m-%d}; {seen}.{late}"
    )


def record(text: PageText, *, stale: bool = False) -> dict[str, Any]:
    """Of one text, for programs. People are not named."""
    translation = {
        "target_language": text.target_language, "stale": stale, "based_on": text.based_on, "glossary": text.glossary,
    }  # fmt: skip
    return {
        "id": text.pk, "kind": "transcription" if text.kind == Kind.OCR else "translation",
        "language": text.language, **(translation if text.kind == Kind.TRANSLATION else {}),
        "text": text.data, "text_sha256": text.text_sha256, "made_by": BY[Source(text.source)],
        "model": text.model, "prompt": text.prompt_version, "made_at": rfc3339(text.created_at),
        "reviewed": text.reviewed_at is not None, "reviewed_at": rfc3339(text.reviewed_at),
        "flags": [flag.get("reason", "") for flag in text.flags if "dismissed_by" not in flag],
    }  # fmt: skip


def plain_note(words: str) -> str:
    """A library's rights or attribution, which may hold a little HTML, as plain words on one line."""
    return " ".join(strip_tags(words).split())


def _what(kind: str, target_language: str) -> str:
    return "Transcription" if kind == Kind.OCR else f"Translation into {name_of(target_language)}"


def _maker(source: str, model: str, prompt: str) -> str:
    if source == Source.HUMAN:
        return "a person, by hand or by correction"
    if source == Source.IMPORT:
        return "others, taken over with the scan"
    details = ", ".join(filter(None, (model, f"prompt {prompt}" if prompt else "")))
    if is_stand_in(model):
        return f"the local stand-in for Gemini, which is no model of Google's ({details})"
    return f"a machine ({details})" if details else "a machine"
