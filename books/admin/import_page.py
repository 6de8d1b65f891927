"""*Import a book*: an address or files, a look at what would come in, then the import. Nothing is written before."""

import base64
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from books import images, tasks
from books.admin import import_source
from books.admin.import_source import CorrectionForm, SourceForm
from books.images.spread import is_wide
from books.importers import Given, ImportedBook, ImportedPage, ImportRefused, importers, read
from books.importers.intake import Wishes, known, take_in
from books.models import Book
from books.uploads import was_too_large
from books.views.images import PLACEHOLDER
from sourcebatch.lib.adminlog import person
from sourcebatch.lib.sentences import shown

SHOWN = 20
"""Books of one source, and pages of one book, that the preview names."""
THUMBNAILS = 6
THUMBNAIL_SIDE = 160
IN_BACKGROUND = 50_000_000
"""Bytes from which on an upload is imported by a worker: browsers and proxies do not wait for minutes."""
MOST_OFFERS = 1000


@dataclass(frozen=True)
class Preview:
    """One book as it would come in; `pictures` are addresses of the thumbnails of its first pages."""

    book: ImportedBook
    here: Book | None
    pictures: list[str] = field(default_factory=list)

    @property
    def first_labels(self) -> str:
        labels = [page.label for page in self.book.pages[:SHOWN] if page.label]
        return ", ".join(labels) + (" …" if labels and len(self.book.pages) > SHOWN else "")

    @property
    def odd_pages(self) -> list[str]:
        return [f"{n}: {said}" for n, page in enumerate(self.book.pages, 1) for said in page.oddities][:SHOWN]

    @property
    def can_be_split(self) -> bool:
        """Whether it has spreads, and no pages yet whose numbers would change."""
        may = self.here is None or self.here.metadata.get("split_spreads")
        # Images in an archive tell their size only when they are read, so there it is always asked.
        return bool(may) and any(page.read or is_wide(page.width, page.height) for page in self.book.pages)


@dataclass(frozen=True)
class _Remote:
    """A page that is not here yet, as far as loading its image goes."""

    page: ImportedPage
    image_file: str = ""

    @property
    def image_url(self) -> str:
        return self.page.image_url

    @property
    def service(self) -> dict[str, Any]:
        return self.page.service

    @property
    def width(self) -> int:
        return self.page.width

    @property
    def height(self) -> int:
        return self.page.height


def ask(request: HttpRequest) -> HttpResponse:
    """The first page: address or files. What can be read leads to the preview."""
    _may(request)
    form = SourceForm(request.POST or None, request.FILES or None)
    try:
        if request.method == "POST" and was_too_large(request):
            raise import_source.too_large()
        if request.method == "POST" and form.is_valid():
            request.session["import"] = import_source.keep(form)
            return HttpResponseRedirect(reverse("admin:books_book_import_preview"))
    except ImportRefused as error:
        return _asked(request, form, error)
    return _asked(request, form, None)


def _asked(request: HttpRequest, form: SourceForm, refused: ImportRefused | None) -> HttpResponse:
    kinds = [gettext(importer.title) for importer in importers()]
    return _page(
        request, "ask", form=form, refused=refused, kinds=kinds, outcomes=tasks.outcomes(), waiting=tasks.waiting(),
        offers=refused.offers[:MOST_OFFERS] if refused else (),
    )  # fmt: skip


def many(request: HttpRequest) -> HttpResponse:
    """Import what a collection or a table offers, each by a task of its own."""
    _may(request)
    addresses = list(dict.fromkeys(request.POST.getlist("urls")))[:MOST_OFFERS]
    good = [each for each in addresses if each.startswith(("http://", "https://")) and len(each) <= 2000]
    for address in good:
        tasks.queue_address(address, request.user.get_username())
    if good:
        said = ngettext(
            "%s manifest is imported in the background.",
            "%s manifests are imported in the background.",
            len(good),
        )
        messages.success(request, said % len(good))
    elif request.method == "POST":
        messages.error(request, gettext("Nothing was chosen: tick what is to be imported."))
    return HttpResponseRedirect(reverse("admin:books_book_import"))


def preview(request: HttpRequest) -> HttpResponse:
    """What would come in, with what may be corrected; and, when it is confirmed, the import."""
    _may(request)
    waiting = request.session.get("import")
    if not waiting:
        return HttpResponseRedirect(reverse("admin:books_book_import"))
    form = CorrectionForm(request.POST if request.method == "POST" else None)
    try:
        if request.method == "POST" and form.is_valid():
            wishes = Wishes(split_spreads="split" in request.POST, **form.corrections())
            return _import(request, waiting, wishes)
        with import_source.given(waiting) as given:
            found = [_previewed(book, at) for at, book in enumerate(read(given))]
    except ImportRefused as error:
        return _asked(request, SourceForm(), error)
    if not form.is_bound and len(found) == 1:
        form = CorrectionForm(initial=_as_found(found[0].book))
    pages = sum(len(one.book.pages) for one in found)
    return _page(
        request, "preview", found=found[:SHOWN], more=max(0, len(found) - SHOWN), pages=pages, source=waiting,
        can_be_split=any(one.can_be_split for one in found), split="split" in request.POST,
        # A book that is here already is corrected on its own page.
        form=form if len(found) == 1 and not found[0].here else None,
    )  # fmt: skip


def _as_found(book: ImportedBook) -> dict[str, str]:
    return {"title": book.title, "author": book.author, "language": book.language}


def thumbnail(request: HttpRequest, number: int) -> HttpResponse:
    """A small image of a page of the first book that is looked at, fetched through the one door to outside."""
    _may(request)
    try:
        with import_source.given(
            request.session.get("import") or {"stored": "", "name": "", "url": ""}
        ) as given:
            pages = next(iter(read(given))).pages
        raw = images.thumbnail_of(_Remote(pages[:THUMBNAILS][max(number, 1) - 1]), THUMBNAIL_SIDE)
    except (ImportRefused, images.ImageError, IndexError, StopIteration):
        return HttpResponse(PLACEHOLDER, "image/svg+xml", headers={"Cache-Control": "no-store"})
    return HttpResponse(raw, "image/jpeg", headers={"Cache-Control": "private, max-age=600"})


def _previewed(book: ImportedBook, at: int) -> Preview:
    return Preview(book, known(book), _pictures(book) if at == 0 else [])


def _pictures(book: ImportedBook) -> list[str]:
    """Thumbnails: those of images that came along are put into the page, others are fetched when they are shown."""
    found: list[str] = []
    for number, page in enumerate(book.pages[:THUMBNAILS], 1):
        if page.read is None:
            found.append(
                reverse("admin:books_book_import_thumbnail", args=[number]) if page.image_url else ""
            )
            continue
        try:
            raw = images.thumbnail(page.read(), THUMBNAIL_SIDE)
        except (images.ImageError, ImportRefused):
            found.append("")
        else:
            found.append("data:image/jpeg;base64," + base64.b64encode(raw).decode())
    return found


def _import(request: HttpRequest, waiting: import_source.Waiting, wishes: Wishes) -> HttpResponse:
    """Write it, and lead to the book (or to the list, when there are several)."""
    if import_source.size(waiting) > IN_BACKGROUND:
        return _later(request, waiting, wishes)
    with import_source.given(waiting) as given:
        address = _written(request, given, wishes)
    import_source.forget(request.session.pop("import"))
    return HttpResponseRedirect(address)


def _written(request: HttpRequest, given: Given, wishes: Wishes) -> str:
    """Write it and say so; the address to go on to."""
    reports = take_in(given, actor=person(request), wishes=wishes)
    if len(reports) == 1:
        messages.success(request, shown(reports[0].sentence()))
        return reverse("admin:books_book_change", args=[reports[0].book.pk])
    said = ngettext("Imported %s book.", "Imported %s books.", len(reports)) % len(reports)
    messages.success(request, said)
    return reverse("admin:books_book_changelist")


def _later(request: HttpRequest, waiting: import_source.Waiting, wishes: Wishes) -> HttpResponse:
    """Leave it to a worker."""
    stored, name, url = waiting["stored"], waiting["name"], waiting["url"]
    tasks.queue_stored(stored, name, url, request.user.get_username(), wishes)
    del request.session["import"]
    said = gettext("%s is large and is imported in the background; below you see what came of it.")
    messages.success(request, said % name)
    return HttpResponseRedirect(reverse("admin:books_book_import"))


def _may(request: HttpRequest) -> None:
    if not request.user.has_perm("books.add_book"):
        raise PermissionDenied


def _page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    context |= {**admin.site.each_context(request), "title": gettext("Import a book"), "opts": Book._meta}
    return TemplateResponse(request, f"admin/books/book/import_{name}.html", context)
