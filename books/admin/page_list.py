"""The list of pages over all books, and the form of one page."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from books.admin import book_page, filters
from books.models import Book, Page
from books.search import by_name
from books.search_query import SearchQuery
from jobs.admin_actions import in_chunks, order_actions
from sourcebatch.lib.adminbase import CappedPaginator, KeptAdmin
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.show import badge, link

STATES: dict[str, tuple[Any, str]] = {
    "hidden": (_("Hidden"), "plain"), "flagged": (_("Flagged"), "warn"), "working": (_("In a job"), "busy"),
    "failed": (_("Failed"), "bad"), "blank": (_("Blank"), "plain"), "edited": (_("Edited by hand"), "good"),
    "translated": (_("Translated"), "good"), "transcribed": (_("Transcribed"), "good"), "open": (_("No text"), "plain"),
}  # fmt: skip


MOST_BOOKS = 500
"""Books whose pages one search shows."""


@admin.register(Page)
class PageAdmin(KeptAdmin):
    """Pages of all books; a book's own page leads here with its filter set."""

    list_display = ("picture", "book_title", "number", "label_shown", "state", "read")
    list_display_links = ("number",)
    list_filter = (
        filters.HasOcr, filters.HasTranslation, filters.PageFailed, filters.PageFlagged, filters.PageEdited,
        filters.PageStale, filters.BlankPage, filters.Shown,
    )  # fmt: skip
    search_fields = ("book__title",)
    search_help_text = _("Words of the book's title or author")
    list_select_related = False
    paginator = CappedPaginator
    # By the page's own column and without a join: databases like to begin with the books, and then put all in order.
    ordering = ("-book_id", "number")
    actions = ("hide", "show", "overrule_blank")
    fields = (
        "book_title",
        "number",
        "label",
        "image_url",
        "hidden",
        "blank",
        "blank_overruled",
        "image_facts",
    )
    readonly_fields = ("book_title", "number", "image_facts")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in ("book__id__exact", "book") or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By way of the books: a join would read every page there is."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(book_id__in=by_name(SearchQuery(search_term))[:MOST_BOOKS]), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Books and state of the fifty pages shown, in three queries."""
        changelist = super().get_changelist_instance(request)
        books = Book.objects.in_bulk({page.book_id for page in changelist.result_list})
        for page in changelist.result_list:
            page.book = books[page.book_id]
        tiles = {tile.page.pk: tile for tile in book_page.tiles(list(changelist.result_list))}
        for page in changelist.result_list:
            page.tile = tiles[page.pk]
        return changelist

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return order_actions(request, books=False) | super().get_actions(request)

    @admin.display(description=_("Image"))
    def picture(self, page: Page) -> SafeString | str:
        address = link("page-thumbnail", page.pk)
        if not address:
            return "–"
        return format_html(
            '<img class="sb-thumb" src="{}" alt="" loading="lazy" width="42" height="56">', address
        )

    @admin.display(description=_("Book"), ordering="book")
    def book_title(self, page: Page) -> SafeString:
        address = reverse("admin:books_book_change", args=[page.book_id])
        return format_html('<a href="{}">{}</a>', address, page.book.title[:80])

    @admin.display(description=_("Label"), empty_value="")
    def label_shown(self, page: Page) -> str:
        return page.label

    @admin.display(description=_("State"))
    def state(self, page: Page) -> SafeString:
        words, tone = STATES[page.tile.state]  # type: ignore[attr-defined]
        return badge(words, tone)

    @admin.display(description=_("Read"))
    def read(self, page: Page) -> SafeString | str:
        address = link("reading-room", page.pk)
        return (
            format_html('<a class="sb-nowrap" href="{}">{}</a>', address, _("Reading room"))
            if address
            else "–"
        )

    @admin.display(description=_("Image"))
    def image_facts(self, page: Page) -> str:
        size = f"{page.width} × {page.height} px" if page.width else gettext("size not known yet")
        return f"{size}, SHA-256 {page.image_sha256 or '–'}"

    def save_model(self, request: HttpRequest, obj: Page, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.book.recount()

    @admin.action(description=_("Hide"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Page]) -> None:
        self._set(request, queryset, "hidden", hidden=True)

    @admin.action(description=_("Show again"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Page]) -> None:
        self._set(request, queryset, "visible", hidden=False)

    @admin.action(description=_("Never treat as blank"), permissions=["change"])
    def overrule_blank(self, request: HttpRequest, queryset: QuerySet[Page]) -> None:
        self._set(request, queryset, "never treated as blank", blank=False, blank_overruled=True)

    def _set(self, request: HttpRequest, queryset: QuerySet[Page], words: str, **values: bool) -> None:
        """Change by id, then make the counts of the books true again."""
        rows = list(queryset.order_by().values_list("pk", "book_id"))
        for chunk in in_chunks([pk for pk, _book in rows], 500):
            pages = Page.objects.filter(pk__in=chunk)
            pages.update(**values)
            log(request, pages, CHANGE, words)
        for book in Book.objects.filter(pk__in={book_id for _pk, book_id in rows}):
            book.recount()
        messages.success(request, ngettext("%s page changed.", "%s pages changed.", len(rows)) % len(rows))
