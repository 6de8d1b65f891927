"""`manage.py ensure_admin`: somebody who can log in after the first start."""

import os
import secrets
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from sourcebatch.lib.adminlog import Actor, record

NAME = "admin"


def ensure_admin() -> str | None:
    """Make the user `admin` if nobody can administer yet, with ADMIN_PASSWORD or a password made here.

    Returns the password when it was made here: it is not kept anywhere and must be shown now. A given
    ADMIN_PASSWORD also becomes the password of an `admin` that is there already.
    """
    users = get_user_model().objects
    given = os.environ.get("ADMIN_PASSWORD", "")
    user = users.filter(username=NAME).first()
    if user is None and (given or not users.filter(is_superuser=True, is_active=True).exists()):
        password = given or secrets.token_urlsafe(12)
        made = users.create_superuser(username=NAME, password=password)
        record(Actor("ensure_admin"), [made], ADDITION, "Made as a superuser")
        return None if given else password
    if user and given and not user.check_password(given):
        user.set_password(given)
        user.save(update_fields=["password"])
        record(Actor("ensure_admin"), [user], CHANGE, "Password set from ADMIN_PASSWORD")
    return None


class Command(BaseCommand):
    """Prints the password once, and nothing when there is nothing to do."""

    help = "Make the user `admin`, with ADMIN_PASSWORD from the environment or a new password printed once."

    def handle(self, *args: Any, **options: Any) -> None:
        password = ensure_admin()
        if password:
            self.stdout.write(f"User {NAME}, password {password} (shown this once; change it in the admin)")
