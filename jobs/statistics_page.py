"""The page of statistics, for staff: one book, or the library."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from books.models import Book
from books.views.access import staff
from books.views.room import show
from jobs.operations import operations
from jobs.statistics import statistics


@require_safe
@never_cache
@staff("books.view_book", "books.view_page")
def page(request: HttpRequest, book_id: str = "") -> HttpResponse:
    """Pages by state, texts by maker, money foreseen and paid, error share from samples."""
    book = get_object_or_404(Book, pk=book_id) if book_id else None
    found = statistics(book)
    words = {
        "count": _("pages"), "ocr": _("transcribed"), "translated": _("translated"), "blank": _("blank"),
        "flagged": _("flagged"), "edited": _("edited by a person"), "reviewed": _("reviewed"), "hidden": _("hidden"),
    }  # fmt: skip
    context = {
        "book": book, "found": found,
        "pages": [(words[name], count) for name, count in found.pages.items()],
        "spending": [(_label(one.type), one) for one in found.spending],
    }  # fmt: skip
    return show(request, "reading/statistics.html", context)


def _label(type_: str) -> str:
    work = operations().get(type_)
    return str(work.label) if work else type_
