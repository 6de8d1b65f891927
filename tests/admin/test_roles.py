"""Who may do what: the four roles, in the admin's pages and actions alike."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from books.models import ApiToken, Book
from jobs import roles
from jobs.models import Job
from tests.support.browser import PASSWORD, person
from tests.support.library import make_book, order_ocr

RoleClient = Callable[[str], Client]


@pytest.mark.django_db
def test_every_installation_has_the_four_roles() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(roles.ROLES)


@pytest.mark.django_db
def test_a_role_that_somebody_changed_stays_as_it_is() -> None:
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.clear()
    roles.ensure()
    assert viewer.permissions.count() == 0


@pytest.mark.django_db
def test_only_operators_and_administrators_may_spend() -> None:
    may = Permission.objects.get(codename="spend_money").group_set.values_list("name", flat=True)
    assert set(may) == {"Operator", "Administrator"}


@pytest.mark.parametrize("role", ["Viewer", "Editor"])
def test_who_may_not_spend_is_offered_no_order_and_can_place_none(as_role: RoleClient, role: str) -> None:
    client, book = as_role(role), make_book(1)
    address = reverse("admin:books_book_changelist")
    assert "order_batch_ocr" not in client.get(address).content.decode()
    client.post(
        address, {"action": "order_batch_ocr", "_selected_action": book.pk, "confirmed": "yes", "token": "x"}
    )
    assert not Job.objects.exists()


@pytest.mark.parametrize("verb", ["process", "pause", "resume", "cancel", "reset", "retry"])
def test_a_viewer_can_do_nothing_to_a_job(as_role: RoleClient, verb: str) -> None:
    job = order_ocr(make_book(1))
    client = as_role("Viewer")
    page = client.get(reverse("admin:jobs_job_change", args=[job.pk]))
    assert page.status_code == 200
    assert reverse("admin:jobs_job_do", args=[job.pk, verb]) not in page.content.decode()
    assert client.post(reverse("admin:jobs_job_do", args=[job.pk, verb])).status_code == 403
    client.post(
        reverse("admin:jobs_job_changelist"), {"action": verb, "_selected_action": job.pk, "confirmed": "yes"}
    )
    job.refresh_from_db()
    assert job.status == "pending"


def test_a_viewer_can_change_no_book(as_role: RoleClient) -> None:
    book, client = make_book(1), as_role("Viewer")
    address = reverse("admin:books_book_change", args=[book.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"title": "Mine"}).status_code == 403
    assert client.get(reverse("admin:books_book_import")).status_code == 403


def test_an_editor_cannot_make_a_book_spend_money_by_itself(as_role: RoleClient) -> None:
    book, client = make_book(1), as_role("Editor")
    form = {"title": "New", "direction": book.direction, "target_language": "en", "automatic": "on"}
    answer = client.post(reverse("admin:books_book_change", args=[book.pk]), form)
    assert answer.status_code == 302
    book.refresh_from_db()
    assert (book.title, book.automatic) == ("New", False)
    client.post(
        reverse("admin:books_book_changelist"), {"action": "set_automatic", "_selected_action": book.pk}
    )
    assert not Book.objects.filter(automatic=True).exists()


def test_only_administrators_see_tokens_people_and_schedules(as_role: RoleClient) -> None:
    client = as_role("Operator")
    for name in ("books_apitoken", "auth_user", "auth_group", "django_q_schedule"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403
    client.force_login(person("Administrator", "head"))
    for name in ("books_apitoken", "auth_user", "auth_group", "django_q_schedule", "admin_logentry"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_an_administrator_cannot_make_a_superuser_nor_change_one(as_role: RoleClient) -> None:
    client, owner = as_role("Administrator"), person("superuser", "owner")
    mine = person("Viewer", "colleague")
    form = {"username": "colleague", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(reverse("admin:auth_user_change", args=[mine.pk]), form)
    mine.refresh_from_db()
    assert not mine.is_superuser
    assert client.post(reverse("admin:auth_user_change", args=[owner.pk]), form).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[owner.pk]), {}).status_code == 403


def test_a_token_is_shown_once_and_kept_as_a_hash_only(boss: Client) -> None:
    made = boss.post(reverse("admin:books_apitoken_add"), {"name": "script", "scope": "read"})
    row = ApiToken.objects.get()
    shown = next(word for word in made.content.decode().split('"') if word.startswith("sb_"))
    assert ApiToken.digest(shown) == row.token_sha256
    assert "no-store" in made["Cache-Control"]
    assert not made.cookies.get("messages")
    addresses = [
        reverse("admin:books_apitoken_changelist"),
        reverse("admin:books_apitoken_change", args=[row.pk]),
    ]
    again = [boss.get(address) for address in addresses]
    assert all(shown not in page.content.decode() for page in again)
    assert (
        boss.post(reverse("admin:books_apitoken_add"), {"name": "script", "scope": "read"}).status_code == 200
    )
    assert ApiToken.objects.count() == 1


def test_a_revoked_token_opens_nothing(boss: Client) -> None:
    row, token = ApiToken.issue("script", "read")
    scripts = Client(headers={"authorization": f"Bearer {token}"})
    assert scripts.get("/api/books").status_code == 200
    boss.post(reverse("admin:books_apitoken_changelist"), {"action": "revoke", "_selected_action": row.pk})
    assert scripts.get("/api/books").status_code == 401


def test_a_colleague_who_is_added_with_a_role_can_log_in_and_work(as_role: RoleClient) -> None:
    administrator, address = as_role("Administrator"), reverse("admin:auth_user_add")
    form = administrator.get(address).context["adminform"].form
    assert form.initial["is_staff"] is True
    assert form.fields["groups"].label == "Roles"
    asked = {
        "username": "berta", "password1": PASSWORD, "password2": PASSWORD, "is_staff": "on",
        "groups": [str(Group.objects.get(name="Editor").pk)],
    }  # fmt: skip
    assert administrator.post(address, asked).status_code == 302
    berta, book = Client(), make_book(1)
    berta.post(reverse("admin:login"), {"username": "berta", "password": PASSWORD})
    page = berta.get(reverse("admin:books_book_change", args=[book.pk]))
    assert page.status_code == 200
    assert 'name="_save"' in page.content.decode()


def test_roles_and_single_permissions_are_changed_on_a_colleague_s_page(as_role: RoleClient) -> None:
    administrator, berta = as_role("Administrator"), person("Viewer", "berta")
    address = reverse("admin:auth_user_change", args=[berta.pk])
    page = administrator.get(address)
    assert page.status_code == 200
    asked = {
        "username": "berta", "is_active": "on", "is_staff": "on", "date_joined_0": "2026-11-23",
        "date_joined_1": "12:00", "groups": [str(Group.objects.get(name="Operator").pk)],
    }  # fmt: skip
    assert administrator.post(address, asked).status_code == 302
    assert [group.name for group in berta.groups.all()] == ["Operator"]
