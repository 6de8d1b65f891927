"""Tokens for scripts: made here and shown once, revoked here; only their hashes are kept."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from books.models import ApiToken
from sourcebatch.lib.adminbase import KeptAdmin
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.clock import now
from sourcebatch.lib.show import badge


@admin.register(ApiToken)
class ApiTokenAdmin(KeptAdmin):
    """A token is made, used and revoked; it is never changed, and never deleted: its name is in the logs."""

    list_display = ("name", "scope", "state", "created_by", "created_at", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("name", "created_by")
    fields = ("name", "scope")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    @admin.display(description=_("State"))
    def state(self, token: ApiToken) -> SafeString:
        if token.revoked_at:
            return badge(gettext("revoked %s") % f"{token.revoked_at:%Y-%m-%d}", "bad")
        return badge(gettext("valid"), "good")

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Make it; the token itself goes to the next page and nowhere else."""
        row, request.new_token = ApiToken.issue(obj.name, obj.scope, request.user.get_username())  # type: ignore[attr-defined]
        obj.pk = row.pk

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only page that ever shows the token. It is part of this answer, not of a message or a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Token %s") % obj.name,
            "opts": self.model._meta,
            "token": request.new_token,  # type: ignore[attr-defined]
            "row": obj,
        }
        return TemplateResponse(request, "admin/books/apitoken/made.html", context)

    @admin.action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        valid = list(queryset.filter(revoked_at=None))
        for token in valid:
            token.revoke(now())
        log(request, valid, CHANGE, "Revoked")
        said = ngettext("%s token opens nothing any more.", "%s tokens open nothing any more.", len(valid))
        messages.success(request, said % len(valid))
