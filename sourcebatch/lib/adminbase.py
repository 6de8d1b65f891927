"""What every admin page of ours stands on: Unfold's ModelAdmin with types, lists that count little, questions."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext

if TYPE_CHECKING:
    # Unfold ships no types; to the type checker its classes are the ones of Django that they extend.
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline


class CappedPaginator(Paginator[Any]):
    """Counts no further than anybody turns pages: a million rows are as quick as a thousand."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MOST].count())


class KeptAdmin(ModelAdmin[Any]):
    """Rows that are never deleted in the admin, in lists that count no more than they must."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    list_fullwidth = True
    # Counting the answers of every question would read the whole library for one list.
    show_facets = admin.ShowFacets.NEVER

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(KeptAdmin):
    """Rows that only the program writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class QuestionFilter(admin.SimpleListFilter):
    """A filter that reads as a question with the answers yes and no. Subclasses say what *yes* means."""

    template = "admin/question.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("Yes")), ("no", gettext("No"))]

    def yes(self, queryset: Any) -> Any:
        """The rows to which the answer is yes."""
        raise NotImplementedError

    def no(self, queryset: Any) -> Any:
        """All the others."""
        return queryset.exclude(
            pk__in=self.yes(queryset.model._default_manager.all()).order_by().values("pk")
        )

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return self.yes(queryset)
        return self.no(queryset) if self.value() == "no" else queryset


__all__ = ["CappedPaginator", "KeptAdmin", "ModelAdmin", "QuestionFilter", "ReadOnlyAdmin", "TabularInline"]
