"""The review queue and random samples."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from books import reading, review
from books.models import Book, Kind, PageText, SampleJudgement
from books.page_images import image_address
from books.reading import Column
from books.rendering import render
from books.views.access import staff
from books.views.room import show
from sourcebatch.lib.adminbase import CappedPaginator
from sourcebatch.lib.adminlog import log

A_PAGE = 25


class Suspects(CappedPaginator):
    """Nobody turns two hundred pages of the queue: what is dismissed makes room for the next."""

    MOST = 5_000


@require_safe
@never_cache
@staff("books.view_page")
def queue(request: HttpRequest) -> HttpResponse:
    """Suspicious pages, the worst first; `?book=ID` for one book, `?page=2` for more."""
    book = _book(request)
    pages = Suspects(review.suspects(book), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "book": book, "books": _books(), "pages": pages, "rows": review.pages_of(pages.object_list),
        "draws": review.recent_draws(book, 5), "kinds": Kind.choices,
        "more": pages.paginator.count >= Suspects.MOST,
    }  # fmt: skip
    return show(request, "reading/queue.html", context)


def _book(request: HttpRequest) -> Book | None:
    asked = request.GET.get("book", "")
    return get_object_or_404(Book, pk=asked) if asked else None


def _books() -> list[tuple[str, str, int]]:
    """Id, title and number of flagged pages of the books to choose from, the most suspicious first."""
    flagged = Book.objects.visible().filter(pages_flagged__gt=0).order_by("-pages_flagged", "title")
    return list(flagged.values_list("pk", "title", "pages_flagged")[:200])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff("books.view_page")
def samples(request: HttpRequest) -> HttpResponse:
    """The samples there are; a POST draws one (`book`, `kind`, `size`)."""
    if request.method == "POST":
        return _draw(request)
    context = {
        "draws": review.recent_draws(_book(request)), "book": _book(request), "kinds": Kind.choices,
        "books": list(Book.objects.visible().filter(pages_ocr__gt=0).values_list("pk", "title")[:500]),
    }  # fmt: skip
    return show(request, "reading/samples.html", context)


def _draw(request: HttpRequest) -> HttpResponse:
    book = get_object_or_404(Book, pk=request.POST.get("book", ""))
    kind, size = request.POST.get("kind", ""), request.POST.get("size", "")
    if not request.user.has_perm("books.change_page"):
        messages.error(request, _("Drawing a sample needs the permission to change pages."))
    elif kind not in Kind.values or not _fits(size):
        messages.error(request, _("Choose a kind of text, and from 1 to %d pages.") % review.LARGEST_SAMPLE)
    else:
        try:
            draw = review.draw_sample(book, kind, int(size), by=request.user.get_username())
            log(request, [book], CHANGE, f"Sample of up to {size} pages drawn: {kind}")
            return redirect("review-sample", draw)
        except ValueError:
            messages.error(request, _("This book has no text of that kind yet."))
    return redirect("review-samples")


def _fits(size: str) -> bool:
    return size.isascii() and size.isdecimal() and 0 < int(size[:6]) <= review.LARGEST_SAMPLE


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff("books.view_page")
def sample(request: HttpRequest, draw: str) -> HttpResponse:
    """One sample: what has been judged, and the next page to judge (`?item=ID` for another one)."""
    rows = list(
        SampleJudgement.objects.filter(draw=draw).select_related("page__book").order_by("page__number")
    )
    if not rows:
        raise Http404
    if request.method == "POST":
        return _judge(request, draw, rows)
    asked = request.GET.get("item", "")
    item = next((row for row in rows if row.pk == asked), None) or _next_open(rows)
    context = {
        "draw": draw, "rows": rows, "item": item, "book": rows[0].page.book,
        "interval": review.interval_of(rows), "open": sum(1 for row in rows if not row.verdict),
        "kind": Kind(rows[0].kind).label, **(_judged(item) if item else {}),
    }  # fmt: skip
    return show(request, "reading/sample.html", context)


def _next_open(rows: list[SampleJudgement]) -> SampleJudgement | None:
    return next((row for row in rows if not row.verdict), None)


def _judged(item: SampleJudgement) -> dict[str, Any]:
    """The very version that was drawn, also when the page has another one by now."""
    text = get_object_or_404(PageText, pk=item.text_id)
    column = Column(item.page, text.kind, text.target_language)
    return {"text": text, "html": render(text.data), "column": column, "image": image_address(item.page)}


def _judge(request: HttpRequest, draw: str, rows: list[SampleJudgement]) -> HttpResponse:
    row = next((row for row in rows if row.pk == request.POST.get("item", "")), None)
    verdict = request.POST.get("verdict", "")
    if not request.user.has_perm("books.change_page"):
        messages.error(request, _("Judging needs the permission to change pages."))
    elif row is None or verdict not in ("right", "wrong"):
        messages.error(request, _("Say right or wrong by one of the two buttons."))
    else:
        review.judge(row, verdict, by=request.user.get_username())
        reading.write_down(request.user, row.page, f"Judged {verdict} in sample {draw}")
    return redirect(reverse("review-sample", args=[draw]))
