"""`manage.py create_token NAME --scope read|operate`: a token for scripts, printed this once."""

from typing import Any

from django.contrib.admin.models import ADDITION
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from books.models import ApiToken
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.db import atomic


class Command(BaseCommand):
    """Makes a token and prints it, and nothing else, on standard output."""

    help = "Make an API token and print it once; only its hash is kept."
    # `make run` gives its own processes a Gemini; this one needs none and has nothing to say about it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the token is for; each name is used once")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.READ)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 0 < len(name) <= 100:
            raise CommandError("A token's name has 1 to 100 characters.")
        try:
            with atomic():
                row, token = ApiToken.issue(name, options["scope"], created_by="create_token")
        except IntegrityError:
            raise CommandError(f"There is a token {name!r} already: choose another name.") from None
        record(Actor("create_token"), [row], ADDITION, f"Made with scope {row.scope}")
        self.stdout.write(token)
