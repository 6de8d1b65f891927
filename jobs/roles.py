"""Roles as groups: Viewer looks, Editor changes books and texts, Operator may spend money, Administrator does all.

A group is filled once, when it is made; what people change about it later in the admin stays.
"""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

LOOK = Q(content_type__app_label__in=["books", "jobs"], codename__startswith="view_") & ~Q(
    codename="view_apitoken"
)
EDIT = Q(
    content_type__app_label="books",
    codename__in=["add_book", "change_book", "change_page", "change_pagetext"],
)
OPERATE = Q(content_type__app_label="jobs", codename__in=["change_job", "spend_money"])
ADMINISTER = Q(content_type__app_label__in=["books", "jobs", "auth", "axes", "django_q"]) | Q(
    codename="view_logentry"
)

ROLES: dict[str, Q] = {
    "Viewer": LOOK,
    "Editor": LOOK | EDIT,
    "Operator": LOOK | EDIT | OPERATE,
    "Administrator": ADMINISTER,
}


def ensure() -> None:
    """Make the groups that are missing. Call after the permissions exist: after a migration."""
    for name, wanted in ROLES.items():
        group, made = Group.objects.get_or_create(name=name)
        if made:
            group.permissions.set(Permission.objects.filter(wanted))
