"""The whole list of addresses, asked by everybody there is: nothing answers without permission (I54)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django_q.models import Schedule

from books.models import ApiToken, Book, PageText, SampleJudgement
from jobs import roles
from jobs.models import Job, PromptTrial, PromptVersion
from sourcebatch.lib.http import Route
from tests.incidents.support import write_text
from tests.security.addresses import PUBLIC, STAFF, Address, addresses
from tests.support.library import make_book, order_ocr

pytestmark = pytest.mark.django_db
ALL = addresses()
UNSAFE = ("POST", "DELETE")
PEOPLE = ("nobody at all", "reader", "stranger", *roles.ROLES)
SCRIPTS = ("read token", "operate token", "revoked token")


@dataclass
class Visitor:
    """Somebody who asks: a browser with or without a session, or a script with a token."""

    client: Client
    may: Callable[[str], bool] = lambda permission: False
    scope: str = ""
    staff: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def fits(self, needed: str) -> bool:
        """Whether this visitor may have an answer where that is needed."""
        kind, _, permission = needed.rpartition(":")
        if needed == PUBLIC:
            return True
        if kind and self.scope:
            return kind == "token" or self.scope == "operate"
        return self.staff if needed == STAFF else self.may(permission)

    def ask(self, method: str, path: str) -> Any:
        """One request, with a CSRF token as a page of ours would send it."""
        self.client.cookies["csrftoken"] = "a" * 32
        headers = {"X-CSRFToken": "a" * 32} | self.headers
        return self.client.generic(method, path, b"", "application/x-www-form-urlencoded", headers=headers)


def visitor(who: str) -> Visitor:
    client = Client(enforce_csrf_checks=True)
    if who in SCRIPTS:
        return _script(client, who.partition(" ")[0])
    if who == "nobody at all":
        return Visitor(client)
    user = User.objects.create_user("visitor", password="x", is_staff=who != "reader")
    if who in roles.ROLES:
        user.groups.add(Group.objects.get(name=who))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return Visitor(client, user.has_perm if user.is_staff else lambda permission: False, staff=user.is_staff)


def _script(client: Client, scope: str) -> Visitor:
    row, token = ApiToken.issue("script", "operate" if scope == "revoked" else scope)
    if scope == "revoked":
        row.revoke()
    headers = {"Authorization": f"Bearer {token}"}
    return Visitor(client, scope="" if scope == "revoked" else scope, headers=headers)


@pytest.fixture
def values() -> dict[str, str]:
    """Ids of rows that are there, for every name that stands in an address."""
    book: Book = make_book(1, title="Secretum")
    job: Job = order_ocr(book)
    text: PageText = write_text(book.pages.get(), "nur fuer uns")
    trial = PromptTrial.objects.create(
        token="t", type="batch_ocr", book=book, prompt_version="batch_ocr/1", present_version="batch_ocr/1"
    )
    SampleJudgement.objects.create(draw="draw", page=text.page, kind="ocr", text_id=text.pk)
    return {
        "book_id": book.pk, "page_id": text.page_id, "text_id": text.pk, "job_id": job.pk, "number": "1",
        "row_id": str(job.ledger.get().pk), "draw": "draw", "verb": "reviewed", "type_": "batch_ocr",
        "trial_id": trial.pk,
        "content_type_id": str(ContentType.objects.get_for_model(Book).pk), "object_id": book.pk,
        "app_label": "books", "url": "nothing/", "id": "1", "name": "txt", "format": "txt",
    }  # fmt: skip


def of_its_own(address: Address, values: dict[str, str]) -> dict[str, str]:
    """The same with the id of a row of the table that the address is about."""
    tables: dict[str, Any] = {
        "jobs/job/": Job, "books/page/": Book.objects.get().pages.model, "jobs/promptversion/": PromptVersion,
        "django_q/schedule/": Schedule, "auth/group/": Group, "auth/user/": User, "books/apitoken/": ApiToken,
    }  # fmt: skip
    for part, model in tables.items():
        row = model.objects.first() if f"admin/{part}" in address.form else None
        if row is not None:
            values = values | {"object_id": str(row.pk), "id": str(row.pk)}
    return values | ({"verb": "cancel"} if address.name == "jobs_job_do" else {})


def answers(response: Any) -> bool:
    """Whether anything was shown or done: not a refusal, not the way to the login, to "not there" or to a form."""
    if response.status_code in (301, 302):
        asked, to = response.request["PATH_INFO"], response["Location"]
        elsewhere = "/login/" in to or to in ("/admin/", f"{asked}change/")
        return response.request["REQUEST_METHOD"] != "GET" and not elsewhere
    return bool(response.status_code < 400)


@pytest.mark.parametrize("who", [*PEOPLE, *SCRIPTS])
def test_nothing_answers_without_permission(values: dict[str, str], who: str) -> None:
    visiting = visitor(who)
    held, shown = [], 0
    for address in ALL:
        path = address.path(of_its_own(address, values))
        for method in ("GET", *UNSAFE):
            if address.name == "logout" or visiting.fits(address.needed(method)):
                continue
            response = visiting.ask(method, path)
            shown += 1
            if answers(response) or response.status_code >= 500:
                held.append(f"{method} {path}: {response.status_code}")
    assert held == []
    assert shown > 40
    assert Job.objects.get().status == "pending"
    assert PageText.objects.get().reviewed_at is None


@pytest.mark.parametrize("who", PEOPLE)
def test_a_book_that_is_not_public_is_nowhere_in_what_strangers_see(values: dict[str, str], who: str) -> None:
    visiting = visitor(who)
    if visiting.may("books.view_book"):
        assert "Secretum" in visiting.ask("GET", "/admin/books/book/").content.decode()
        return
    for address in ALL:
        response = visiting.ask("GET", address.path(of_its_own(address, values)))
        text = b"".join(response.streaming_content) if response.streaming else response.content
        assert b"Secretum" not in text, address
        assert b"nur fuer uns" not in text, address


def test_every_address_has_been_judged() -> None:
    unjudged = []
    for address in ALL:
        try:
            address.needed("GET")
        except KeyError:
            unjudged.append(address)
    assert unjudged == [], "say in tests/security/addresses.py who may open these"


def test_only_login_health_the_public_books_and_the_api_document_are_open() -> None:
    forms = {address.form for address in ALL if address.needed("GET") == PUBLIC}
    assert forms == {
        "",
        "admin/login/",
        "admin/logout/",
        "language",
        "health",
        "library/",
        "library/search/",
        "api/openapi.json",
    }


def test_a_session_without_a_csrf_token_changes_nothing(values: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    boss = User.objects.create_superuser("boss", password="x")
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    for address in ALL:
        path = address.path(of_its_own(address, values))
        for method in UNSAFE:
            response = client.generic(method, path, b"", "application/x-www-form-urlencoded")
            wanted = (403, 404, 405) if isinstance(address.view, Route) or address.form == "api" else (403,)
            assert response.status_code in wanted, f"{method} {path}"
    assert Job.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("role", "opened", "closed"),
    [
        ("Viewer", "/admin/books/book/ /admin/jobs/job/ /review/ /api/books /metrics", "/admin/books/book/import/"),
        ("Editor", "/admin/books/book/import/ /review/ /api/jobs", "/admin/books/apitoken/ /admin/auth/user/"),
        ("Operator", "/admin/jobs/job/ /api/jobs", "/admin/books/apitoken/ /admin/django_q/schedule/"),
        ("Administrator", "/admin/books/apitoken/ /admin/auth/user/ /admin/admin/logentry/", "/admin/nothing/"),
        ("stranger", "/admin/", "/api/books /api/jobs /metrics /review/ /admin/books/book/"),
    ],
)  # fmt: skip
def test_roles_open_what_is_theirs(role: str, opened: str, closed: str) -> None:
    visiting = visitor(role)
    assert {path: visiting.ask("GET", path).status_code for path in opened.split()} == dict.fromkeys(
        opened.split(), 200
    )
    assert {visiting.ask("GET", path).status_code for path in closed.split()} <= {403, 404}


def test_only_who_may_spend_starts_work_by_the_api(values: dict[str, str]) -> None:
    assert visitor("Editor").ask("POST", f"/api/jobs/{values['job_id']}/cancel").status_code == 403
    User.objects.all().delete()
    assert visitor("Operator").ask("POST", f"/api/jobs/{values['job_id']}/cancel").status_code == 200
