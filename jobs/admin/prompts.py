"""Prompts: a version never changes once texts may name it. Editing makes the next version; one of each is in use."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from books.texts import text_hash
from jobs.admin import trials
from jobs.lifecycle.prompts import put_in_use
from jobs.models import PromptVersion
from jobs.operations import operations
from jobs.operations.prompts import PromptError
from sourcebatch.lib.adminbase import KeptAdmin
from sourcebatch.lib.adminlog import log
from sourcebatch.lib.db import atomic
from sourcebatch.lib.show import badge


class PromptForm(forms.ModelForm[PromptVersion]):
    """A new version: the operation and the text, whose variables must be those that the operation knows."""

    # Not the model's field: its constraint (one in use) would refuse a second one before the first is put away.
    use_now = forms.BooleanField(label=_("Use it for new jobs from now on"), required=False, initial=False)

    class Meta:
        model = PromptVersion
        fields = ("type", "text")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "text" in self.fields:
            self.fields["text"].widget.attrs["rows"] = 28

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        type_, text = cleaned.get("type", ""), cleaned.get("text", "")
        if type_ in operations() and text:
            try:
                operations()[type_].check_prompt(text)
            except PromptError as error:
                self.add_error("text", str(error))
        return cleaned


@admin.register(PromptVersion)
class PromptVersionAdmin(KeptAdmin):
    """Versions of prompts. Adding starts from the one in use."""

    form = PromptForm
    list_display = ("version_name", "type", "in_use", "author", "made", "trial")
    list_filter = ("type", "is_default")
    actions = ("use",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (
            ("type", "text", "is_default", "created_by", "created_at") if obj else ("type", "text", "use_now")
        )

    @admin.display(description=_("Prompt"), ordering="version")
    def version_name(self, prompt: PromptVersion) -> str:
        return prompt.name

    @admin.display(description=_("In use"), ordering="is_default")
    def in_use(self, prompt: PromptVersion) -> SafeString | str:
        return badge(gettext("in use"), "good") if prompt.is_default else ""

    @admin.display(description=_("Made by"), ordering="created_by")
    def author(self, prompt: PromptVersion) -> str:
        return gettext("comes with Sourcebatch") if prompt.created_by == "shipped" else prompt.created_by

    @admin.display(description=_("Trial"))
    def trial(self, prompt: PromptVersion) -> SafeString | str:
        if prompt.is_default:
            return ""
        return format_html(
            '<a href="{}">{} …</a>',
            reverse("admin:jobs_promptversion_try", args=[prompt.pk]),
            gettext("Try it"),
        )

    @admin.display(description=_("Made"), ordering="created_at")
    def made(self, prompt: PromptVersion) -> Any:
        return prompt.created_at

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<str:object_id>/try/", wrap(trials.ask), name="jobs_promptversion_try"),
            path("trial/<str:trial_id>/", wrap(trials.show), name="jobs_promptversion_trial"),
        ]
        return own + super().get_urls()

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """A version that is not in use yet is tried next."""
        if obj.is_default or not request.user.has_perm("jobs.spend_money"):
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, gettext("%s is kept. Try it on some pages before it is used.") % obj.name)
        return HttpResponseRedirect(reverse("admin:jobs_promptversion_try", args=[obj.pk]))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(self.get_fields(request, obj)) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A version is looked at; only "Use" in the list changes which one is in use.
        return obj is None and super().has_change_permission(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        wanted = initial.get("type") or next(iter(operations()), "")
        current = PromptVersion.objects.filter(type=wanted, is_default=True).first()
        return {"type": wanted, "text": current.text if current else ""} | initial

    def save_model(self, request: HttpRequest, obj: PromptVersion, form: Any, change: bool) -> None:
        """Always the next version of its operation."""
        last = PromptVersion.objects.filter(type=obj.type).aggregate(last=Max("version"))["last"] or 0
        obj.version = last + 1
        obj.text_sha256 = text_hash(obj.text)
        obj.created_by = request.user.get_username()
        with atomic():
            super().save_model(request, obj, form, change)
            if form.cleaned_data.get("use_now"):
                put_in_use(obj)

    @admin.action(description=_("Use this version for new jobs"), permissions=["change"])
    def use(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Choose one version: the one to be used from now on."))
            return
        with atomic():
            put_in_use(chosen[0])
        log(request, chosen[:1], CHANGE, "In use from now on")
        messages.success(request, gettext("%s is used for new jobs from now on.") % chosen[0].name)
