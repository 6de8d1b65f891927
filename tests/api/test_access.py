"""Who may call: tokens, scopes, staff sessions, and nobody else (I54)."""

import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command, load_command_class
from django.test import Client
from pytest_django.fixtures import Settings

from books.models import ApiToken, Book
from sourcebatch.lib.clock import now
from sourcebatch.openapi import routes
from tests.api.conftest import Api

BOOK: dict[str, Any] = {"title": "Epigrammata", "pages": []}
CALLS = [
    (path.replace("{", "").replace("}", ""), method, one.scope) for path, method, one in routes()
]  # fmt: skip


def staff(*permissions: str, **more: Any) -> Client:
    """A browser that is logged in as a member of staff."""
    user = User.objects.create_user("librarian", password="x", is_staff=more.pop("is_staff", True), **more)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def csrf(client: Client) -> dict[str, str]:
    """The header with which a page of ours posts: the same as its cookie."""
    client.cookies["csrftoken"] = "a" * 32
    return {"X-CSRFToken": "a" * 32}


@pytest.mark.parametrize(("path", "method", "scope"), CALLS)
def test_it_answers_401_without_a_token_at_every_address(
    anybody: Api, db: None, path: str, method: str, scope: str
) -> None:
    said = anybody.send(method, path, {} if method == "POST" else None)
    if scope == "public":
        assert said.status == 200
        return
    assert said.status == 401
    assert said.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(said.json) == {"error"}


@pytest.mark.parametrize(("path", "method"), [call[:2] for call in CALLS if call[1] != "GET"])
def test_it_answers_403_to_a_token_that_may_only_read(reader: Api, path: str, method: str) -> None:
    assert reader.send(method, path, BOOK).status == 403
    assert not Book.objects.exists()


def test_every_call_that_is_not_a_get_needs_the_scope_operate() -> None:
    assert {scope for _, method, scope in CALLS if method != "GET"} == {"operate"}
    assert [path for path, method, scope in CALLS if scope == "public"] == ["/api/openapi.json"]


@pytest.mark.parametrize(
    "wrong",
    ["Bearer", "Bearer ", "Bearer nonsense", "Bearer sb_ünknown", "bearer  x", "Basic YTpi", "Token x"],
)
def test_it_answers_401_to_what_is_no_token_of_ours(db: None, wrong: str) -> None:
    said = Api().get("/api/books", Authorization=wrong)
    assert said.status == 401
    assert "sb_" not in said.json["error"]


def test_a_revoked_token_opens_nothing(db: None) -> None:
    row, token = ApiToken.issue("old", ApiToken.Scope.OPERATE)
    assert Api(token).get("/api/books").status == 200
    row.revoke()
    assert Api(token).get("/api/books").status == 401


def test_a_wrong_token_is_refused_even_in_a_browser_that_is_logged_in(db: None) -> None:
    assert Api("nonsense", staff()).get("/api/books").status == 401


def test_it_notes_when_a_token_was_last_used_once_a_minute(reader: Api) -> None:
    reader.get("/api/books")
    used = ApiToken.objects.get().last_used_at
    assert used is not None
    reader.get("/api/books")
    assert ApiToken.objects.get().last_used_at == used
    long_ago = now() - dt.timedelta(hours=1)
    ApiToken.objects.update(last_used_at=long_ago)
    reader.get("/api/books")
    assert ApiToken.objects.get().last_used_at != long_ago


def test_staff_read_with_their_session_what_their_role_may_see(db: None) -> None:
    reader = Api(client=staff("view_book"))
    assert reader.get("/api/books").status == 200
    refused = reader.get("/api/jobs")
    assert (refused.status, "role" in refused.json["error"]) == (403, True)


@pytest.mark.parametrize("who", [{"is_staff": False}, {"is_active": False}])
def test_readers_without_staff_status_are_nobody_here(db: None, who: dict[str, bool]) -> None:
    assert Api(client=staff(**who)).get("/api/books").status == 401


def test_staff_change_with_a_permission_and_a_csrf_token(db: None) -> None:
    client = staff("change_book")
    api = Api(client=client)
    without = api.post("/api/books", BOOK)
    assert (without.status, "CSRF" in without.json["error"]) == (403, True)
    assert api.post("/api/books", BOOK, **csrf(client)).status == 201


def test_staff_without_the_permission_change_nothing(db: None) -> None:
    client = staff()
    assert Api(client=client).post("/api/books", BOOK, **csrf(client)).status == 403
    assert not Book.objects.exists()


def test_a_form_from_another_site_cannot_use_a_session(db: None) -> None:
    api = Api(client=staff(is_superuser=True))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert api.post("/api/books", BOOK, content_type=kind).status == 403
    assert not Book.objects.exists()


def test_a_session_posts_json_whatever_the_content_type_says(db: None) -> None:
    client = staff(is_superuser=True)
    api = Api(client=client)
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"):
        assert api.post("/api/books", BOOK, content_type=kind, **csrf(client)).status == 201


# --- manage.py create_token --------------------------
def make_token(*arguments: str) -> str:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    return out.getvalue()


def test_create_token_prints_a_working_token_and_nothing_else(db: None) -> None:
    printed = make_token("cron", "--scope", "operate")
    assert printed.endswith("\n")
    assert len(printed.split()) == 1
    assert Api(printed.strip()).post("/api/books", BOOK).status == 201
    assert printed.strip() not in str(ApiToken.objects.values())


def test_create_token_has_nothing_to_say_about_gemini(db: None, settings: Settings) -> None:
    settings.GEMINI_API_KEY = ""
    out, complaints = StringIO(), StringIO()
    call_command("check", stdout=out, stderr=complaints)
    assert "GEMINI_API_KEY is not set" in complaints.getvalue()
    complaints = StringIO()
    command = load_command_class("books", "create_token")
    options = {"name": "cron", "scope": "read", "force_color": False, "no_color": False, "skip_checks": False}
    command.execute(stdout=out, stderr=complaints, **options)
    assert complaints.getvalue() == ""


def test_create_token_makes_tokens_that_only_read_unless_told_otherwise(db: None) -> None:
    assert Api(make_token("cron").strip()).post("/api/books", BOOK).status == 403


def test_create_token_says_when_a_name_is_taken_or_wrong(db: None) -> None:
    make_token("cron")
    with pytest.raises(CommandError, match="another name"):
        make_token("cron")
    for wrong in ("", " ", "x" * 101):
        with pytest.raises(CommandError, match="1 to 100"):
            make_token(wrong)
    assert ApiToken.objects.count() == 1
