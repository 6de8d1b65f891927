"""The buttons of the reading room that cost money."""

from typing import Any

from django import template

from books.models import Kind, Source
from jobs import gemini
from sourcebatch.lib.show import usd

register = template.Library()


@register.inclusion_tag("reading/_now.html", takes_context=True)
def process_now(context: dict[str, Any], column: Any) -> dict[str, Any]:
    """A button with its price for each operation that makes this kind of text; none without the permission."""
    user = context["user"]
    allowed = user.has_perm("jobs.spend_money") and user.has_perm("books.change_page")
    return {
        "buttons": _buttons(column) if allowed else [],
        "under_way": _under_way(column) if allowed else None,
        "column": column,
        "page": column.page,
        "perms": context.get("perms"),
        "by_person": column.text is not None and column.text.source == Source.HUMAN,
        "csrf_token": context.get("csrf_token"),
        "stand_in": gemini.is_stand_in(),
    }


def _under_way(column: Any) -> Any:
    """The live job that has this page for this kind of text; there the page is paid for already."""
    from jobs.lifecycle.realtime import job_under_way

    return job_under_way(column.page, column.kind, column.target_language)


def _buttons(column: Any) -> list[dict[str, Any]]:
    # Imported late: tag libraries are read while apps are still being loaded.
    from jobs.lifecycle.realtime import estimate_now
    from jobs.operations import operations

    return [
        {"type": work.type, "label": work.label, "price": usd(estimate_now(work.type, column.page))}
        for work in operations().values()
        if work.kind == column.kind and (work.reads_image or column.page.current(Kind.OCR))
    ]
