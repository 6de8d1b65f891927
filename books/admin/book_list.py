"""The list of books and the form of one book."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from books import languages, search, tasks
from books.admin import book_page, export_page, filters, glossary_page, history, import_page
from books.models import Book, Page
from books.search_query import SearchQuery
from jobs.admin_actions import BookWork, in_chunks, order_actions, work_of
from sourcebatch.lib.adminbase import KeptAdmin
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.show import bar, language_name, link, money, percent

COVER_FROM = 4
"""The cover in lists is the first of so many pages that is not blank."""


class BookForm(forms.ModelForm[Book]):
    """A book's fields; languages are given by name or code and kept as codes."""

    class Meta:
        model = Book
        fields = (
            "title", "author", "year", "direction", "language", "target_language", "automatic", "is_public", "hidden",
            "source_id", "source_url", "rights", "attribution",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "attribution" in self.fields:
            self.fields["attribution"].widget.attrs["rows"] = 3

    def clean_language(self) -> str:
        return self._code("language")

    def clean_target_language(self) -> str:
        return self._code("target_language") or "en"

    def clean_source_id(self) -> str | None:
        # Empty is no identifier: many books may have none, only one could have "".
        return self.cleaned_data["source_id"] or None

    def _code(self, name: str) -> str:
        try:
            return languages.normalise(self.cleaned_data[name] or "")
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(Book)
class BookAdmin(KeptAdmin):
    """Books with how far they are, what they cost, and the orders that bring them on."""

    form = BookForm
    list_display = (
        "cover", "title_author", "year", "language_shown", "pages_shown", "transcribed", "translated", "open_jobs",
        "spent",
    )  # fmt: skip
    list_display_links = ("title_author",)
    list_filter = (
        filters.NeedsOcr, filters.NeedsTranslation, filters.BookFailed, filters.BookFlagged, filters.BookEdited,
        filters.BookStale, filters.Automatic, filters.Public, filters.LanguageFilter, filters.Shown,
    )  # fmt: skip
    search_fields = ("title", "author")
    search_help_text = _("Words of titles, authors and page texts")
    ordering = ("-id",)
    actions = ("export", "set_automatic", "unset_automatic", "hide", "show", "keep_images")
    fieldsets = (
        (None, {"fields": ("title", "author", ("year", "direction"), ("language", "target_language"))}),
        (_("How it is worked on"), {"fields": ("automatic", ("is_public", "hidden"))}),
        (
            _("Provenance and rights"),
            {"fields": ("source_id", "source_url", "rights", "attribution", "imported")},
        ),
    )
    readonly_fields = ("imported",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Automatic books spend money by themselves, so that needs the right to spend."""
        may_spend = request.user.has_perm("jobs.spend_money")
        return ("imported",) if may_spend else ("imported", "automatic")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Covers, open jobs and costs of the fifty books shown: two queries, not two for each."""
        changelist = super().get_changelist_instance(request)
        attach(changelist.result_list, changelist.query, getattr(request, "pages_found", {}))
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Book], search_term: str
    ) -> tuple[QuerySet[Book], bool]:
        """By title and author, and by the texts of their pages."""
        if not search_term.strip():
            return queryset, False
        query = SearchQuery(search_term)
        # Kept for the list that is shown: in a large library this is the dearest question of all.
        request.pages_found = search.pages_by_book(query)  # type: ignore[attr-defined]
        return queryset.filter(search.books_found(query, request.pages_found)), False  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Books come in by the import page, which asks for the right to add by itself.
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(import_page.ask), name="books_book_import"),
            path("import/preview/", wrap(import_page.preview), name="books_book_import_preview"),
            path("<str:object_id>/glossary/", wrap(glossary_page.edit), name="books_book_glossary"),
            path("import/many/", wrap(import_page.many), name="books_book_import_many"),
            path(
                "import/preview/<int:number>.jpg",
                wrap(import_page.thumbnail),
                name="books_book_import_thumbnail",
            ),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = book_page.context(request, object_id) if self.has_view_permission(request) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Also its jobs and what people did to its texts, which Django's log of the book does not have."""
        book = Book.objects.filter(pk=object_id).first()
        lines, cut_off = history.of_book(book) if book and self.has_view_permission(request) else ([], False)
        more = {"lines": lines, "cut_off": cut_off}
        return super().history_view(request, object_id, {**(extra_context or {}), **more})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {
            "import_url": link("admin:books_book_import") if request.user.has_perm("books.add_book") else ""
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return order_actions(request, books=True) | super().get_actions(request)

    def has_spend_permission(self, request: HttpRequest) -> bool:
        """May start work that costs money."""
        return request.user.has_perm("jobs.spend_money")

    # --- Columns -----------------------------------------------------------------------------------------------

    @admin.display(description=_("Cover"))
    def cover(self, book: Book) -> SafeString | str:
        page_id = getattr(book, "cover_id", "")
        address = link("page-thumbnail", page_id) if page_id else ""
        if not address:
            return "–"
        return format_html(
            '<img class="sb-thumb" src="{}" alt="" loading="lazy" width="42" height="56">', address
        )

    @admin.display(description=_("Title"), ordering="title")
    def title_author(self, book: Book) -> SafeString:
        title = book.title if len(book.title) <= 90 else book.title[:89] + "…"
        return format_html(
            '<span class="sb-title">{}</span><span class="sb-hint">{}</span>', title, book.author[:80]
        )

    @admin.display(description=_("Pages"), ordering="pages_count")
    def pages_shown(self, book: Book) -> SafeString:
        return format_html("<div>{}</div>{}", book.pages_count, _pages_found(book))

    @admin.display(description=_("Language"), ordering="language")
    def language_shown(self, book: Book) -> str:
        return language_name(book.language)

    @admin.display(description=_("Transcribed"), ordering="pages_ocr")
    def transcribed(self, book: Book) -> SafeString:
        return _share(book.pages_ocr, book.pages_count - book.pages_blank)

    @admin.display(description=_("Translated"), ordering="pages_translated")
    def translated(self, book: Book) -> SafeString:
        return _share(book.pages_translated, book.pages_count - book.pages_blank)

    @admin.display(description=_("Open jobs"))
    def open_jobs(self, book: Book) -> SafeString | str:
        number = _work(book).open_jobs
        address = link("admin:jobs_job_changelist")
        if not number:
            return "–"
        return format_html('<a href="{}?book__id__exact={}&amp;live=yes">{}</a>', address, book.pk, number)

    @admin.display(description=_("Spent"))
    def spent(self, book: Book) -> str:
        return money(_work(book).spent)

    @admin.display(description=_("Imported"))
    def imported(self, book: Book) -> str:
        by = f", {book.created_by}" if book.created_by else ""
        return f"{book.created_at:%Y-%m-%d %H:%M}{by}"

    # --- Actions -----------------------------------------------------------------------------------------------

    @admin.action(description=_("Export"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Book]) -> HttpResponseBase:
        return export_page.export_books(self, request, queryset)

    @admin.action(description=_("Set automatic"), permissions=["spend"])
    def set_automatic(self, request: HttpRequest, queryset: QuerySet[Book]) -> None:
        self._set(request, queryset, _("automatic: the schedule creates the jobs they need"), automatic=True)

    @admin.action(description=_("No longer automatic"), permissions=["change"])
    def unset_automatic(self, request: HttpRequest, queryset: QuerySet[Book]) -> None:
        self._set(request, queryset, _("no longer automatic"), automatic=False)

    @admin.action(description=_("Hide"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Book]) -> None:
        self._set(request, queryset, _("hidden"), hidden=True)

    @admin.action(description=_("Show again"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Book]) -> None:
        self._set(request, queryset, _("visible"), hidden=False)

    @admin.action(description=_("Keep local copies of the images"), permissions=["change"])
    def keep_images(self, request: HttpRequest, queryset: QuerySet[Book]) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        for book_id in ids:
            tasks.queue_images(book_id)
        for chunk in in_chunks(ids, 500):
            log(request, Book.objects.filter(pk__in=chunk), CHANGE, _("Local copies of the images asked for"))
        said = ngettext("The images of %s book are copied in the background.",
                        "The images of %s books are copied in the background.", len(ids))  # fmt: skip
        messages.success(request, said % len(ids))

    def _set(self, request: HttpRequest, queryset: QuerySet[Book], words: Any, **values: bool) -> None:
        """Change by id: an update of a filtered list may need a join, which not every database can."""
        ids = list(queryset.order_by().values_list("pk", flat=True))
        for chunk in in_chunks(ids, 500):
            books = Book.objects.filter(pk__in=chunk)
            books.update(**values)
            log(request, books, CHANGE, words)
        said = ngettext("%(n)s book is now %(words)s.", "%(n)s books are now %(words)s.", len(ids))
        messages.success(request, said % {"n": len(ids), "words": words})


def attach(books: Sequence[Book], searched: str = "", found: Mapping[str, int] | None = None) -> None:
    """Put the cover, the work and the number of pages with the words searched on each book, for lists."""
    ids = [book.pk for book in books]
    work = work_of(ids)
    covers = first_pages(ids)
    for book in books:
        book.work = work[book.pk]  # type: ignore[attr-defined]
        book.cover_id = covers.get(book.pk, "")  # type: ignore[attr-defined]
        book.pages_found = (searched, (found or {}).get(book.pk, 0))  # type: ignore[attr-defined]


def first_pages(book_ids: Sequence[str]) -> dict[str, str]:
    """For each book the id of its first visible page that is not blank, of its first pages."""
    rows = Page.objects.visible().filter(book_id__in=list(book_ids), number__lte=COVER_FROM, blank=False)
    found: dict[str, str] = {}
    for book_id, page_id in rows.order_by("number").values_list("book_id", "pk"):
        found.setdefault(book_id, page_id)
    return found


def _pages_found(book: Book) -> str:
    """How many of its pages have the words searched, with the way there."""
    searched, number = getattr(book, "pages_found", ("", 0))
    if not number:
        return ""
    address = f"{link('search')}?{urlencode({'q': searched, 'book': book.pk})}"
    said = ngettext("%s page found", "%s pages found", number) % number
    return format_html('<a class="sb-hint sb-nowrap" href="{}">{}</a>', address, said)


def _work(book: Book) -> BookWork:
    return getattr(book, "work", None) or BookWork()


def _share(part: int, whole: int) -> SafeString:
    return format_html('{}<span class="sb-hint">{} %</span>', bar(part, whole), percent(part, whole))
