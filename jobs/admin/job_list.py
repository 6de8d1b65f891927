"""The list of jobs and the addresses of one job's pages."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from books.search import by_name
from books.search_query import SearchQuery
from jobs.admin import bulk, job_page
from jobs.admin.redo_page import redo_page
from jobs.admin_actions import wording
from jobs.models import LIVE, Job
from sourcebatch.lib.adminbase import QuestionFilter, ReadOnlyAdmin
from sourcebatch.lib.show import ago, money

MOST_BOOKS = 500
"""Books whose jobs one search shows, besides those with the very words."""


class LiveFilter(QuestionFilter):
    """Is the job under way?"""

    title = _("Under way?")
    parameter_name = "live"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(status__in=LIVE)

    def no(self, queryset: Any) -> Any:
        return queryset.exclude(status__in=LIVE)


class FailedPagesFilter(QuestionFilter):
    """Does the job have failed pages?"""

    title = _("Failed pages?")
    parameter_name = "failed_pages"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(progress__failed__gt=0)


class WaitsFilter(QuestionFilter):
    """Does the job wait for something: money, another key, Gemini's quota?"""

    title = _("Held up?")
    parameter_name = "held_up"

    def yes(self, queryset: Any) -> Any:
        return queryset.filter(status__in=LIVE).exclude(waiting_for="")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs are made by orders and changed by verbs; here they are looked at."""

    list_display = ("what", "title", "state", "progress_bar", "age", "cost", "created_by")
    list_filter = ("status", "type", LiveFilter, FailedPagesFilter, WaitsFilter)
    list_display_links = ("what", "title")
    search_fields = ("book_title", "id", "gemini_batch_job", "created_by")
    search_help_text = _("Title, job id, Gemini's name of a batch, or who made it")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("error")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Django's search, and the jobs of books that are named so in any spelling."""
        found, distinct = super().get_search_results(request, queryset, search_term)
        named = by_name(SearchQuery(search_term))[:MOST_BOOKS] if search_term.strip() else []
        return (found | queryset.filter(book_id__in=named) if named else found), distinct

    @admin.display(description=_("Job"), ordering="type")
    def what(self, job: Job) -> str:
        return str(job.get_type_display())

    @admin.display(description=_("Book"), ordering="book_title")
    def title(self, job: Job) -> str:
        return job.book_title if len(job.book_title) <= 60 else job.book_title[:59] + "…"

    @admin.display(description=_("State"), ordering="status")
    def state(self, job: Job) -> SafeString:
        return wording.job_state(job)

    @admin.display(description=_("Progress"))
    def progress_bar(self, job: Job) -> SafeString:
        figures = wording.progress_words(job)
        if not figures:
            return format_html("{}", "–")
        return format_html('{}<span class="sb-hint">{}</span>', wording.job_bar(job), figures)

    @admin.display(description=_("Age"), ordering="id")
    def age(self, job: Job) -> str:
        return ago(job.created_at)

    @admin.display(description=_("Cost"), ordering="cost_micro_usd")
    def cost(self, job: Job) -> SafeString:
        real = money(job.cost_micro_usd) if job.cost_micro_usd is not None else "–"
        return format_html(
            '{} <span class="sb-hint">({} {})</span>', real, _("est."), money(job.estimated_micro_usd)
        )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The verbs of the lifecycle that this person may use on many jobs at once."""
        if not self.has_view_permission(request):
            return {}
        allowed = [verb for verb in wording.VERBS.values() if request.user.has_perm(verb.permission)]
        return {verb.name: (bulk_action(verb.name), verb.name, verb.label) for verb in allowed}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Nothing on a job is edited; without this Django would offer a form.
        return False

    def get_urls(self) -> list[URLPattern]:
        """A job's own page replaces Django's form; beside it what it loads and the verbs."""
        page: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<str:job_id>/live/", "live", job_page.live),
            ("<str:job_id>/answer/<str:row_id>/", "answer", job_page.raw_answer),
            ("<str:job_id>/do/<str:verb>/", "do", job_page.do),
            ("<str:job_id>/retry-pages/", "retry_pages", job_page.retry_pages),
        ]
        own = [path("redo/", self.admin_site.admin_view(redo_page), name="jobs_job_redo")]
        own += [
            path(at, self.admin_site.admin_view(view), name=f"jobs_job_{name}") for at, name, view in page
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return job_page.show(request, self, object_id)


def bulk_action(verb: str) -> Callable[[Any, HttpRequest, Any], HttpResponse | None]:
    """Django's action for one verb."""

    def action(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return bulk.run(model_admin, request, queryset, wording.VERBS[verb])

    return action
