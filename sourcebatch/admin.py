"""The site's own tables in the admin: people, roles, the log; and other packages' lists in the same dress."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_q.admin import ScheduleAdmin as PlainScheduleAdmin
from django_q.models import Schedule

from sourcebatch.lib.adminbase import ModelAdmin, ReadOnlyAdmin
from sourcebatch.lib.adminlog import MACHINE

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
else:
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm

admin.site.index_title = _("Dashboard")


def dress() -> None:
    """Give every list that another package registered (tasks, schedules, logins) the look of ours."""
    for model, plain in list(admin.site._registry.items()):
        if "unfold" in {base.__module__.partition(".")[0] for base in type(plain).__mro__}:
            continue
        dressed = type(type(plain).__name__, (type(plain), ModelAdmin), {"list_fullwidth": True})
        admin.site.unregister(model)
        admin.site.register(model, dressed)


admin.site.unregister([User, Group, Schedule])


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """People. Only a superuser makes superusers."""

    form = UserChangeForm
    add_form = AdminUserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")

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


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who changed what in the admin, when, and by which way."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag", "change_message")
    list_filter = ("action_flag",)
    search_fields = ("object_repr", "change_message", "user__username")
    list_select_related = ("user", "content_type")
    ordering = ("-id",)


@admin.register(Schedule)
class ScheduleAdmin(PlainScheduleAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """When tasks run is changed here; what runs is not: who could write it here could run anything on this machine."""

    list_fullwidth = True
    fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run")
    readonly_fields = ("func",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


dress()
