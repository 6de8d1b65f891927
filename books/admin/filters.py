"""Filters that read as questions."""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books.models import Book, Kind, Page
from sourcebatch.lib.adminbase import QuestionFilter
from sourcebatch.lib.show import language_name


class NeedsOcr(QuestionFilter):
    """Has the book pages without a transcription?"""

    title = _("Needs OCR?")
    parameter_name = "needs_ocr"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pages_count__gt=F("pages_ocr") + F("pages_blank"))

    def no(self, queryset: Any) -> Any:
        return queryset.filter(pages_count__lte=F("pages_ocr") + F("pages_blank"))


class NeedsTranslation(QuestionFilter):
    """Has the book transcribed pages without a translation?"""

    title = _("Needs translation?")
    parameter_name = "needs_translation"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pages_ocr__gt=F("pages_translated"))

    def no(self, queryset: Any) -> Any:
        return queryset.filter(pages_ocr__lte=F("pages_translated"))


class BookFailed(QuestionFilter):
    """Has the book a job with failed pages?"""

    title = _("Failed pages?")
    parameter_name = "failed_pages"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pk__in=self._failed())

    def no(self, queryset: Any) -> Any:
        return queryset.exclude(pk__in=self._failed())

    def _failed(self) -> Any:
        return Page.objects.filter(failed=True).order_by().values("book_id")


class BookFlagged(QuestionFilter):
    """Has the book texts that look suspicious?"""

    title = _("Flagged?")
    parameter_name = "flagged"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pages_flagged__gt=0)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(pages_flagged=0)


class BookEdited(QuestionFilter):
    """Has a person written or corrected texts of the book?"""

    title = _("Edited by hand?")
    parameter_name = "edited"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pk__in=self._edited())

    def no(self, queryset: Any) -> Any:
        return queryset.exclude(pk__in=self._edited())

    def _edited(self) -> Any:
        return Page.objects.edited().order_by().values("book_id")


class BookStale(QuestionFilter):
    """Has the book translations of transcriptions that have changed since?"""

    title = _("Stale translations?")
    parameter_name = "stale"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(pk__in=self._stale())

    def no(self, queryset: Any) -> Any:
        return queryset.exclude(pk__in=self._stale())

    def _stale(self) -> Any:
        return Page.objects.stale().order_by().values("book_id")


class Automatic(QuestionFilter):
    """Does the schedule create the book's jobs?"""

    title = _("Automatic?")
    parameter_name = "automatic"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(automatic=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(automatic=False)


class Public(QuestionFilter):
    """May anybody read the book?"""

    title = _("Public?")
    parameter_name = "public"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(is_public=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(is_public=False)


class Shown(admin.SimpleListFilter):
    """Hidden rows are out of the way unless asked for."""

    title = _("Hidden?")
    template = "admin/question.html"
    parameter_name = "hidden"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("Hidden")), ("all", gettext("All"))]

    def choices(self, changelist: Any) -> Any:
        """Without a choice: the visible ones, and called so."""
        listed = [(None, gettext("Visible")), *self.lookup_choices]
        for value, words in listed:
            query = changelist.get_query_string(
                {self.parameter_name: value}, [] if value else [self.parameter_name]
            )
            yield {"selected": self.value() == value, "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        return queryset.filter(hidden=self.value() == "yes")


class LanguageFilter(admin.SimpleListFilter):
    """By the language a book is written in."""

    title = _("Language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = Book.objects.order_by("language").values_list("language", flat=True).distinct()
        return [(code or "-", language_name(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(language="" if value == "-" else value) if value else queryset


class HasOcr(QuestionFilter):
    """Has the page a transcription?"""

    title = _("Transcribed?")
    parameter_name = "ocr"

    def yes(self, queryset: Any) -> Any:
        return queryset.with_text(Kind.OCR)

    def no(self, queryset: Any) -> Any:
        return queryset.needing(Kind.OCR)


class HasTranslation(QuestionFilter):
    """Has the page a translation? No: it has something to translate and none."""

    title = _("Translated?")
    parameter_name = "translation"

    def yes(self, queryset: Any) -> Any:
        return queryset.with_text(Kind.TRANSLATION)

    def no(self, queryset: Any) -> Any:
        return queryset.needing(Kind.TRANSLATION)


class PageFailed(QuestionFilter):
    """Did the page fail in a job?"""

    title = _("Failed?")
    parameter_name = "failed"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(failed=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(failed=False)


class PageFlagged(QuestionFilter):
    """Does a text of the page look suspicious?"""

    title = _("Flagged?")
    parameter_name = "flagged"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(flagged=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(flagged=False)


class PageEdited(QuestionFilter):
    """Did a person write or correct a text of the page?"""

    title = _("Edited by hand?")
    parameter_name = "edited"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(edited=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(edited=False)


class PageStale(QuestionFilter):
    """Has the transcription changed since the page was translated?"""

    title = _("Stale translation?")
    parameter_name = "stale"

    def yes(self, queryset: Any) -> Any:
        return queryset.stale()


class BlankPage(QuestionFilter):
    """Is the page blank?"""

    title = _("Blank?")
    parameter_name = "blank"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(blank=True)

    def no(self, queryset: Any) -> Any:
        return queryset.filter(blank=False)
