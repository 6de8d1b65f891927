"""*OCR this page now* and *Translate now* in the reading room: one page at once, at realtime price.

The room belongs to the library, which knows nothing of jobs; so the buttons come from a tag of this app and lead here.
"""

from django.contrib import messages
from django.contrib.admin.models import CHANGE
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from books import makers
from books.models import Page, Source
from books.views.access import staff
from jobs import statistics_page
from jobs.lifecycle import Actor, LifecycleError, RealtimeResult, process_now
from jobs.lifecycle.realtime import job_under_way
from jobs.operations import operations
from jobs.operations.base import Operation
from sourcebatch.lib import adminlog
from sourcebatch.lib.sentences import shown
from sourcebatch.lib.show import usd

# As long as one call to Gemini may take, with its retries: a second click in this time is a double click.
LOCK_SECONDS = 300


@require_POST
@staff("books.change_page", "jobs.spend_money")
def now(request: HttpRequest, page_id: str, type_: str) -> HttpResponse:
    """Process one page and come back to it. `version` is the text the person saw: a second click finds another."""
    page = get_object_or_404(Page.objects.select_related("book"), pk=page_id)
    work = operations().get(type_)
    if work is None:
        raise Http404
    target = request.POST.get("target_language", "")[:35]
    lock = f"process-now:{page.pk}:{type_}:{target}"
    if not cache.add(lock, 1, LOCK_SECONDS):
        messages.info(request, _("This page is being worked on already: reload in a moment."))
        return _back(page, target)
    try:
        _process(request, page, work, target)
    finally:
        cache.delete(lock)
    return _back(page, target)


def _process(request: HttpRequest, page: Page, work: Operation, target: str) -> None:
    present = page.current(work.kind, target)
    if (present.pk if present else "") != request.POST.get("version", ""):
        messages.info(
            request, _("The page has got another text meanwhile: nothing was spent. Look at it first.")
        )
        return
    under_way = job_under_way(page, work.kind, target)
    if under_way is not None:
        messages.info(
            request,
            _("The job “%s” has this page and will bring its text: nothing was spent.") % under_way,
        )
        return
    by_person = present is not None and present.source == Source.HUMAN
    if by_person and "replace" not in request.POST:
        messages.error(
            request, _("A person wrote this text: tick the box if a machine's is to stand in its place.")
        )
        return
    _pay(request, page, work, target, "human" if by_person else "machine")


def _pay(request: HttpRequest, page: Page, work: Operation, target: str, overwrite: str) -> None:
    """The call itself; what can go wrong is one sentence."""
    actor = Actor(request.user.get_username(), "admin")
    try:
        result = process_now(
            work.type, page_id=page.pk, target_language=target, overwrite=overwrite, actor=actor
        )
    except LifecycleError as error:
        messages.error(request, shown(error.sentence))
        return
    _tell(request, page, work, result)


def _tell(request: HttpRequest, page: Page, work: Operation, result: RealtimeResult) -> None:
    done = _("Done by %(model)s for %(cost)s.") % {
        "model": makers.named(result.model),
        "cost": usd(result.cost_usd),
    }
    messages.success(request, done)
    for warning in result.warnings:
        messages.warning(request, shown(warning))
    adminlog.log(request, [page], CHANGE, f"{work.kind} at once by {result.model}")


def _back(page: Page, target: str) -> HttpResponse:
    return redirect(
        reverse("reading-room", args=[page.pk]) + (f"?{urlencode({'to': target})}" if target else "")
    )


urlpatterns = [
    path("read/<slug:page_id>/now/<slug:type_>", now, name="process-now"),
    path("statistics/", statistics_page.page, name="statistics"),
    path("statistics/<slug:book_id>/", statistics_page.page, name="book-statistics"),
]
