"""Who may use the JSON API: scripts by a bearer token, staff by their session."""

import datetime as dt

from django.db.models import Q
from django.http import HttpRequest

from books.models import ApiToken
from sourcebatch.lib.clock import now
from sourcebatch.lib.http import Caller, unauthorised

# "Last used" is for people: a script that polls every second need not write every second.
LAST_USED_EVERY = dt.timedelta(minutes=1)


def authenticate(request: HttpRequest) -> Caller:
    """Who sent this request. Raises 401 for a token that opens nothing, and for nobody at all."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(token.strip())
    user = request.user
    if user.is_authenticated and user.is_active and user.is_staff:
        return Caller(user.get_username(), user.has_perm, by_session=True)
    raise unauthorised(
        "Who are you? Send `Authorization: Bearer` and a token, which the admin or `manage.py create_token` "
        "makes, or log in to the admin as a member of staff."
    )


def _by_token(token: str) -> Caller:
    row = ApiToken.objects.filter(token_sha256=ApiToken.digest(token), revoked_at=None).first()
    if row is None:
        raise unauthorised("This token is unknown or was revoked: make another in the admin.")
    moment = now()
    unused = Q(last_used_at=None) | Q(last_used_at__lt=moment - LAST_USED_EVERY)
    ApiToken.objects.filter(unused, pk=row.pk).update(last_used_at=moment)
    return Caller(row.name, lambda permission: row.scope == ApiToken.Scope.OPERATE)
