"""What somebody stumbles over who has never seen the program: each of these was stumbled over once."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from books.models import Book, Kind
from tests.reading.conftest import write
from tests.support.browser import NARROW, PASSWORD, WIDE, chromium, context, log_in, person, serious, tab
from tests.support.library import make_book, order_ocr
from tests.support.pages import printed

__all__ = ["chromium", "context", "tab"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def url(live_server: Any) -> str:
    """Where the site is."""
    return str(live_server.url)


@pytest.fixture
def desk(tab: Page, url: str) -> Page:
    """Somebody who may do everything and has just logged in."""
    person("superuser")
    log_in(tab, url)
    return tab


@pytest.fixture
def complaints(tab: Page) -> list[str]:
    """What the browser's console says that is wrong."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    tab.on("console", note)
    tab.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_one_logs_in_by_typing_at_once(tab: Page, url: str) -> None:
    person("Viewer")
    tab.goto(f"{url}/admin/")
    expect(tab.get_by_label("Username")).to_be_focused()
    tab.keyboard.type("librarian")
    tab.keyboard.press("Tab")
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{url}/admin/")


def test_one_key_leads_past_the_menu(desk: Page, url: str) -> None:
    desk.goto(url + reverse("admin:books_book_import"), wait_until="load")
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="Skip to the content")).to_be_focused()
    desk.keyboard.press("Enter")
    desk.keyboard.press("Tab")
    expect(desk.get_by_label("Address of a IIIF manifest")).to_be_focused()


def test_choosing_a_file_to_import_breaks_no_script(desk: Page, url: str, complaints: list[str]) -> None:
    desk.goto(url + reverse("admin:books_book_import"))
    image: Any = {"name": "page1.jpg", "mimeType": "image/jpeg", "buffer": printed(1, 300, 400)}
    desk.get_by_label("or a file").set_input_files([image])
    desk.get_by_role("button", name="Look at it").click()
    expect(desk.get_by_role("button", name="Import 1 page")).to_be_visible()
    assert complaints == []


def test_a_new_token_is_selected_when_it_is_reached_and_nothing_is_blocked(
    desk: Page, url: str, complaints: list[str]
) -> None:
    desk.goto(url + reverse("admin:books_apitoken_add"))
    desk.get_by_label("Name").fill("harvest")
    desk.get_by_role("button", name="Save", exact=True).click()
    field = desk.get_by_label("Token", exact=True)
    field.focus()
    chosen = desk.evaluate("getSelection().toString() || document.activeElement.value.slice("
                           "document.activeElement.selectionStart, document.activeElement.selectionEnd)")  # fmt: skip
    assert chosen == field.input_value() != ""
    assert complaints == []


CLEAN = [
    "admin:index", "admin:books_book_changelist", "admin:books_page_changelist", "admin:jobs_job_changelist",
    "admin:books_book_import", "admin:jobs_geminimodel_changelist", "admin:jobs_promptversion_add",
    "admin:admin_logentry_changelist", "admin:auth_user_changelist", "review-queue", "search", "statistics",
]  # fmt: skip


def test_no_page_complains_in_the_console(desk: Page, url: str, complaints: list[str]) -> None:
    book = make_book(2)
    job = order_ocr(book)
    own = [reverse("admin:books_book_change", args=[book.pk]), reverse("admin:books_book_history", args=[book.pk]),
           reverse("admin:jobs_job_change", args=[job.pk]), f"/read/?book={book.pk}"]  # fmt: skip
    found: dict[str, list[str]] = {}
    for path in [*(reverse(name) for name in CLEAN), *own]:
        desk.goto(url + path, wait_until="load")
        found[path] = list(complaints)
        complaints.clear()
    assert {path: said for path, said in found.items() if said} == {}


def test_the_whole_scan_stays_in_sight_until_somebody_moves_it(chromium: Browser, url: str) -> None:
    person("Editor", "anna")
    book = make_book(1)
    wide: Any = WIDE
    narrow: Any = NARROW
    # Waiting for a condition evaluates a string in the page, which its policy forbids.
    context = chromium.new_context(viewport=wide, locale="en-GB", bypass_csp=True)
    tab = context.new_page()
    log_in(tab, url, "anna")
    tab.goto(f"{url}/read/?book={book.pk}&number=1")
    tab.wait_for_selector("#scan[data-open]")
    assert whole(tab)
    tab.set_viewport_size(narrow)
    tab.wait_for_function("readingScan.viewport.getContainerSize().x === innerWidth")
    tab.wait_for_function(f"({WHOLE})()")
    tab.locator("[data-scan=in]").click()
    tab.wait_for_function(f"!({WHOLE})()")
    context.close()


WHOLE = """() => {
    const view = readingScan.viewport.getBounds(true), high = 1 / readingScan.source.aspectRatio, a = 0.001;
    return view.x <= a && view.y <= a && view.x + view.width >= 1 - a && view.y + view.height >= high - a;
}"""


def whole(tab: Page) -> bool:
    """Whether every corner of the scan is in sight."""
    return bool(tab.evaluate(f"({WHOLE})()"))


def test_a_page_in_a_job_is_not_offered_to_be_done_at_once(desk: Page, url: str) -> None:
    book = make_book(1)
    job = order_ocr(book)
    desk.goto(f"{url}/read/?book={book.pk}&number=1")
    expect(desk.get_by_text("a job that is under way has this page")).to_be_visible()
    expect(desk.get_by_role("button", name="OCR this page now")).to_have_count(0)
    desk.locator(".now a").click()
    expect(desk).to_have_url(url + reverse("admin:jobs_job_change", args=[job.pk]))


def test_several_orders_lead_to_the_list_of_their_jobs(desk: Page, url: str) -> None:
    order_ocr(make_book(1, title="Another"))
    for title in ("Dürer one", "Dürer two"):
        make_book(1, title=title)
    desk.goto(url + reverse("admin:books_book_changelist") + "?q=durer")
    desk.locator("#action-toggle").check()
    desk.get_by_label("Select action to run").select_option("order_batch_ocr")
    desk.get_by_role("button", name="Run").click()
    desk.get_by_role("button", name="Create, for about").click()
    expect(desk.get_by_text("Created 2 jobs:")).to_be_visible()
    expect(desk.locator("#result_list tbody tr")).to_have_count(2)


def test_nothing_left_to_do_is_said_in_words(desk: Page, url: str) -> None:
    book = make_book(1)
    write(book.pages.get(), "Arma")
    desk.goto(url + reverse("admin:books_book_change", args=[book.pk]))
    desk.get_by_role("button", name="Create OCR job").click()
    expect(desk.get_by_role("heading", name="Nothing is left to do")).to_be_visible()
    expect(desk.get_by_role("button", name="Create, for about")).to_have_count(0)
    assert serious(desk) == []


def test_a_book_s_history_tells_of_jobs_and_texts(desk: Page, url: str) -> None:
    book = make_book(2)
    order_ocr(book)
    write(book.pages.get(number=1), "Arma", source="human", author="anna")
    desk.goto(url + reverse("admin:books_book_change", args=[book.pk]))
    desk.get_by_role("link", name="history History").click()
    expect(desk.get_by_text("Created: 2 pages, 0 left out")).to_be_visible()
    expect(desk.get_by_text("Transcription written: 1 page: 1")).to_be_visible()
    assert serious(desk) == []


@pytest.fixture
def public(db: None) -> Book:
    """A public book with a text on its second page."""
    book = make_book(2, is_public=True)
    write(book.pages.get(number=2), "Arma virumque cano")
    write(book.pages.get(number=2), "Of arms and the man", Kind.TRANSLATION)
    return book


@pytest.fixture(params=[("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)], ids=str)
def reader(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A reader who is nobody's colleague, with any window and any taste; no script runs for them."""
    theme, size = request.param
    context = chromium.new_context(viewport=size, color_scheme=theme, locale="en-GB", bypass_csp=True)
    yield context.new_page()
    context.close()


def test_readers_find_words_in_a_public_book_by_the_keyboard(reader: Page, url: str, public: Book) -> None:
    reader.goto(f"{url}/library/{public.pk}/")
    reader.get_by_role("searchbox").focus()
    reader.keyboard.type("VIRVMQVE")
    reader.keyboard.press("Enter")
    expect(reader.locator("mark")).to_have_text("virumque")
    assert problems(reader) == []
    reader.get_by_role("link", name="Page 2").focus()
    reader.keyboard.press("Enter")
    expect(reader.get_by_role("heading", name="“VIRVMQVE” on this page")).to_be_visible()
    expect(reader.locator(".places mark")).to_have_text("virumque")
    assert problems(reader) == []


def problems(tab: Page) -> list[str]:
    wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return serious(tab) + ([f"sticks out by {wide} px"] if wide > 0 else [])
