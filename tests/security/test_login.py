"""The door: guessing is slowed down, a whole reading room is not locked out by one guest, cookies and headers hold."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django_q.models import Schedule
from pytest_django.fixtures import Settings

from sourcebatch.lib.address import client_address
from tests.support.browser import PASSWORD, person

ROOT = Path(__file__).resolve().parents[2]
ROOM = "192.0.2.7"


def log_in(name: str, password: str, address: str = ROOM, client: Client | None = None) -> Any:
    form = {"username": name, "password": password, "next": "/admin/"}
    return (client or Client()).post("/admin/login/", form, REMOTE_ADDR=address)


def guess(name: str, times: int, address: str = ROOM) -> Any:
    for turn in range(times):
        answer = log_in(name, f"guess {turn}", address)
    return answer


# --- Throttling ---


def test_guessing_ends_after_so_many_failures(db: None, settings: Settings) -> None:
    person(name="victim")
    assert guess("victim", settings.AXES_FAILURE_LIMIT - 1).status_code == 200
    locked = guess("victim", 1)
    assert locked.status_code == 429
    assert "15 minutes" in locked.content.decode()
    assert log_in("victim", PASSWORD).status_code == 429


def test_one_guest_does_not_lock_the_reading_room_out(db: None, settings: Settings) -> None:
    person(name="victim")
    person(name="colleague")
    guess("victim", settings.AXES_FAILURE_LIMIT)
    assert log_in("colleague", PASSWORD).status_code == 302
    assert log_in("victim", PASSWORD, "198.51.100.9").status_code == 302


def test_a_login_clears_what_was_counted(db: None, settings: Settings) -> None:
    person(name="victim")
    guess("victim", settings.AXES_FAILURE_LIMIT - 1)
    assert log_in("victim", PASSWORD).status_code == 302
    assert guess("victim", settings.AXES_FAILURE_LIMIT - 1).status_code == 200


def test_what_was_typed_as_a_password_is_kept_nowhere(db: None, caplog: pytest.LogCaptureFixture) -> None:
    person(name="victim")
    log_in("victim", "typed by mistake")
    from django.apps import apps

    rows = [str(list(model._default_manager.values())) for model in apps.get_app_config("axes").get_models()]
    assert "victim" in "".join(rows)
    assert "typed by mistake" not in "".join(rows) + caplog.text


@pytest.mark.parametrize(
    ("behind", "forwarded", "seen"),
    [
        (False, "203.0.113.5", "10.0.0.1"),  # without a proxy anybody could write that header
        (True, "203.0.113.5", "203.0.113.5"),
        (
            True,
            "6.6.6.6, 203.0.113.5",
            "203.0.113.5",
        ),  # what the visitor wrote stands before what the proxy saw
        (True, "", "10.0.0.1"),
        (True, "nonsense", "10.0.0.1"),
    ],
)
def test_behind_a_proxy_the_visitor_is_who_the_proxy_saw(
    settings: Settings, behind: bool, forwarded: str, seen: str
) -> None:
    settings.BEHIND_PROXY = behind
    request = HttpRequest()
    request.META |= {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(request) == seen


def test_behind_a_proxy_one_visitor_does_not_lock_the_others_out(db: None, settings: Settings) -> None:
    settings.BEHIND_PROXY = True
    person(name="victim")
    form = {"username": "victim", "password": "wrong", "next": "/admin/"}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = Client().post("/admin/login/", form, headers={"X-Forwarded-For": "203.0.113.5"})
    assert answer.status_code == 429
    right = form | {"password": PASSWORD}
    assert (
        Client().post("/admin/login/", right, headers={"X-Forwarded-For": "203.0.113.6"}).status_code == 302
    )


# --- Sessions ---


def test_a_session_ends_with_the_account_and_with_the_logout(db: None) -> None:
    user, client = person(name="leaver"), Client()
    log_in("leaver", PASSWORD, client=client)
    assert client.get("/admin/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/admin/").status_code == 302
    User.objects.filter(pk=user.pk).update(is_active=True)
    kept = client.cookies["sessionid"].value
    client.post("/admin/logout/")
    client.cookies["sessionid"] = kept
    assert client.get("/admin/").status_code == 302


def test_a_login_leads_to_no_other_site(db: None) -> None:
    person(name="victim")
    form = {"username": "victim", "password": PASSWORD, "next": "https://evil.example/"}
    answer: Any = Client().post("/admin/login/?next=https://evil.example/", form)
    assert "evil" not in answer["Location"]


# --- HTTPS ---


def run(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    given = {
        "SECRET_KEY": "0123456789-a-long-enough-secret-key-for-the-check-of-django",
        "GEMINI_API_KEY": "x",
    }
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={"PATH": "/usr/bin:/bin", **given, **env},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    done = run(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING",
        HTTPS="true", ALLOWED_HOSTS="books.example.org", DATA_DIR=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_with_https_cookies_are_secure_and_the_browser_stays_with_it(tmp_path: Path) -> None:
    # The signed names of styles and scripts come from where they were collected: a fresh checkout has not done so.
    script = (
        "import django; django.setup();"
        "from django.conf import settings; from django.core.management import call_command;"
        f"settings.STATIC_ROOT = {str(tmp_path / 'static')!r};"
        "call_command('collectstatic', verbosity=0, interactive=False);"
        "call_command('migrate', verbosity=0); from django.test import Client;"
        "c = Client(headers={'host': 'localhost'});"
        "plain, safe, up = c.get('/admin/login/'), c.get('/admin/login/', secure=True), c.get('/health');"
        "print(plain.status_code, plain['Location'], up.status_code);"
        "print(safe['Strict-Transport-Security'], '|', safe.cookies['csrftoken'].OutputString())"
    )
    done = run(
        "-c", script, DJANGO_SETTINGS_MODULE="sourcebatch.settings", HTTPS="true", DATA_DIR=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[-2:]
    assert first.split()[0] == "301"
    assert first.split()[1].startswith("https://")
    assert first.split()[2] in ("200", "503")
    assert "max-age=31536000" in second
    assert "Secure" in second
    assert "SameSite=Lax" in second


# --- Schedules run code ---


@pytest.fixture
def administrator(client: Client, db: None) -> Client:
    client.force_login(person("Administrator", "head"))
    return client


def test_an_administrator_changes_when_tasks_run_and_not_what_runs(administrator: Client) -> None:
    row = Schedule.objects.get(func="jobs.tasks.collect")
    address = reverse("admin:django_q_schedule_change", args=[row.pk])
    form = {
        "name": row.name, "func": "os.system", "args": "'id'", "kwargs": "x=1", "hook": "os.abort",
        "schedule_type": "I", "minutes": "30", "repeats": "-1", "next_run_0": "2030-01-01", "next_run_1": "00:00:00",
    }  # fmt: skip
    assert administrator.post(address, form).status_code == 302
    row.refresh_from_db()
    assert (row.func, row.minutes) == ("jobs.tasks.collect", 30)
    assert not row.args
    assert not row.hook


def test_nobody_adds_a_task_in_the_admin(administrator: Client) -> None:
    assert Permission.objects.filter(group__name="Administrator", codename="add_schedule").exists()
    form = {"name": "mine", "func": "os.system", "args": "'id'", "schedule_type": "O", "repeats": "-1"}
    before = Schedule.objects.count()
    assert administrator.post(reverse("admin:django_q_schedule_add"), form).status_code == 403
    assert Schedule.objects.count() == before
