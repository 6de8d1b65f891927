"""Django's log of changes, written with the way by which they came."""

from collections.abc import Iterable

from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest


def log(request: HttpRequest, objects: Iterable[Model], flag: int, sentence: str) -> None:
    """Write into Django's log what was done to each of these, and that it was done in the admin."""
    LogEntry.objects.log_actions(
        user_id=request.user.pk or 0,
        queryset=list(objects),
        action_flag=flag,
        change_message=f"{sentence} (admin)",
    )
