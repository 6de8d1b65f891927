"""Documents of the old library as rows of this one; nothing is read or written here.

A document that makes no row raises Refused with the kind of reason, so that a thousand of a kind are one sentence.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from books.importers.base import DIRECTIONS, language_code
from books.models import Book, Kind, Page, Source
from books.texts import NewText, storable, text_hash
from jobs.lifecycle.common import Figures
from jobs.models import ENDED, Job, Phase, Status
from jobs.mongodb.sources import Document
from jobs.operations import operations
from sourcebatch.lib.clock import now

M = TypeVar("M", bound=Model)
ID = re.compile(r"[A-Za-z0-9._~:-]{1,40}")
HIGHEST_NUMBER = 1_000_000
# What a translation was made from when its source has changed since: it matches no hash, so it shows as stale.
LOST = "unknown"
PERSON = {"human", "person", "manual", "user", "editor", "edited"}
MACHINE = {"machine", "ai", "gemini", "model", "batch", "batch_api"}
UNFINISHED = (
    "It was not finished when it came over from MongoDB, and nothing more is done for it: "
    "create a job for the pages that still need a text."
)


class Refused(Exception):
    """Why a document, or a part of it, was not taken over."""


def id_of(document: Document) -> str:
    """Its own `id` where it has one, else `_id`; an ObjectId by its 24 digits."""
    found = reference(document.get("id") if document.get("id") is not None else document.get("_id"))
    if not found:
        raise Refused("have an id that cannot be kept (40 letters, digits and . _ ~ : - at most)")
    return found


def reference(value: Any) -> str:
    """An id as it is kept, empty for what can be none."""
    told = str(value) if value is not None and not isinstance(value, bool | dict | list | bytes) else ""
    return told if ID.fullmatch(told) else ""


def book(document: Document) -> Book:
    """A book's row; a language that nobody knows stays in the metadata. Raises Refused."""
    title = " ".join(_text(document, "title").split())
    if not title:
        raise Refused("have no title")
    told = _text(document, "language")
    language = language_code(told)[0]
    year, direction = document.get("year"), _text(document, "direction")
    return _checked(
        Book(
            id=id_of(document), title=title, author=_text(document, "author"), language=language,
            target_language=language_code(_text(document, "target_language"))[0] or "en",
            year=_year(year), source_id=_text(document, "source_id") or None,
            source_url=_text(document, "source_url"), rights=_text(document, "rights"),
            attribution=_text(document, "attribution"),
            direction=direction if direction in DIRECTIONS else Book.Direction.LTR,
            hidden=document.get("hidden") is True, created_by=_text(document, "created_by"),
            metadata={"language": told} if told and not language else {},
            created_at=_time(document, "created_at"), updated_at=_time(document, "updated_at", "created_at"),
        )
    )  # fmt: skip


def page(document: Document) -> Page:
    """A page's row without its texts. Raises Refused."""
    number, book_id = _whole(document.get("page_number")), reference(document.get("book_id"))
    if not book_id:
        raise Refused("name no book")
    if number is None or not 1 <= number <= HIGHEST_NUMBER:
        raise Refused("have no page_number from 1 on")
    return _checked(
        Page(
            id=id_of(document), book_id=book_id, number=number, label=_text(document, "label"),
            image_url=_text(document, "image_url"), hidden=document.get("hidden") is True,
            blank=document.get("blank") is True, created_at=_time(document, "created_at"),
        )
    )  # fmt: skip


def texts(document: Document, of: Book) -> Iterator[NewText | Refused]:
    """The transcription and the translation of a page, as far as it has them; what cannot be read in its place."""
    parts = {
        kind: _part(document, name) for kind, name in ((Kind.OCR, "ocr"), (Kind.TRANSLATION, "translation"))
    }
    source = parts[Kind.OCR].get("data")
    for kind, part in parts.items():
        try:
            if _has_text(part):
                yield _new(
                    kind, part, of, _based_on(part, parts[Kind.OCR], source) if kind != Kind.OCR else ""
                )
        except Refused as refused:
            yield refused


def _part(document: Document, name: str) -> Document:
    """A text with what is known of it: a sub-document, the plain text, or fields with a dot in their names."""
    found = document.get(name)
    if isinstance(found, Mapping):
        return dict(found)
    if found is not None:
        return {"data": found}
    return {
        key.removeprefix(f"{name}."): value for key, value in document.items() if key.startswith(f"{name}.")
    }


def _has_text(part: Document) -> bool:
    data = part.get("data")
    if data is not None and not isinstance(data, str):
        raise Refused("have a text that is none (its data is not a string)")
    return bool(data and data.strip())


def _new(kind: Kind, part: Document, of: Book, based_on: str) -> NewText:
    language = language_code(_text(part, "language"))[0]
    translated = kind == Kind.TRANSLATION
    target = language_code(_text(part, "target_language"))[0] or language or of.target_language
    cost = part.get("cost_usd")
    return NewText(
        kind, part["data"], _source(part), target_language=target if translated else "",
        language=of.language if translated else language or of.language,
        author=_text(part, "author")[:150], model=_text(part, "model")[:100],
        prompt_version=_text(part, "prompt_version")[:60], based_on=based_on,
        image_sha256=_text(part, "image_sha256")[:64], job_id=reference(part.get("job_id")),
        finish_reason=_text(part, "finish_reason")[:40],
        input_tokens=_whole(part.get("input_tokens")) or 0, output_tokens=_whole(part.get("output_tokens")) or 0,
        thinking_tokens=_whole(part.get("thinking_tokens")) or 0,
        cost_micro_usd=round(cost * 1_000_000) if isinstance(cost, int | float) and cost >= 0 else None,
        created_at=_time(part, "updated_at", "created_at"),
    )  # fmt: skip


def _source(part: Document) -> Source:
    told = _text(part, "source").lower()
    if told in PERSON:
        return Source.HUMAN
    return Source.MACHINE if told in MACHINE or (not told and _text(part, "model")) else Source.IMPORT


def _based_on(translation: Document, ocr: Document, source: Any) -> str:
    """The hash of the transcription, unless that is younger: then nobody knows any more, and it counts as stale."""
    if not isinstance(source, str):
        return ""
    made, changed = _moment(translation.get("updated_at")), _moment(ocr.get("updated_at"))
    return LOST if made and changed and changed > made else text_hash(storable(source))


def job(document: Document, of: Book) -> Job:
    """A job's row as ended: what was under way there is not gone on with here. Raises Refused."""
    type_ = _text(document, "type")
    if type_ not in operations():
        raise Refused(f"are of another type than {' or '.join(operations())}")
    told = _text(document, "status")
    status = Status(told) if told in ENDED else Status.CANCELLED
    errors = [_text(document, "error"), "" if told in ENDED else UNFINISHED]
    changed = _time(document, "updated_at", "created_at")
    return _checked(
        Job(
            id=id_of(document), type=type_, status=status, book_id=of.pk,
            book_title=_text(document, "book_title") or of.title,
            batch_phase=Phase.PREPARING if status == Status.CANCELLED else Phase.COMPLETED,
            language=language_code(_text(document, "language"))[0],
            target_language=of.target_language if type_ == "batch_translate" else "",
            model=_text(document, "model") or "unknown",
            use_batch_api=document.get("use_batch_api") is not False,
            gemini_batch_job=_text(document, "gemini_batch_job"),
            gemini_state=_text(document, "gemini_state"), error=" ".join(filter(None, errors)),
            created_via="import", progress=Figures().as_progress(),
            created_at=_time(document, "created_at"), updated_at=changed,
            started_at=_moment(document.get("started_at")),
            completed_at=_moment(document.get("completed_at")) or changed,
        )
    )  # fmt: skip


def _checked(row: M) -> M:
    """The row, if each of its columns can hold what is meant for it."""
    relations = [one.name for one in row._meta.concrete_fields if one.is_relation]
    try:
        row.clean_fields(exclude=relations)
    except ValidationError as error:
        name, sentences = next(iter(error.message_dict.items()))
        raise Refused(f"have something in {name} that cannot be kept ({sentences[0]})") from None
    return row


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    return storable(value).strip() if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    """A whole number of a kind that MongoDB's shell or JavaScript wrote: 12, 12.0, Int64(12), "12"."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if 0 <= value < 2**31 and value == int(value) else None


def _year(value: Any) -> int | None:
    year = _whole(value)
    return year if year is not None and year <= 3000 else None


def _time(document: Document, *names: str) -> dt.datetime:
    """The first of these times that there is, else when its ObjectId was made, else now."""
    found = next((moment for name in names if (moment := _moment(document.get(name)))), None)
    made = getattr(document.get("_id"), "generation_time", None)
    return found or (made if isinstance(made, dt.datetime) else now())


def _moment(value: Any) -> dt.datetime | None:
    """A time as MongoDB, JSON or JavaScript keeps it: a date, RFC 3339, milliseconds since 1970."""
    try:
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            value = dt.datetime.fromtimestamp(value / 1000, dt.UTC)
        elif hasattr(value, "as_datetime"):
            value = value.as_datetime()
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, dt.datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
