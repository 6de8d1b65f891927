"""Every address that the project answers, read from the URL resolver, and who may open it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

from sourcebatch.lib.http import Route

PUBLIC, STAFF = "public", "staff"
"""For everybody; for every member of staff. `token:x.y`: for every valid token and for people with that permission."""

# Rooms outside of the admin and the API: the permission for looking and the one for doing.
ROOMS: dict[str, tuple[str, str]] = {
    "front": (PUBLIC, PUBLIC),  # leads to the admin, which asks who is there
    "health": (PUBLIC, PUBLIC),
    "metrics": ("token:jobs.view_job", "token:jobs.view_job"),
    "page-image": ("books.view_page", "books.view_page"),
    "page-thumbnail": ("books.view_page", "books.view_page"),
    "reading-go": ("books.view_page", "books.view_page"),
    "reading-version": ("books.view_page", "books.view_page"),
    "reading-room": ("books.view_page", "books.view_page"),
    "reading-act": ("books.change_page", "books.change_page"),
    "reading-save": ("books.change_page", "books.change_page"),
    "process-now": ("jobs.spend_money", "jobs.spend_money"),
    "review-queue": ("books.view_page", "books.view_page"),
    "review-samples": ("books.view_page", "books.view_page"),
    "review-sample": ("books.view_page", "books.view_page"),
    # Public books only: the walk's own book is none, so here nobody may see it.
    "library": (PUBLIC, PUBLIC),
    "library-search": (PUBLIC, PUBLIC),
    "library-book": ("nobody", "nobody"),
    "library-book-search": ("nobody", "nobody"),
    "library-page": ("nobody", "nobody"),
    "library-export": ("nobody", "nobody"),
    "library-export-file": ("nobody", "nobody"),
    "search": ("books.view_page", "books.view_page"),
    "statistics": ("books.view_book", "books.view_book"),
    "book-statistics": ("books.view_book", "books.view_book"),
    "set_language": (PUBLIC, PUBLIC),  # sets a cookie and leads back
}
# Pages of the admin that belong to no table, or that need more than a look at theirs.
ADMIN: dict[str, tuple[str, str]] = {
    "login": (PUBLIC, PUBLIC),
    "logout": (PUBLIC, PUBLIC),
    "books_book_import": ("books.add_book", "books.add_book"),
    "books_book_import_preview": ("books.add_book", "books.add_book"),
    "jobs_job_change": ("jobs.view_job", "jobs.view_job"),  # no form: a page to look at
    "books_book_glossary": ("books.view_book", "books.change_book"),
    "jobs_promptversion_try": ("jobs.spend_money", "jobs.spend_money"),
    "jobs_promptversion_trial": ("jobs.view_promptversion", "jobs.spend_money"),
    "jobs_job_redo": ("jobs.spend_money", "jobs.spend_money"),
    "books_book_import_many": ("books.add_book", "books.add_book"),
    "books_book_import_thumbnail": ("books.add_book", "books.add_book"),
    "jobs_job_live": ("jobs.view_job", "jobs.view_job"),
    "jobs_job_answer": ("jobs.view_job", "jobs.view_job"),
    "jobs_job_do": ("jobs.change_job", "jobs.change_job"),
    "jobs_job_retry_pages": ("jobs.change_job", "jobs.change_job"),
    "auth_user_password_change": ("auth.change_user", "auth.change_user"),
}
VERBS = {"changelist": "view", "add": "add", "change": "view", "history": "view", "delete": "delete"}


@dataclass(frozen=True)
class Address:
    """One entry of the resolver: its path with `%(names)s`, its name and its view."""

    form: str
    name: str
    view: Any

    def path(self, values: Mapping[str, str]) -> str:
        """The address with real ids in it."""
        return "/" + self.form % values

    def needed(self, method: str) -> str:
        """What somebody needs who gets an answer here. Raises KeyError for an address that nobody has judged."""
        if isinstance(self.view, Route):
            return _of_call(self.view, method)
        if self.form == "api":
            return "nobody"
        if self.form.startswith("admin/"):
            return _in_admin(self.name, method)
        return ROOMS[self.name][method != "GET"]


def _of_call(route: Route, method: str) -> str:
    call = route.calls.get(method)
    if call is None:
        return "nobody"
    if call.scope == "public":
        return PUBLIC
    return f"{'token' if call.scope == 'read' else 'operate'}:{call.permission}"


def _in_admin(name: str, method: str) -> str:
    if name in ADMIN:
        return ADMIN[name][method != "GET"]
    for model in admin.site._registry:
        label = f"{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(label):
            verb = VERBS[name.removeprefix(label)]
            # Django shows the form to every method but POST.
            verb = "change" if name.endswith("_change") and method == "POST" else verb
            return f"{model._meta.app_label}.{verb}_{model._meta.model_name}"
    return STAFF


def addresses() -> list[Address]:
    """All of them."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        form = prefix + normalize(pattern.pattern.regex.pattern)[0][0]
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, form)
        else:
            yield Address(form, pattern.name or "", pattern.callback)
