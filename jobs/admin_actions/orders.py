"""Placing an order: jobs for a few books at once, for many by the worker; never twice by a double click."""

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from jobs import lifecycle
from jobs.admin_actions.background import CHUNK, in_chunks, later
from jobs.admin_actions.outlook import Choice
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.models import Job
from sourcebatch.lib.sentences import shown

TOKENS_KEPT = 200
MOST_SHOWN = 40
"""Jobs that an address of their list names: addresses have a greatest length."""
logger = logging.getLogger("jobs.admin")


@dataclass
class Placed:
    """What came of an order: new jobs, jobs that were there already, and books left out with the reason."""

    new: list[Job] = field(default_factory=list)
    old: list[Job] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def new_token() -> str:
    """Names one confirmation page."""
    return secrets.token_urlsafe(12)


def first_time(request: HttpRequest, token: str) -> bool:
    """Whether this confirmation page is sent for the first time; remembered in the session.

    Two clicks at the very same moment may both pass; then the ledger's constraint keeps each page in one job.
    """
    used: list[str] = request.session.get("orders", [])
    if not token or token in used:
        return False
    request.session["orders"] = [*used, token][-TOKENS_KEPT:]
    request.session.save()
    return True


def place(request: HttpRequest, orders: Iterable["lifecycle.NewJob"]) -> Placed:
    """Create the jobs now."""
    placed, by = Placed(), Actor(request.user.get_username(), "admin")
    for order in orders:
        _one(order, by, placed)
    return placed


def place_later(request: HttpRequest, book_ids: Sequence[str], choice: Choice) -> None:
    """Have the worker create the jobs, some books at a time."""
    for chunk in in_chunks(book_ids, CHUNK):
        later("jobs.admin_actions.orders.create_many", chunk, asdict(choice), request.user.get_username())


def create_many(book_ids: Sequence[str], choice: dict[str, str], who: str) -> dict[str, int]:
    """What the worker calls. Safe to call again: pages that are in a live job are left out by the lifecycle."""
    placed, by, chosen = Placed(), Actor(who, "admin"), Choice(**choice)
    for book_id in book_ids:
        _one(chosen.order(book_id), by, placed)
    for sentence in placed.refused:
        logger.info("Order by %s: %s", who, sentence)
    return {"new": len(placed.new), "old": len(placed.old), "refused": len(placed.refused)}


def _one(order: "lifecycle.NewJob", by: Actor, placed: Placed) -> None:
    try:
        created = lifecycle.create(order, by)
    except LifecycleError as error:
        placed.refused.append(error.sentence)
        return
    (placed.new if created.created else placed.old).append(created.job)


def told(request: HttpRequest, placed: Placed) -> str:
    """Messages with links to the jobs; and the address to go on to: the job, their list, or where one came from."""
    if placed.new:
        said = ngettext("Created %s job:", "Created %s jobs:", len(placed.new)) % len(placed.new)
        # A single job is led to: a link there would lead to where one is.
        alone = f"{said} {placed.new[0].book_title}" if len(placed.new) == 1 else ""
        messages.success(request, alone or _with_links(said, placed.new))
    if placed.old:
        messages.info(request, _with_links(gettext("A job that is under way does this already:"), placed.old))
    for sentence in dict.fromkeys(placed.refused):
        messages.warning(request, shown(sentence))
    return _onward(placed.new or placed.old) or request.get_full_path()


def _onward(jobs: Sequence[Job]) -> str:
    if len(jobs) == 1:
        return reverse("admin:jobs_job_change", args=[jobs[0].pk])
    ids = ",".join(job.pk for job in jobs[:MOST_SHOWN])
    return f"{reverse('admin:jobs_job_changelist')}?id__in={ids}" if ids else ""


def told_later(request: HttpRequest, books: int) -> str:
    """The message for an order that the worker carries out, and the list where the jobs appear."""
    said = gettext("The worker creates the jobs for %s books now.") % f"{books:,}"
    messages.success(request, said)
    return reverse("admin:jobs_job_changelist") + "?live=yes"


def _with_links(said: str, jobs: Sequence[Job]) -> SafeString:
    shown: list[tuple[Any, Any]] = [
        (reverse("admin:jobs_job_change", args=[job.pk]), job.book_title or job.pk) for job in jobs[:5]
    ]
    links = format_html_join(", ", '<a href="{}">{}</a>', shown)
    if len(jobs) <= 5:
        return format_html("{} {}", said, links)
    rest = format_html(
        '<a href="{}?live=yes">{}</a>', reverse("admin:jobs_job_changelist"), gettext("all jobs")
    )
    return format_html("{} {}, … {}", said, links, rest)
