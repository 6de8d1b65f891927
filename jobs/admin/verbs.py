"""The admin's way to the verbs of the lifecycle: who may, and what the state allows."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext

from jobs import lifecycle
from jobs.admin_actions.wording import VERBS, Verb
from jobs.lifecycle.allowed import allowed
from jobs.lifecycle.common import Actor
from jobs.models import Job
from sourcebatch.lib.adminlog import record


def actor(request: HttpRequest) -> Actor:
    """The person who clicks."""
    return Actor(request.user.get_username(), "admin")


def require(request: HttpRequest, verb: Verb) -> None:
    """Refuse (403) whoever has not the right for this verb."""
    if not request.user.has_perm(verb.permission):
        raise PermissionDenied


def refusal(job: Job, verb: Verb) -> str | None:
    """Why the job's state does not allow this verb now; None when it does."""
    return allowed(job).get(verb.name)


def perform(job_id: str, verb: Verb, by: Actor, page_ids: Sequence[str] | None = None) -> str:
    """Do it, and say in a sentence what was done. Raises LifecycleError."""
    if verb.name == "process":
        return _step(job_id, verb, by)
    if verb.name == "retry":
        return lifecycle.retry(job_id, by, page_ids=page_ids)
    simple: dict[str, Callable[[str, Actor], str]] = {
        "pause": lifecycle.pause, "resume": lifecycle.resume, "reset": lifecycle.reset, "cancel": lifecycle.cancel,
    }  # fmt: skip
    return simple[verb.name](job_id, by)


def _step(job_id: str, verb: Verb, by: Actor) -> str:
    """A step is logged here: by itself it is an event only where it sends or ends something."""
    payload = lifecycle.advance(job_id, by).payload
    record(by, Job.objects.filter(pk=job_id), CHANGE, verb.label)
    return _step_sentence(payload)


def _step_sentence(payload: dict[str, Any]) -> str:
    """What one step did, from the answer that scripts get."""
    if payload.get("busy"):
        return gettext("A worker is on this job right now; nothing was done twice.")
    if payload.get("message"):
        return str(payload["message"])
    if payload.get("error"):
        return str(payload["error"])
    if payload.get("phase") == "submitted":
        return gettext("Sent %(pages)s pages to Gemini as %(name)s.") % {
            "pages": payload.get("pages_submitted", 0), "name": payload.get("gemini_job", ""),
        }  # fmt: skip
    if payload.get("phase") == "preparing":
        return gettext("Prepared %(prepared)s pages, %(remaining)s to go.") % {
            "prepared": payload.get("prepared", 0), "remaining": payload.get("remaining", 0),
        }  # fmt: skip
    if payload.get("gemini_state"):
        return gettext("Gemini says: %s.") % str(payload["gemini_state"])
    return gettext("One step was taken.")


__all__ = ["VERBS", "actor", "perform", "refusal", "require"]
