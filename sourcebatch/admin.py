"""The site's own tables in the admin: people, roles, the log; and other packages' lists in the same dress."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_q.admin import FailAdmin, resubmit_task
from django_q.admin import ScheduleAdmin as PlainScheduleAdmin
from django_q.models import Schedule

from sourcebatch.lib import adminlog
from sourcebatch.lib.adminbase import ModelAdmin, ReadOnlyAdmin
from sourcebatch.lib.adminlog import MACHINE

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
else:
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm

ROLES_HELP = _(
    "Viewer reads everything, Editor changes books and texts too, Operator also creates jobs, which cost money, "
    "Administrator does all. Without a role a person sees nothing."
)

admin.site.index_title = _("Dashboard")


@admin.action(permissions=["change"], description=_("Hand the selected tasks to the worker again"))
def resubmit(model_admin: Any, request: HttpRequest, queryset: Any) -> None:
    """The tasks are queued again, failed ones deleted: written down before, while they are there."""
    flag = DELETION if isinstance(model_admin, FailAdmin) else CHANGE
    adminlog.log(request, queryset, flag, "Handed to the worker again")
    resubmit_task(model_admin, request, queryset)


def dress() -> None:
    """Give every list that another package registered (tasks, schedules, logins) the look of ours."""
    for model, plain in list(admin.site._registry.items()):
        if "unfold" in {base.__module__.partition(".")[0] for base in type(plain).__mro__}:
            continue
        look: dict[str, Any] = {"list_fullwidth": True}
        if resubmit_task in (plain.actions or ()):
            look["actions"] = [resubmit]
        dressed = type(type(plain).__name__, (type(plain), ModelAdmin), look)
        admin.site.unregister(model)
        admin.site.register(model, dressed)


admin.site.unregister([User, Group, Schedule])


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """People. Only a superuser makes superusers.

    Whoever is added gets a role at once and may log in: otherwise a colleague stands before a login that says
    nothing but that name or password are wrong.
    """

    form = UserChangeForm
    add_form = AdminUserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    filter_horizontal = ("user_permissions",)
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (_("What this person may do"), {"fields": ("is_staff", "groups")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("What this person may do"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (
            _("Single permissions, beside the roles"),
            {"classes": ("collapse",), "fields": ("user_permissions",)},
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "is_staff":
            kwargs |= {"label": _("May log in"), "help_text": _("Without it, the login refuses this person.")}
        if db_field.name == "groups":
            kwargs |= {"label": _("Roles"), "help_text": ROLES_HELP, "widget": forms.CheckboxSelectMultiple}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        given = tuple(super().get_readonly_fields(request, obj))
        return given if request.user.is_superuser else (*given, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _out_of_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _out_of_reach(request, obj)


def _out_of_reach(request: HttpRequest, user: Any) -> bool:
    """Superusers, for others; and the user that stands for tokens, commands and schedules in the log."""
    if user is None:
        return False
    return user.username == MACHINE or (user.is_superuser and not request.user.is_superuser)


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):  # type: ignore[type-arg]
    """Roles: Viewer, Editor, Operator, Administrator are there from the start."""


class WayFilter(admin.SimpleListFilter):
    """By which way did it come? What has no way in its message was written by Django's own forms."""

    title = _("Way")
    parameter_name = "way"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(words)) for name, words in adminlog.WAYS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        others = {name: adminlog.entries_of(name) for name in adminlog.WAYS if name != "admin"}
        if self.value() == "admin":
            return queryset.exclude(reduce(or_, others.values()))
        wanted = others.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who changed what, when, and by which way."""

    list_display = ("action_time", "who", "way", "kind", "thing", "what")
    list_display_links = None
    list_filter = (WayFilter, "action_flag")
    search_fields = ("object_repr", "change_message", "user__username")
    list_select_related = ("user", "content_type")
    ordering = ("-id",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Django calls its log “log entries”, which tells a librarian nothing."""
        title = {"title": _("Change log: who changed what, when and by which way")}
        return super().changelist_view(request, title | (extra_context or {}))

    @admin.display(description=_("Who"), ordering="user")
    def who(self, entry: LogEntry) -> str:
        return adminlog.who(entry)

    @admin.display(description=_("Way"))
    def way(self, entry: LogEntry) -> str:
        return adminlog.way_words(entry)

    @admin.display(description=_("Kind"), ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        model = entry.content_type.model_class() if entry.content_type else None
        return str(model._meta.verbose_name) if model else ""

    @admin.display(description=_("Thing"), ordering="object_repr")
    def thing(self, entry: LogEntry) -> SafeString | str:
        address = entry.get_admin_url() if not entry.is_deletion() else None
        if address is None:
            return entry.object_repr
        return format_html('<a href="{}">{}</a>', reverse("admin:index") + address, entry.object_repr[:80])

    @admin.display(description=_("What"))
    def what(self, entry: LogEntry) -> str:
        return adminlog.words(entry)


@admin.register(Schedule)
class ScheduleAdmin(PlainScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """When tasks run is changed here; what runs is not: who could write it here could run anything on this machine."""

    list_fullwidth = True
    fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run")
    readonly_fields = ("func",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


dress()
