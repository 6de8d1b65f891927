"""Template tags of the admin's pages about jobs."""

import datetime as dt
from typing import Any

from django import template
from django.urls import reverse

from jobs.admin_actions import wording
from sourcebatch.lib import show

register = template.Library()

register.simple_tag(wording.job_state, name="job_state")
register.simple_tag(wording.job_bar, name="job_bar")
register.simple_tag(wording.page_state, name="page_state")
register.simple_tag(wording.progress_words, name="progress_words")
register.simple_tag(wording.stand_in_notice, name="stand_in_notice")
register.filter("reason_words", wording.reason_words)
register.filter("gemini_words", wording.gemini_words)
register.filter("event_words", wording.event_words)
register.filter("way_words", wording.way_words)
register.filter("money", show.money)
register.filter("usd", show.usd)
register.filter("language_name", show.language_name)
register.filter("badge", show.badge)


@register.filter
def ago(moment: dt.datetime | None) -> str:
    """How long ago a moment was."""
    return show.ago(moment)


@register.filter
def span(length: dt.timedelta) -> str:
    """A length of time in words."""
    return show.duration(length)


@register.simple_tag
def thumbnail_url(page_id: str) -> str:
    """The address of a page's small image; "" where there is no such view."""
    return show.link("page-thumbnail", page_id)


@register.simple_tag
def reading_url(page_id: str) -> str:
    """The address of a page's reading room, or of its row in the admin."""
    return show.link("reading-room", page_id) or reverse("admin:books_page_change", args=[page_id])


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The present query string with changes; an empty value takes a parameter away."""
    given = context["request"].GET.copy()
    for name, value in changes.items():
        given.pop(name, None)
        if value not in ("", None):
            given[name] = str(value)
    return f"?{given.urlencode()}"
