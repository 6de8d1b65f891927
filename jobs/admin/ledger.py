"""The ledger on a job's page: filtered, fifty rows at a time, and which of them were chosen for another try."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page as Slice
from django.core.paginator import Paginator
from django.db.models import Count
from django.db.models.functions import Length
from django.http import HttpRequest, QueryDict

from jobs.admin_actions.wording import reason_words
from jobs.models import Job, JobPage, PageState

ROWS = 50


@dataclass(frozen=True)
class Reason:
    """Why pages failed or were left out, and how many."""

    code: str
    words: str
    count: int
    state: str


@dataclass(frozen=True)
class Ledger:
    """One slice of the ledger with the filters in force."""

    rows: Slice[JobPage]
    state: str
    reason: str
    states: list[tuple[str, Any]]
    reasons: list[Reason]


def page_of(request: HttpRequest, job: Job) -> Ledger:
    """The rows that the query string asks for: `state`, `reason`, `p`. What makes no sense is ignored."""
    state, reason = request.GET.get("state", ""), request.GET.get("reason", "")
    if state not in PageState.values:
        state = ""
    rows = job.ledger.select_related("batch", "page").defer("answer").annotate(answer_length=Length("answer"))
    if state:
        rows = rows.filter(state=state)
    if reason:
        rows = rows.filter(reason=reason)
    slice_ = Paginator(rows.order_by("number", "id"), ROWS).get_page(request.GET.get("p"))
    return Ledger(slice_, state, reason, list(PageState.choices), _reasons(job))


def _reasons(job: Job) -> list[Reason]:
    ended = job.ledger.filter(state__in=[PageState.FAILED, PageState.SKIPPED]).order_by()
    rows = ended.values("state", "reason").annotate(n=Count("pk")).order_by("-n")
    return [Reason(row["reason"], reason_words(row["reason"]), row["n"], row["state"]) for row in rows]


def chosen(job: Job, form: QueryDict) -> list[str]:
    """Ids of the failed pages that the form names: ticked ones, or all with one reason."""
    failed = job.ledger.filter(state=PageState.FAILED)
    if "all" in form:
        reason = form.get("reason", "")
        failed = failed.filter(reason=reason) if reason else failed
    else:
        failed = failed.filter(pk__in=form.getlist("row"))
    return list(failed.order_by("number").values_list("page_id", flat=True))
