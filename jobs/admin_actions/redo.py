"""From ticked books or pages to the page on which what is to be made again is confirmed."""

from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books.models import Page
from jobs.admin_actions.orders import new_token

NAME = "redo_stale"
LABEL = _("Translate what became stale")
MOST_ROWS = 20_000
KEPT = 24 * 3600  # seconds


def stale_action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
    """Django's action: the stale translations of these books or pages, to be confirmed."""
    ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST_ROWS + 1])
    if len(ids) > MOST_ROWS:
        said = gettext("These are more than %s rows: choose fewer, or all books by “Make again”.")
        messages.error(request, said % f"{MOST_ROWS:,}")
        return None
    name = "pages" if queryset.model is Page else "books"
    return HttpResponseRedirect(address(stale="on", selection=_remember(request, name, ids)))


def address(**wishes: str) -> str:
    """Where making again is confirmed; without wishes, where it is chosen."""
    told = urlencode({"kind": "translation", **wishes}) if wishes else ""
    return reverse("admin:jobs_job_redo") + (f"?{told}" if told else "")


def _remember(request: HttpRequest, name: str, ids: list[str]) -> str:
    token = new_token()
    cache.set(_key(request, token), (name, ids), KEPT)
    return token


def remembered(request: HttpRequest, token: str) -> dict[str, frozenset[str]] | None:
    """The rows that this person ticked, as `books` or `pages`; None when that is forgotten."""
    found = cache.get(_key(request, token))
    return None if found is None else {found[0]: frozenset(found[1])}


def _key(request: HttpRequest, token: str) -> str:
    return f"redo-{request.user.pk}-{token}"
