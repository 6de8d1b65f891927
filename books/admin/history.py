"""The history of one book: its own entries in the change log, its jobs', and what people did to its texts."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils.translation import gettext, ngettext

from books.models import Book, Kind, PageText, Source
from jobs.admin_actions import jobs_of
from sourcebatch.lib import adminlog
from sourcebatch.lib.show import link

MOST = 300
"""Lines that are shown; a book's texts may have thousands of versions."""
MOST_TEXTS = 3000
NAMED = 12
"""Page numbers that a line names."""


@dataclass(frozen=True)
class Line:
    """One line: when, who, by which way, what to (with its address), what."""

    at: dt.datetime
    who: str
    way: str
    what: str
    thing: str = ""
    url: str = ""


def of_book(book: Book) -> tuple[list[Line], bool]:
    """The latest lines, newest first, and whether there are more."""
    found = [*_logged(book), *_written(book), *_reviewed(book)]
    found.sort(key=lambda line: line.at, reverse=True)
    return found[:MOST], len(found) > MOST


def _logged(book: Book) -> Iterable[Line]:
    """Entries of the book and of its jobs: settings, imports, exports, orders, verbs."""
    jobs = {job.pk: job for job in jobs_of(book.pk, most=MOST)}
    wanted = _about(book, [book.pk])
    if jobs:
        wanted |= _about(next(iter(jobs.values())), list(jobs))
    rows = LogEntry.objects.filter(wanted).select_related("user").order_by("-id")[: MOST + 1]
    for row in rows:
        job = jobs.get(str(row.object_id))
        yield Line(
            row.action_time, adminlog.who(row), adminlog.way_words(row), adminlog.words(row),
            str(job.get_type_display()) if job else "", link("admin:jobs_job_change", job.pk) if job else "",
        )  # fmt: skip


def _about(one: Any, ids: Sequence[str]) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(one), object_id__in=ids)


def _written(book: Book) -> Iterable[Line]:
    """Texts by people, a day's work of one person on one kind of text in one line."""
    rows = PageText.objects.filter(page__book=book, source=Source.HUMAN).order_by("-created_at")
    texts = rows.values_list("created_at", "author", "kind", "page__number", "page_id")[:MOST_TEXTS]
    for texts_of_a_day in _days(texts):
        yield _line(texts_of_a_day, gettext("%(kind)s written: %(pages)s"))


def _reviewed(book: Book) -> Iterable[Line]:
    rows = PageText.objects.filter(page__book=book, reviewed_at__isnull=False).order_by("-reviewed_at")
    texts = rows.values_list("reviewed_at", "reviewed_by", "kind", "page__number", "page_id")[:MOST_TEXTS]
    for texts_of_a_day in _days(texts):
        yield _line(texts_of_a_day, gettext("%(kind)s reviewed: %(pages)s"))


def _days(rows: Any) -> Iterable[list[Any]]:
    for _key, group in groupby(sorted(rows, key=_key_of, reverse=True), key=_key_of):
        yield list(group)


def _key_of(row: Any) -> tuple[dt.date, str, str]:
    return row[0].date(), row[1], row[2]


def _line(rows: list[Any], template: str) -> Line:
    at, who, kind = max(row[0] for row in rows), rows[0][1], rows[0][2]
    numbers = sorted({row[3] for row in rows})
    named = ", ".join(map(str, numbers[:NAMED])) + (" …" if len(numbers) > NAMED else "")
    pages = ngettext("%(n)s page: %(named)s", "%(n)s pages: %(named)s", len(numbers))
    told = {"kind": Kind(kind).label, "pages": pages % {"n": len(numbers), "named": named}}
    first = min(rows, key=lambda row: row[3])
    room = link("reading-room", first[4])
    return Line(at, who or "–", gettext("in the admin"), template % told, gettext("Texts"), room)
