"""A verb for many jobs at once: counts first where it cannot be taken back, in the background when there are many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext

from jobs.admin import verbs
from jobs.admin_actions.background import CHUNK, in_chunks, later
from jobs.admin_actions.wording import VERBS, Verb
from jobs.lifecycle.common import Actor, LifecycleError
from jobs.models import Job
from sourcebatch.lib.sentences import shown

AT_ONCE = 25
"""Jobs that one click changes while the browser waits; more are handed to the worker."""


@dataclass
class Count:
    """Whom a verb will touch: job ids, their open and failed pages, and why others are left out."""

    ids: list[str] = field(default_factory=list)
    open: int = 0
    failed: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, job: Job, verb: Verb) -> None:
        why = verbs.refusal(job, verb)
        if why is not None:
            self.refused[why] = self.refused.get(why, 0) + 1
            return
        self.ids.append(job.pk)
        self.open += job.progress.get("open", 0)
        self.failed += job.progress.get("failed", 0)


def run(model_admin: Any, request: HttpRequest, queryset: Any, verb: Verb) -> HttpResponse | None:
    """Django's action: ask back, or do it and go back to the list."""
    verbs.require(request, verb)
    count = Count()
    for job in queryset.order_by("-id").iterator(chunk_size=500):
        count.add(job, verb)
    if verb.confirm and "confirmed" not in request.POST:
        return _ask(model_admin, request, verb, count)
    if len(count.ids) > AT_ONCE:
        _hand_over(request, verb, count.ids)
    else:
        _do(request, verb, count.ids)
    if count.refused:
        messages.info(request, _left_out(count))
    return HttpResponseRedirect(request.get_full_path())


def _ask(model_admin: Any, request: HttpRequest, verb: Verb, count: Count) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": verb.label,
        "verb": verb,
        "count": count,
        "opts": Job._meta,
        "action_name": verb.name,
        "selected": request.POST.getlist(helpers.ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/jobs/confirm_verb.html", context)


def _do(request: HttpRequest, verb: Verb, ids: Sequence[str]) -> None:
    done = 0
    for job in Job.objects.filter(pk__in=ids):
        try:
            verbs.perform(job.pk, verb, verbs.actor(request))
            done += 1
        except LifecycleError as error:
            messages.warning(request, f"{job}: {shown(error.sentence)}")
    if done:
        said = ngettext("%(verb)s: %(n)s job.", "%(verb)s: %(n)s jobs.", done) % {
            "verb": verb.label,
            "n": done,
        }
        messages.success(request, said)


def _hand_over(request: HttpRequest, verb: Verb, ids: Sequence[str]) -> None:
    who = verbs.actor(request).name
    for chunk in in_chunks(ids, CHUNK):
        later("jobs.admin.bulk.perform_many", verb.name, chunk, who)
    said = gettext("%(verb)s: the worker goes through %(n)s jobs now; the list shows how far it is.")
    messages.success(request, said % {"verb": verb.label, "n": len(ids)})


def perform_many(verb_name: str, ids: Sequence[str], who: str) -> dict[str, int]:
    """What the worker calls: one verb on some jobs; jobs whose state has changed meanwhile are left alone."""
    tally = {"done": 0, "refused": 0}
    for job_id in ids:
        try:
            verbs.perform(job_id, VERBS[verb_name], Actor(who, "admin"))
            tally["done"] += 1
        except LifecycleError:
            tally["refused"] += 1
    return tally


def _left_out(count: Count) -> str:
    reasons = "; ".join(f"{number} × {sentence}" for sentence, number in count.refused.items())
    return gettext("Left alone: %s") % reasons
