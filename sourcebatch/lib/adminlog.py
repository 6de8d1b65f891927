"""Django's log of changes: the one place that writes it, with who it was and by which way, and that reads it again.

An entry ends with its way in brackets: `(admin)`, `(API)`, `(API, token NAME)`, `(command, NAME)`, `(schedule)`.
What has none was written by Django's own admin forms. Django wants a user for each entry: tokens, commands and
schedules are entered under MACHINE, a user that nobody can log in as, and named in the brackets.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from sourcebatch.lib import sentences

# No form takes brackets in a name, so nobody can be called that.
MACHINE = "(sourcebatch)"
WAYS: dict[str, Any] = {
    "admin": _("in the admin"), "api": _("by the API"), "command": _("by a command"), "schedule": _("by the schedule"),
}  # fmt: skip
_WRITTEN = {"api": "API"}
_WAY = re.compile(r"^(.*) \((admin|API|command|schedule)(?:, (.*))?\)$", re.DOTALL)


@dataclass(frozen=True)
class Actor:
    """Who acts, by name, and by which way: `admin`, `api`, `command` or `schedule`.

    `token` says that the name is that of an API token and not of a person.
    """

    name: str = ""
    via: str = "command"
    token: bool = False

    @property
    def is_person(self) -> bool:
        """Whether the name is that of somebody who logged in."""
        return self.via in ("admin", "api") and not self.token


@dataclass(frozen=True)
class Told:
    """One entry taken apart: what was done, by which way, and by which token or command if any."""

    sentence: str
    via: str
    by: str = ""


def record(actor: Actor, objects: Iterable[Model], flag: int, sentence: Any) -> None:
    """Write into Django's log what was done to each of these: few queries, however many they are.

    Sentences are kept in English, whoever's language is active; they may be lazy translations.
    """
    rows: Any = list(objects)
    if rows:
        LogEntry.objects.log_actions(_user_id(actor), rows, flag, change_message=_message(actor, sentence))


def record_whole(actor: Actor, sentence: Any) -> None:
    """The same for what concerns no single object."""
    LogEntry.objects.create(
        user_id=_user_id(actor), object_repr="Sourcebatch", action_flag=CHANGE,
        change_message=_message(actor, sentence),
    )  # fmt: skip


def log(request: HttpRequest, objects: Iterable[Model], flag: int, sentence: Any) -> None:
    """The same for what the person of a request did in the admin."""
    record(person(request), objects, flag, sentence)


def person(request: HttpRequest) -> Actor:
    """The person of a request, acting in the admin."""
    return Actor(request.user.get_username(), "admin")


def machine_id() -> Any:
    """The key of the user that stands for tokens, commands and schedules; made when it is missing."""
    users = get_user_model()._default_manager
    made: Any = {"is_active": False, "password": "!", "first_name": "Sourcebatch"}
    return users.get_or_create(username=MACHINE, defaults=made)[0].pk


def told(entry: LogEntry) -> Told:
    """What an entry says. Messages that Django wrote come in the language that is active."""
    message = str(entry.change_message)
    found = _WAY.match(message)
    if found is None:
        return Told(str(entry.get_change_message()), "admin")
    return Told(found[1], found[2].lower(), found[3] or "")


def entries_of(via: str) -> Q:
    """The entries that came by this way; not for the admin, whose forms write none."""
    start = _WRITTEN.get(via, via)
    return Q(change_message__endswith=f" ({start})") | Q(
        change_message__contains=f" ({start}, ", change_message__endswith=")"
    )


def words(entry: LogEntry) -> str:
    """What an entry says, in the reader's language."""
    said = sentences.shown(told(entry).sentence)
    return said or str(_("Added.") if entry.is_addition() else _("Changed."))


def who(entry: LogEntry) -> str:
    """Whose entry it is; the machine is called by the program's name."""
    name = entry.user.get_username()
    return "Sourcebatch" if name == MACHINE else name


def way_words(entry: LogEntry) -> str:
    """By which way an entry came, with the token or command."""
    found = told(entry)
    by = found.by.removeprefix("token ") if found.via == "api" else found.by
    way = str(WAYS.get(found.via, found.via))
    return f"{way}: {by}" if by else way


def _user_id(actor: Actor) -> Any:
    if actor.is_person:
        users = get_user_model()._default_manager
        found = users.filter(username=actor.name).values_list("pk", flat=True).first()
        if found is not None:
            return found
    return machine_id()


def _message(actor: Actor, sentence: Any) -> str:
    with override("en"):
        return f"{sentence} ({_way(actor)})"


def _way(actor: Actor) -> str:
    way = _WRITTEN.get(actor.via, actor.via)
    if actor.token:
        return f"{way}, token {actor.name}"
    return f"{way}, {actor.name}" if actor.via == "command" and actor.name else way
