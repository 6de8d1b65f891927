"""One job's own page: where it stands, its ledger, its batches, what may be done with it, who did what."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext

from jobs.admin import ledger, verbs
from jobs.admin_actions.wording import VERBS, Verb
from jobs.lifecycle.common import LifecycleError, figures
from jobs.models import GeminiBatch, Job, JobPage, PageState, Phase, Status
from sourcebatch.lib.sentences import shown
from sourcebatch.lib.show import link

TITLE_LENGTH = 70  # characters: more of it pushes the way back out of the head of the page

PARTS = ("live", "verbs", "facts", "ledger", "events")
"""What is looked at again while the job is live: templates, and the ids `job-...` of their places in the page."""


@dataclass(frozen=True)
class Step:
    """One station of the timeline: done, now or to come."""

    label: str
    at: Any
    state: str


@dataclass(frozen=True)
class Button:
    """A verb on this job; `refused` is the sentence why not, None when it can be used."""

    verb: Verb
    refused: str | None
    url: str


def show(request: HttpRequest, model_admin: Any, job_id: str) -> HttpResponse:
    """The page itself."""
    job = _job(request, job_id)
    context = {
        **admin.site.each_context(request),
        **_live_context(request, job),
        "title": Truncator(str(job)).chars(TITLE_LENGTH),
        "subtitle": None,
        "opts": Job._meta,
        "original": job,
        "log_url": link("admin:jobs_job_history", job.pk),
        "live_url": reverse("admin:jobs_job_live", args=[job.pk]),
    }
    return TemplateResponse(request, "admin/jobs/job/page.html", context)


def live(request: HttpRequest, job_id: str) -> HttpResponse:
    """What moves on the page, as HTML inside JSON: asked for every few seconds while the job is live.

    The query string is that of the page itself, so that the ledger keeps its filter.
    """
    job = _job(request, job_id)
    context = _live_context(request, job)
    parts = {part: render_to_string(f"admin/jobs/job/{part}.html", context, request) for part in PARTS}
    return JsonResponse({"parts": parts, "ended": job.is_ended})


def raw_answer(request: HttpRequest, job_id: str, row_id: str) -> HttpResponse:
    """What Gemini really answered for one page: plain text, so nothing in it can act."""
    job = _job(request, job_id)
    row = get_object_or_404(JobPage.objects.filter(job=job), pk=row_id)
    text = row.answer or gettext("Nothing was kept of this answer.")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def do(request: HttpRequest, job_id: str, verb: str) -> HttpResponse:
    """Use a verb on the job (POST), asking back first where it cannot be undone."""
    if verb not in VERBS:
        raise Http404
    job, wanted = _job(request, job_id), VERBS[verb]
    verbs.require(request, wanted)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    refused = verbs.refusal(job, wanted)
    if refused is None and wanted.confirm and "confirmed" not in request.POST:
        return _ask(request, job, wanted)
    if refused is not None:
        messages.warning(request, refused)
    else:
        _perform(request, job, wanted, None)
    return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))


def retry_pages(request: HttpRequest, job_id: str) -> HttpResponse:
    """Retry the failed pages that were ticked, or all of them that failed for one reason."""
    job, wanted = _job(request, job_id), VERBS["retry"]
    verbs.require(request, wanted)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    page_ids = ledger.chosen(job, request.POST)
    if page_ids:
        _perform(request, job, wanted, page_ids)
    else:
        messages.warning(request, gettext("No page was chosen: tick failed pages, then choose Retry."))
    return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))


def _perform(request: HttpRequest, job: Job, verb: Verb, page_ids: list[str] | None) -> None:
    try:
        sentence = verbs.perform(job.pk, verb, verbs.actor(request), page_ids)
    except LifecycleError as error:
        messages.error(request, shown(error.sentence))
        return
    messages.success(request, shown(sentence))


def _ask(request: HttpRequest, job: Job, verb: Verb) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": verb.label,
        "opts": Job._meta,
        "verb": verb,
        "job": job,
        "figures": figures(job.pk),
        "open_batches": job.batches.unfinished().held().count(),
        "back": reverse("admin:jobs_job_change", args=[job.pk]),
    }
    return TemplateResponse(request, "admin/jobs/job/confirm.html", context)


def _job(request: HttpRequest, job_id: str) -> Job:
    if not request.user.has_perm("jobs.view_job"):
        raise PermissionDenied
    return get_object_or_404(Job.objects.select_related("book"), pk=job_id)


def _live_context(request: HttpRequest, job: Job) -> dict[str, Any]:
    batches = list(job.batches.order_by("id"))
    return {
        "job": job,
        "figures": figures(job.pk),
        "batches": batches,
        "timeline": _timeline(job, batches),
        "buttons": _buttons(request, job),
        "ledger": ledger.page_of(request, job),
        "events": job.events.order_by("-id")[:50],
        "retry_url": reverse("admin:jobs_job_retry_pages", args=[job.pk]),
        "may_retry": request.user.has_perm(VERBS["retry"].permission)
        and not verbs.refusal(job, VERBS["retry"]),
        "first_read": job.ledger.filter(state=PageState.SUCCEEDED).order_by("number").first(),
        "collect_before": min(
            (one.collect_before for one in batches if one.collect_before and not one.collected_at), default=None
        ),
    }  # fmt: skip


def _buttons(request: HttpRequest, job: Job) -> list[Button]:
    return [
        Button(verb, verbs.refusal(job, verb), reverse("admin:jobs_job_do", args=[job.pk, verb.name]))
        for verb in VERBS.values()
        if request.user.has_perm(verb.permission)
    ]


def _timeline(job: Job, batches: list[GeminiBatch]) -> list[Step]:
    """Created, prepared, at Gemini, collected, ended: each with its time as far as it is known."""
    sent = [batch.submitted_at for batch in batches if batch.submitted_at]
    collected = [batch.collected_at for batch in batches if batch.collected_at]
    ended = {Status.FAILED: gettext("Failed"), Status.CANCELLED: gettext("Cancelled")}
    stations = [
        (gettext("Created"), job.created_at, False),
        (gettext("Preparing"), job.started_at, job.batch_phase == Phase.PREPARING),
        (gettext("Sent to Gemini"), max(sent, default=None), job.batch_phase == Phase.SUBMITTING),
        (gettext("Results collected"), max(collected, default=None), job.batch_phase == Phase.SUBMITTED),
        (ended.get(Status(job.status), gettext("Completed")), job.completed_at, False),
    ]
    return [Step(label, at, _state(job, at, busy)) for label, at, busy in stations]


def _state(job: Job, at: Any, busy: bool) -> str:
    if busy and not job.is_ended:
        return "now"
    return "done" if at else "open"
