"""In a browser: a prompt is written, tried beside the one in use and put in use; a glossary makes pages old and new."""

import threading
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from books import texts
from books.models import Book, Kind
from books.texts import NewText
from jobs import tasks
from jobs.lifecycle.prompts import prompt_in_use
from jobs.models import Job, JobPage, PromptTrial
from tests.jobs.conftest import local
from tests.support.browser import NARROW, chromium, context, log_in, person, serious, tab
from tests.support.library import make_book
from tests.support.localgemini import LocalGemini, gemini, gemini_process

__all__ = ["chromium", "context", "gemini", "gemini_process", "local", "tab"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def url(live_server: Any) -> str:
    """Where the site is."""
    return str(live_server.url)


@pytest.fixture
def desk(tab: Page, url: str) -> Page:
    """Somebody who may do everything has just logged in."""
    person("superuser")
    log_in(tab, url)
    return tab


def in_a_worker(trial: PromptTrial) -> None:
    """The trial's calls, in a thread of their own: Playwright's loop runs in this one."""

    def work() -> None:
        tasks.try_prompt(trial.pk)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)


def test_a_prompt_is_written_tried_and_used(desk: Page, url: str, local: LocalGemini) -> None:
    make_book(4, title="Epigrammata Mori")
    desk.goto(f"{url}/admin/jobs/promptversion/add/?type=batch_ocr")
    box = desk.locator("textarea[name=text]")
    box.fill(box.input_value() + "\nMind the abbreviations.")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("batch_ocr/2 is kept. Try it on some pages")).to_be_visible()
    desk.get_by_label("Book:", exact=True).fill("epigrammata")
    desk.get_by_label("Or these pages").fill("1, 3")
    desk.get_by_role("button", name="Work out the price").click()
    expect(desk.get_by_text("for 2 pages, each made by both prompts at once")).to_be_visible()
    assert serious(desk) == []
    desk.get_by_role("button", name="Start, for about").dblclick()
    expect(desk.get_by_text("4 of 4 calls are still to be made or answered")).to_be_visible()
    expect(desk.get_by_role("button", name="Use batch_ocr/2 for new jobs")).to_be_disabled()
    in_a_worker(PromptTrial.objects.get())
    # The page looks again by itself.
    expect(desk.get_by_role("button", name="Use batch_ocr/2 for new jobs")).to_be_enabled()
    expect(desk.get_by_role("heading", name="batch_ocr/2").first).to_be_visible()
    assert serious(desk) == []
    desk.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    desk.get_by_role("button", name="Use batch_ocr/2 for new jobs").click()
    expect(desk.get_by_text("batch_ocr/2 is used for new jobs from now on.")).to_be_visible()
    assert prompt_in_use("batch_ocr").version == 2
    assert len(local.journal(paid=True)) == 4


def translated() -> Book:
    """Two pages, on one of which a term stands that the glossary does not know yet."""
    book = make_book(2, title="De ratione")
    for page, words in zip(book.pages.order_by("number"), ("De ratione et modo", "Nihil"), strict=True):
        source = texts.write(page, NewText(Kind.OCR, words, "machine")).text
        given: dict[str, Any] = {"target_language": "en", "based_on": source.text_sha256}
        texts.write(page, NewText(Kind.TRANSLATION, "On manner", "machine", **given))
    book.recount()
    return book


def test_a_term_makes_a_page_old_and_one_order_makes_it_new(desk: Page, url: str) -> None:
    book = translated()
    desk.goto(f"{url}/admin/books/book/{book.pk}/change/")
    desk.get_by_role("link", name="Glossary").click()
    desk.get_by_label("Terms:", exact=True).fill("ration* = reason | account")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("1 page was translated with other terms than it would be now.")).to_be_visible()
    assert serious(desk) == []
    desk.get_by_role("link", name="Translate them again").click()
    expect(desk.get_by_role("heading", name="1 page in 1 order")).to_be_visible()
    assert serious(desk) == []
    desk.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    desk.get_by_role("button", name="Create, for about").dblclick()
    expect(desk.get_by_text("Created 1 job:")).to_be_visible()
    assert Job.objects.count() == 1
    assert list(JobPage.objects.values_list("number", flat=True)) == [1]
