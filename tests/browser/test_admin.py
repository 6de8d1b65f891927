"""The admin in a browser: the whole story of a book, by mouse, by keyboard, on a telephone, without JavaScript."""

import json
import threading
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from books.models import Book
from jobs import lifecycle
from jobs.models import Job
from tests.admin.test_import_page import manifest
from tests.jobs.conftest import local
from tests.support.browser import NARROW, WIDE, chromium, context, log_in, person, serious, tab
from tests.support.library import TESTER, make_book, order_ocr
from tests.support.localgemini import LocalGemini, gemini, gemini_process
from tests.support.origin import Answer, Origin, origin

__all__ = ["chromium", "context", "gemini", "gemini_process", "local", "origin", "tab"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def url(live_server: Any) -> str:
    """Where the site is."""
    return str(live_server.url)


@pytest.fixture
def desk(tab: Page, url: str) -> Page:
    """An operator who has just logged in."""
    person("Operator")
    log_in(tab, url)
    return tab


def advance(job: Job) -> None:
    """One step of the worker, in a thread of its own: Playwright's loop runs in this one."""

    def step() -> None:
        lifecycle.advance(job.pk, TESTER)
        connection.close()

    thread = threading.Thread(target=step)
    thread.start()
    thread.join(30)


def run_to_the_end(job: Job, gemini: LocalGemini) -> None:
    for _ in range(30):
        advance(job)
        job.refresh_from_db()
        if job.is_ended:
            return
        gemini.wait_until_done()
    raise AssertionError(f"{job} did not end: {job.status}, {job.waiting_for}")


class Clicks:
    """Counts what a hand does; typing and pasting are not clicks."""

    def __init__(self, tab: Page) -> None:
        self.tab, self.count = tab, 0

    def on(self, role: Any, name: str) -> None:
        self.count += 1
        self.tab.get_by_role(role, name=name).first.click()


def with_real_images(origin: Origin, pages: int) -> bytes:
    """A manifest whose images the origin really has."""
    found = json.loads(manifest(pages))
    for number, canvas in enumerate(found["sequences"][0]["canvases"], 1):
        canvas["images"][0]["resource"]["@id"] = origin.page(number)
    return json.dumps(found).encode()


def test_from_a_manifests_address_to_a_finished_job_in_six_clicks(
    desk: Page, url: str, origin: Origin, local: LocalGemini
) -> None:
    origin.answers["/manifest.json"] = Answer(
        with_real_images(origin, 2), headers={"Content-Type": "application/json"}
    )
    clicks = Clicks(desk)
    clicks.on("link", "Import a book")
    desk.get_by_label("Address of a IIIF manifest").fill(f"{origin.url}/manifest.json")
    clicks.on("button", "Look at it")
    clicks.on("button", "Import 2 pages")
    clicks.on("button", "Create OCR job")
    clicks.on("button", "Create, for about")
    expect(desk.get_by_text("Created 1 job:")).to_be_visible()
    job = Job.objects.get()
    assert clicks.count <= 6
    # The order leads to its job by itself.
    expect(desk).to_have_url(f"{url}{reverse('admin:jobs_job_change', args=[job.pk])}")
    expect(desk.locator("#job-live")).to_contain_text("Pending")
    run_to_the_end(job, local)
    expect(desk.locator("#job-live")).to_contain_text("Completed", timeout=20_000)
    assert job.progress["completed"] == 2


def test_progress_moves_without_a_reload_and_the_buttons_follow(
    desk: Page, url: str, local: LocalGemini
) -> None:
    job = order_ocr(make_book(2))
    desk.goto(f"{url}{reverse('admin:jobs_job_change', args=[job.pk])}")
    desk.evaluate("window.sameDocument = true")
    expect(desk.get_by_role("button", name="Pause")).to_be_enabled()
    run_to_the_end(job, local)
    expect(desk.get_by_role("button", name="Pause")).to_be_disabled(timeout=20_000)
    expect(desk.locator("#job-live")).to_contain_text("Completed")
    expect(desk.locator("#job-ledger tbody").get_by_text("Succeeded")).to_have_count(2)
    expect(desk.locator("#job-events")).to_contain_text("Finished")
    expect(desk.locator("#job-facts")).not_to_contain_text("not known yet")
    assert desk.evaluate("window.sameDocument") is True
    desk.locator("#job-live").get_by_role("link", name="Read").click()
    expect(desk.get_by_role("heading", name="Transcription")).to_be_visible()


def test_a_double_click_on_the_last_button_orders_once(desk: Page, url: str) -> None:
    book = make_book(2)
    desk.goto(f"{url}{reverse('admin:books_book_change', args=[book.pk])}")
    desk.get_by_role("button", name="Create OCR job").click()
    desk.get_by_role("button", name="Create, for about").dblclick()
    expect(desk.get_by_text("Created 1 job:")).to_be_visible()
    assert Job.objects.count() == 1


def test_reloading_the_page_after_an_order_orders_nothing(desk: Page, url: str) -> None:
    book = make_book(1)
    desk.goto(f"{url}{reverse('admin:books_book_change', args=[book.pk])}")
    desk.get_by_role("button", name="Create OCR job").click()
    desk.get_by_role("button", name="Create, for about").click()
    expect(desk.get_by_text("Created 1 job:")).to_be_visible()
    desk.reload()
    assert Job.objects.count() == 1


def test_all_books_of_a_filter_are_ordered_with_the_list_s_own_select_all(desk: Page, url: str) -> None:
    Book.objects.bulk_create(Book(title=f"Full {n}", pages_count=4) for n in range(60))
    desk.goto(f"{url}{reverse('admin:books_book_changelist')}?q=Full")
    desk.locator("#action-toggle").check()
    desk.get_by_role("link", name="Select all 60 books").click()
    desk.get_by_label("Select action to run").select_option("order_batch_ocr")
    desk.get_by_role("button", name="Run").click()
    expect(desk.get_by_role("heading", name="240 pages of 60 books")).to_be_visible()


def test_without_javascript_the_pages_are_there_and_the_verbs_work(chromium: Browser, url: str) -> None:
    person("Operator")
    job = order_ocr(make_book(2))
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    log_in(tab, url)
    tab.goto(f"{url}{reverse('admin:jobs_job_change', args=[job.pk])}")
    expect(tab.locator("#job-live")).to_contain_text("Pending")
    tab.get_by_role("button", name="Pause").click()
    expect(tab.locator("#job-live")).to_contain_text("Paused")
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.get_by_text("2 pages are given up.")).to_be_visible()
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.locator("#job-live")).to_contain_text("Cancelled")
    tab.goto(f"{url}{reverse('admin:books_book_change', args=[job.book_id])}")
    tab.get_by_role("button", name="Create OCR job").click()
    tab.get_by_role("button", name="Create, for about").click()
    expect(tab.get_by_text("Created 1 job:")).to_be_visible()
    context.close()


def test_a_raw_answer_is_fetched_when_it_is_opened_and_is_only_text(desk: Page, url: str) -> None:
    job = order_ocr(make_book(1))
    job.ledger.update(
        state="failed", is_open=False, reason="safety", answer="<img src=x onerror='window.bad=1'>"
    )
    desk.goto(f"{url}{reverse('admin:jobs_job_change', args=[job.pk])}?state=failed")
    desk.get_by_text("Raw answer").click()
    expect(desk.locator(".sb-answer pre")).to_contain_text("<img src=x")
    assert desk.evaluate("window.bad") is None


def test_a_job_can_be_cancelled_by_the_keyboard_alone(desk: Page, url: str) -> None:
    job = order_ocr(make_book(1))
    desk.goto(f"{url}{reverse('admin:jobs_job_change', args=[job.pk])}")
    tab_to(desk, "Cancel")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("1 page is given up.")).to_be_visible()
    tab_to(desk, "Cancel")
    desk.keyboard.press("Enter")
    expect(desk.locator("#job-live")).to_contain_text("Cancelled")


def test_the_filters_of_a_list_open_by_the_keyboard(desk: Page, url: str) -> None:
    make_book(1)
    desk.goto(f"{url}{reverse('admin:books_book_changelist')}")
    tab_to(desk, "Filters")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Needs OCR?")).to_be_visible()


def tab_to(tab: Page, name: str, most: int = 120) -> None:
    """Press Tab until what has the focus begins with this text."""
    for _ in range(most):
        tab.keyboard.press("Tab")
        if (
            tab.evaluate("document.activeElement.innerText || ''")
            .replace("cancel", "")
            .strip()
            .startswith(name)
        ):
            return
    raise AssertionError(f"The keyboard does not reach {name!r}.")


ROOMS = [
    "admin:index", "admin:books_book_changelist", "admin:books_page_changelist", "admin:jobs_job_changelist",
    "admin:books_book_import", "book", "history", "job", "failed", "order", "export", "filters", "ticked",
    "admin:jobs_geminimodel_changelist",
    "admin:jobs_promptversion_add", "admin:books_apitoken_add", "admin:auth_user_changelist",
    "admin:django_q_schedule_changelist", "admin:admin_logentry_changelist",
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1400", "390"])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(
    chromium: Browser, url: str, theme: Any, size: Any
) -> None:
    person("superuser")
    job = order_ocr(make_book(3))
    job.ledger.filter(number=1).update(
        state="failed", is_open=False, reason="safety", error="Refused.", answer="{}"
    )
    context: BrowserContext = chromium.new_context(viewport=size, color_scheme=theme, locale="en-GB")
    tab = context.new_page()
    log_in(tab, url)
    found = {room: look_at(tab, url, room, job) for room in ROOMS}
    context.close()
    assert {room: wrong for room, wrong in found.items() if wrong} == {}


def look_at(tab: Page, url: str, room: str, job: Job) -> list[str]:
    """Everything wrong with one room."""
    own = {
        "book": reverse("admin:books_book_change", args=[job.book_id]),
        "history": reverse("admin:books_book_history", args=[job.book_id]),
        "job": reverse("admin:jobs_job_change", args=[job.pk]),
        "failed": reverse("admin:jobs_job_change", args=[job.pk]) + "?state=failed",
        "order": reverse("admin:books_book_change", args=[job.book_id]),
        "export": reverse("admin:books_book_change", args=[job.book_id]),
        "filters": reverse("admin:books_book_changelist"),
        "ticked": reverse("admin:books_book_changelist"),
    }
    tab.goto(url + (own.get(room) or reverse(room)))
    if room == "order":
        tab.get_by_role("button", name="Create translation job").click()
        expect(tab.get_by_role("heading", name="Choices")).to_be_visible()
    if room == "filters":
        tab.get_by_role("button", name="Filters").first.click()
        tab.wait_for_selector("#changelist-filter h3")
    if room == "ticked":
        tab.locator("input.action-select").first.check()
        tab.get_by_label("Select action to run").wait_for()
    if room == "export":
        tab.get_by_role("button", name="Export").click()
        expect(tab.get_by_role("button", name="Download")).to_be_visible()
    wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return serious(tab) + ([f"sticks out by {wide} px"] if wide > 0 else [])
