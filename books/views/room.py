"""The reading room: a page's scan beside its texts, and what a person does there."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from books import findings, reading, texts
from books.diff import word_diff
from books.models import Book, Kind, Page, PageText
from books.page_images import facts, image_address
from books.reading import Column, Edit, Overtaken, Unsaved
from books.views.access import staff

KINDS = frozenset(Kind.values)
MOST_BESIDE = 4


def room_address(page: Page, **query: str) -> str:
    """The reading room at a page; empty parts of the query are left out."""
    told = urlencode({name: value for name, value in query.items() if value})
    return reverse("reading-room", args=[page.pk]) + (f"?{told}" if told else "")


def show(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A staff page in the admin's colours."""
    return render(request, template, {"colors": settings.UNFOLD["COLORS"], **context}, status=status)


def _page(page_id: str) -> Page:
    return get_object_or_404(Page.objects.select_related("book"), pk=page_id)


def _text(text_id: str) -> PageText:
    return get_object_or_404(PageText.objects.select_related("page__book"), pk=text_id)


@require_safe
@never_cache
@staff("books.view_page")
def room(request: HttpRequest, page_id: str) -> HttpResponse:
    """One page. `?to=de` shows its translation into German, `?edit=ocr` opens the form without JavaScript."""
    page = _page(page_id)
    # First of all, for it may note the image's hash, which the texts are compared with.
    known = facts(page)
    target = request.GET.get("to", "") or page.book.target_language
    columns = [Column(page, Kind.OCR), Column(page, Kind.TRANSLATION, target)]
    targets = _targets(page, target)
    beside = _beside(request, targets, target)
    context = {
        "page": page, "book": page.book, "columns": columns, "target": target,
        "targets": targets, "beside": [Column(page, Kind.TRANSLATION, code) for code in beside],
        "choices": _choices(targets, target, beside), "keep": _keep(page, target, beside),
        "around": reading.neighbours(page), "facts": known,
        "editing": request.GET.get("edit", ""), "viewer": _viewer(page), "findings": findings.of_page(page),
    }  # fmt: skip
    return show(request, "reading/room.html", context)


def _targets(page: Page, shown: str) -> list[str]:
    """The languages that the page has translations into, with the book's and the one shown."""
    there = PageText.objects.current().filter(page=page, kind=Kind.TRANSLATION)
    return sorted({shown, page.book.target_language, *there.values_list("target_language", flat=True)})


def _beside(request: HttpRequest, targets: list[str], target: str) -> list[str]:
    """The other languages to be shown too, as `?beside=de&beside=fr` asks for them."""
    asked = dict.fromkeys(request.GET.getlist("beside"))
    return [code for code in asked if code in targets and code != target][:MOST_BESIDE]


def _choices(targets: list[str], target: str, beside: list[str]) -> list[dict[str, Any]]:
    """Each other language with the address that puts it beside the one shown, or takes it away again."""
    found = []
    for code in (code for code in targets if code != target):
        after = [one for one in beside if one != code] if code in beside else [*beside, code]
        found.append({"code": code, "shown": code in beside, "query": _query(target, after)})
    return found


def _keep(page: Page, target: str, beside: list[str]) -> str:
    """What the next page is asked for, so that the same languages are shown there."""
    return _query(target, beside) if beside or target != page.book.target_language else ""


def _query(target: str, beside: list[str]) -> str:
    return "?" + urlencode([("to", target), *(("beside", code) for code in beside)])


def _viewer(page: Page) -> dict[str, str]:
    """What the zooming viewer needs: the image that a model reads, and the library's image service."""
    service = {} if page.image_file else page.service
    whole = service.get("region") in (None, "", "full") and service.get("rotation") in (None, "", "0", 0)
    whole = whole and not service.get("half")
    info = f"{service['id']}/info.json" if service.get("id") and whole and service.get("level") != 0 else ""
    return {"page": page.pk, "image": image_address(page), "service": info}


@require_safe
@staff("books.view_page")
def go(request: HttpRequest) -> HttpResponse:
    """`?book=ID&number=12` leads to that page; without a number to the first one."""
    book = get_object_or_404(Book, pk=request.GET.get("book", ""))
    asked = request.GET.get("number", "").strip()
    page = Page.objects.filter(book=book, number=int(asked)).first() if _is_number(asked) else None
    if page is not None:
        return redirect(room_address(page, to=request.GET.get("to", "")))
    return _nearest(request, book, asked)


def _is_number(asked: str) -> bool:
    # Longer numbers are none of a page, and too large for a database to compare.
    return asked.isascii() and asked.isdecimal() and len(asked) < 10


def _nearest(request: HttpRequest, book: Book, asked: str) -> HttpResponse:
    """Back to where the question came from, or to the first page, with a word on why."""
    if asked:
        messages.error(request, _("“%(asked)s” is no page of this book.") % {"asked": asked[:40]})
    here = Page.objects.filter(book=book, pk=request.GET.get("from", "")).first()
    page = here or Page.objects.visible().filter(book=book).order_by("number").first()
    if page is None:
        messages.error(request, _("This book has no pages yet."))
        return redirect("admin:books_book_change", book.pk)
    return redirect(room_address(page))


@require_POST
@staff("books.change_page")
def save(request: HttpRequest, page_id: str) -> HttpResponse:
    """Keep what was typed; when somebody else was faster, show both versions and give the text back (409)."""
    page, edit = _page(page_id), _edit(request)
    if edit is None:
        return _bad(request, page)
    try:
        saved = reading.save(page, edit, author=request.user.get_username())
    except Overtaken as error:
        return _both(request, page, edit, error)
    except Unsaved as error:
        return _given_back(request, page, edit, error)
    if saved is None:
        messages.info(request, _("Nothing was changed, so nothing was saved."))
    else:
        _note(request, page, edit.kind, _("Saved."), "Text changed by hand")
    return _onward(request, page, edit)


def _edit(request: HttpRequest) -> Edit | None:
    """What the form says; None where it is not one of ours."""
    kind, target = request.POST.get("kind", ""), request.POST.get("target_language", "")
    if kind not in KINDS or (kind == Kind.TRANSLATION) != bool(target) or len(target) > 35:
        return None
    form = request.POST
    # Browsers send lines with CR LF; without this every line would differ from what is kept.
    data = form.get("data", "").replace("\r\n", "\n")
    return Edit(kind, data, form.get("version", ""), target, "fits" in form)


def _bad(request: HttpRequest, page: Page) -> HttpResponse:
    sentence = _("This form is not complete: open the page again and save from there.")
    return show(request, "reading/message.html", {"page": page, "sentence": sentence}, 400)


def _both(request: HttpRequest, page: Page, edit: Edit, error: Overtaken) -> HttpResponse:
    """Their version and mine, and what differs; saving from there is saving over theirs knowingly."""
    theirs = error.current.data if error.current else ""
    context = {
        "page": page, "book": page.book, "edit": edit, "theirs": error.current, "sentence": error.sentence,
        "column": Column(page, edit.kind, edit.target_language), "pieces": word_diff(theirs, edit.data),
    }  # fmt: skip
    return show(request, "reading/overtaken.html", context, 409)


def _given_back(request: HttpRequest, page: Page, edit: Edit, error: Unsaved) -> HttpResponse:
    messages.error(request, error.sentence)
    return redirect(room_address(page, to=edit.target_language, edit=edit.kind))


def _onward(request: HttpRequest, page: Page, edit: Edit) -> HttpResponse:
    """The same page again, or the next one with the form open; `saved` lets the browser forget its draft."""
    target, saved = edit.target_language, f"{page.pk}:{edit.kind}:{edit.target_language}"
    if request.POST.get("then") != "next":
        return redirect(room_address(page, to=target, saved=saved))
    following = reading.neighbours(page).next
    if following is None:
        messages.info(request, _("That was the last page of the book."))
        return redirect(room_address(page, to=target, saved=saved))
    return redirect(room_address(following, to=target, edit=edit.kind, saved=saved))


@require_POST
@staff("books.change_page")
def act(request: HttpRequest, text_id: str, verb: str) -> HttpResponse:
    """`reviewed`, `dismiss`, `restore`, `fits`: something done to one version of a text."""
    text = _text(text_id)
    done, written = _VERBS[verb](text, request.user.get_username())
    if done:
        _note(request, text.page, text.kind, done, written)
    else:
        messages.error(request, _("This version is not the current one any more: look at the present text."))
    return redirect(_back(request, text))


def _back(request: HttpRequest, text: PageText) -> str:
    """To the list that the button was pressed in, else to the page."""
    back = request.POST.get("back", "")
    if back.startswith(reverse("review-queue")) and url_has_allowed_host_and_scheme(back, None):
        return back
    return room_address(text.page, to=text.target_language)


def _reviewed(text: PageText, who: str) -> tuple[str, str]:
    if not text.is_current:
        return "", ""
    texts.mark_reviewed(text, by=who)
    return _("Marked as reviewed."), "Text reviewed"


def _dismiss(text: PageText, who: str) -> tuple[str, str]:
    if not text.is_current:
        return "", ""
    reading.dismiss(text, by=who)
    return _("Flags dismissed: they stay readable among the versions."), "Flags dismissed"


def _restore(text: PageText, who: str) -> tuple[str, str]:
    reading.restore(text, author=who)
    return _("The older version is current again, as a new version by you."), "Older version restored"


def _fits(text: PageText, who: str) -> tuple[str, str]:
    try:
        reading.still_fits(text, author=who)
    except Overtaken:
        return "", ""
    return _("The translation counts as fitting the present transcription."), "Translation declared fitting"


_VERBS = {"reviewed": _reviewed, "dismiss": _dismiss, "restore": _restore, "fits": _fits}
VERBS = tuple(_VERBS)


@require_safe
@never_cache
@staff("books.view_page")
def version(request: HttpRequest, text_id: str) -> HttpResponse:
    """One version and what differs between it and the current one."""
    text = _text(text_id)
    column = Column(text.page, text.kind, text.target_language)
    current = column.text.data if column.text else ""
    context = {
        "page": text.page, "book": text.page.book, "text": text, "column": column,
        "pieces": word_diff(text.data, current),
    }  # fmt: skip
    return show(request, "reading/version.html", context)


def _note(request: HttpRequest, page: Page, kind: str, said: str, written: str) -> None:
    """Tell the person, and write it down in Django's log."""
    messages.success(request, said)
    reading.write_down(request.user, page, f"{written}: {kind}")
