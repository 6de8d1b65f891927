"""What browsers are told with each answer: which scripts may run, who may frame us, what types things have."""

import time
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page as Tab

from sourcebatch.csp import policy_of
from tests.incidents.support import write_text
from tests.security.addresses import addresses
from tests.support.browser import chromium, context, log_in, person, tab
from tests.support.library import make_book, order_ocr

__all__ = ["chromium", "context", "tab"]
ROOMS = ["/library/", "/api/openapi.json", "/health", "/admin/login/", "/review/", "/nothing", "/api/nothing"]


def policy(path: str, client: Client | None = None) -> dict[str, list[str]]:
    header = (client or Client()).get(path)["Content-Security-Policy"]
    return {part.split()[0]: part.split()[1:] for part in header.split(";") if part.strip()}


@pytest.mark.parametrize("path", ROOMS)
def test_every_answer_has_its_headers(db: None, path: str) -> None:
    answer: Any = Client().get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "'none'" in policy(path)["frame-ancestors"]


@pytest.mark.parametrize("path", ["/library/", "/api/openapi.json", "/health", "/nothing", "/api/nothing"])
def test_what_strangers_see_runs_no_script_at_all(db: None, path: str) -> None:
    found = policy(path)
    assert found["default-src"] == ["'none'"]
    assert "script-src" not in found
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & {
        source for sources in found.values() for source in sources
    }


def test_no_room_allows_inline_scripts_and_only_the_admin_evaluates() -> None:
    for address in addresses():
        scripts = policy_of("/" + address.form).get("script-src", [])
        assert "'unsafe-inline'" not in scripts
        assert ("'unsafe-eval'" in scripts) == address.form.startswith("admin/")


def test_the_reading_room_runs_our_scripts_and_names_its_one_style(db: None, client: Client) -> None:
    client.force_login(person("Viewer"))
    first, second = (policy("/review/", client)["style-src"] for _ in range(2))
    assert first != second
    assert first[1].startswith("'nonce-")
    assert policy("/review/", client)["script-src"] == ["'self'"]
    assert first[1][7:-1] not in client.get("/review/").content.decode()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_no_page_asks_the_browser_for_what_its_policy_forbids(tab: Tab, live_server: Any) -> None:
    person("superuser")
    book = make_book(2, is_public=True)
    text = write_text(book.pages.get(number=1), "# Titulus\n\nArma *virumque* cano")
    job = order_ocr(make_book(1))
    said: list[str] = []
    tab.on("console", lambda message: said.append(f"{message.text[:200]} {message.location}"))
    tab.on("pageerror", lambda error: said.append(str(error)))
    log_in(tab, live_server.url)
    for path in (
        "/admin/", "/admin/books/book/", f"/admin/books/book/{book.pk}/change/", "/admin/books/page/",
        "/admin/jobs/job/", f"/admin/jobs/job/{job.pk}/change/", "/admin/books/book/import/",
        "/admin/django_q/schedule/1/change/", "/admin/auth/user/add/", "/review/", "/review/samples/",
        f"/read/{text.page_id}/", f"/read/{text.page_id}/?edit=ocr", f"/read/texts/{text.pk}/", "/library/",
        f"/library/{book.pk}/", f"/library/{book.pk}/1/",
    ):  # fmt: skip
        tab.goto(live_server.url + path, wait_until="networkidle")
    assert [one for one in said if "Content Security Policy" in one or "violates" in one] == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_an_inline_script_that_got_into_a_page_does_not_run(tab: Tab, live_server: Any) -> None:
    tab.goto(live_server.url + "/library/")
    tab.evaluate("document.body.innerHTML = '<img src=x onerror=\"window.ran = 1\">'")
    # Asked from outside: playwright's own waiting evaluates in the page, which the policy forbids.
    deadline = time.monotonic() + 20
    while not tab.evaluate("document.images[0].complete") and time.monotonic() < deadline:
        tab.wait_for_timeout(50)
    assert tab.evaluate("document.images[0].complete")
    assert tab.evaluate("window.ran || 0") == 0
