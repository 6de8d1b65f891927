"""Headless Chromium on the live server: `browser` fixtures, logging in, and axe's verdict on a page.

Playwright's sync API runs an event loop in the test's thread, so Django must be told that its ORM may be used there.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).with_name("axe") / "axe.min.js"
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
PASSWORD = "correct horse battery staple"


class _Shared:
    """The one browser of this process: modules that import the fixture below each have their own copy of it, and
    Playwright can be started only once in a thread."""

    users = 0
    stop: Callable[[], None]
    browser: Browser

    @classmethod
    def take(cls) -> Browser:
        if not cls.users:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
            playwright = sync_playwright().start()
            cls.stop = playwright.stop
            cls.browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        cls.users += 1
        return cls.browser

    @classmethod
    def give_back(cls) -> None:
        cls.users -= 1
        if not cls.users:
            cls.browser.close()
            cls.stop()
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a session."""
    yield _Shared.take()
    _Shared.give_back()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Fresh cookies and storage for each test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext) -> Page:
    """An empty tab."""
    return context.new_page()


def person(role: str = "Administrator", name: str = "librarian", **fields: Any) -> User:
    """A member of staff with one of the roles; the role `superuser` may do everything."""
    user: User = User.objects.create_user(name, password=PASSWORD, is_staff=True, **fields)
    if role == "superuser":
        user.is_superuser = True
        user.save()
    else:
        user.groups.add(Group.objects.get(name=role))
    return user


def log_in(tab: Page, url: str, name: str = "librarian", password: str = PASSWORD) -> None:
    """Through the login form of the admin at `url` (of the live server)."""
    tab.goto(f"{url}/admin/login/?next=/admin/")
    tab.fill("input[name=username]", name)
    tab.fill("input[name=password]", password)
    tab.click("button[type=submit]")
    tab.wait_for_url(f"{url}/admin/")


def serious(tab: Page) -> list[str]:
    """What axe finds on the page that is serious or critical: rule, how often, the first place."""
    tab.evaluate(AXE.read_text(encoding="utf-8") + "\n0;")
    found = tab.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(r => r.violations)"
    )
    return [
        f"{one['id']} x{len(one['nodes'])}: {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
