"""The reading room, review and public pages in a browser: by keyboard, on a telephone, without JavaScript."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from books.models import Book, Kind
from tests.reading.conftest import write
from tests.support.browser import NARROW, WIDE, chromium, context, log_in, person, serious, tab
from tests.support.library import make_book
from tests.support.origin import Answer, Origin, origin

__all__ = ["chromium", "context", "origin", "tab"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def book() -> Book:
    """Three pages with texts; the second is flagged, the translation of the third is stale."""
    book = make_book(3)
    for page in book.pages.order_by("number"):
        text = write(page, f"Arma virumque [[unclear: cano]] {page.number} [[margin: nota]]")
        write(page, f"Of arms and the man, {page.number}", Kind.TRANSLATION, based_on=text.text_sha256)
    second, third = book.pages.get(number=2), book.pages.get(number=3)
    write(second, "et et et et", flags=[{"rule": "loop", "reason": "It repeats itself."}])
    write(third, "Bella virumque")
    return book


@pytest.fixture
def url(live_server: Any) -> str:
    """Where the site is."""
    return str(live_server.url)


@pytest.fixture
def room(tab: Page, url: str, book: Book) -> Page:
    """An editor in the reading room, at the first page, with the scan open."""
    person("Editor", "anna")
    log_in(tab, url, "anna")
    open_page(tab, url, book, 1)
    return tab


def open_page(tab: Page, url: str, book: Book, number: int) -> None:
    tab.goto(f"{url}/read/?book={book.pk}&number={number}")
    tab.wait_for_selector("#scan[data-open]", state="attached")


def at_page(tab: Page, number: int) -> None:
    expect(tab.locator("#number")).to_have_value(str(number))


def test_a_page_is_corrected_and_reviewed_by_the_keyboard_alone(room: Page, book: Book) -> None:
    room.keyboard.press("e")
    expect(room.locator("#data-ocr")).to_be_focused()
    room.keyboard.press("Control+Home")
    room.keyboard.type("EGO ")
    room.keyboard.press("Control+Enter")
    at_page(room, 2)
    expect(room.locator("#data-ocr")).to_be_focused()
    room.keyboard.press("Escape")
    room.keyboard.press("p")
    at_page(room, 1)
    expect(room.locator("#pane-ocr .page-text")).to_contain_text("EGO Arma")
    room.keyboard.press("r")
    expect(room.locator("#pane-ocr")).to_contain_text("Reviewed by anna")
    room.keyboard.press("g")
    room.keyboard.type("3")
    room.keyboard.press("Enter")
    at_page(room, 3)
    text = book.pages.get(number=1).current(Kind.OCR)
    assert text is not None and text.author == "anna" and text.reviewed_by == "anna"


def test_the_list_of_shortcuts_opens_closes_and_can_turn_them_off(room: Page) -> None:
    room.keyboard.press("?")
    expect(room.locator("#keys")).to_be_visible()
    room.locator("#keys-on").uncheck()
    room.keyboard.press("Escape")
    expect(room.locator("#keys")).to_be_hidden()
    room.keyboard.press("n")
    room.keyboard.press("?")
    expect(room.locator("#keys")).to_be_hidden()
    at_page(room, 1)


def test_letters_typed_into_a_text_are_letters(room: Page) -> None:
    room.keyboard.press("e")
    room.keyboard.type("n?ro")
    at_page(room, 1)
    expect(room.locator("#keys")).to_be_hidden()
    expect(room.locator("#data-ocr")).to_have_value(re.compile("n[?]ro"))


def test_the_scan_zooms_and_turns_and_stays_so_after_saving(room: Page) -> None:
    state = "[readingScan.viewport.getZoom(), readingScan.viewport.getRotation()]"
    before = room.evaluate(state)
    room.keyboard.press("+")
    room.keyboard.press("o")
    room.wait_for_function(f"{state}[1] === 90 && {state}[0] > {before[0]} * 1.2")
    room.wait_for_function(
        "JSON.parse(sessionStorage['reading-view:' + JSON.parse(viewer.textContent).page] || '[]')[4] === 90"
    )
    room.reload()
    room.wait_for_selector("#scan[data-open]")
    assert room.evaluate(state)[1] == 90
    room.keyboard.press("0")
    room.wait_for_function(f"{state}[1] === 0")


def test_a_border_stays_where_it_was_put_by_mouse_or_keys(room: Page, url: str, book: Book) -> None:
    divider, pane = room.locator(".divider").first, room.locator("#pane-scan")
    box, width = divider.bounding_box(), pane.bounding_box()
    assert box and width
    room.mouse.move(box["x"] + 4, box["y"] + 100)
    room.mouse.down()
    room.mouse.move(box["x"] + 204, box["y"] + 100, steps=4)
    room.mouse.up()
    moved = pane.bounding_box()
    assert moved and abs(moved["width"] - width["width"] - 200) < 12
    divider.focus()
    room.keyboard.press("ArrowLeft")
    open_page(room, url, book, 2)
    kept = room.locator("#pane-scan").bounding_box()
    assert kept and 10 < moved["width"] - kept["width"] < 45


def test_a_draft_survives_a_closed_tab_and_is_forgotten_once_saved(
    room: Page, context: BrowserContext, url: str, book: Book
) -> None:
    room.keyboard.press("e")
    room.locator("#data-ocr").fill("a draft")
    expect(room.locator("[data-form=ocr] [data-kept]")).to_have_text("Draft kept in this browser")
    room.close()
    tab = context.new_page()
    open_page(tab, url, book, 1)
    tab.locator("[data-draft=ocr] [data-take]").click()
    expect(tab.locator("#data-ocr")).to_have_value("a draft")
    tab.keyboard.press("Control+s")
    expect(tab.locator("#pane-ocr .page-text")).to_have_text("a draft")
    tab.wait_for_function("Object.keys(localStorage).every(key => !key.startsWith('draft:'))")
    tab.reload()
    expect(tab.locator("[data-draft=ocr]")).to_be_hidden()


def test_the_second_of_two_editors_sees_both_versions_and_loses_nothing(
    room: Page, chromium: Browser, url: str, book: Book
) -> None:
    person("Editor", "bert")
    other = chromium.new_context().new_page()
    log_in(other, url, "bert")
    open_page(other, url, book, 1)
    for who, text in ((room, "Arma by Anna"), (other, "Arma by Bert")):
        who.keyboard.press("e")
        who.locator("#data-ocr").fill(text)
    room.keyboard.press("Control+s")
    expect(room.locator("#pane-ocr .page-text")).to_have_text("Arma by Anna")
    other.keyboard.press("Control+s")
    expect(other.get_by_role("heading", level=1)).to_have_text("Somebody else was faster")
    expect(other.locator("textarea")).to_have_value("Arma by Bert")
    expect(other.locator(".diff ins")).to_contain_text("Bert")
    assert serious(other) == []
    other.get_by_role("button", name="Save mine over theirs").click()
    expect(other.locator("#pane-ocr .page-text")).to_have_text("Arma by Bert")
    other.context.close()
    assert book.pages.get(number=1).texts.filter(kind=Kind.OCR).count() == 3


def test_a_double_click_on_save_saves_once(room: Page, book: Book) -> None:
    room.keyboard.press("e")
    room.locator("#data-ocr").fill("Arma twice")
    room.get_by_role("button", name="Save", exact=True).dblclick()
    expect(room.locator("#pane-ocr .page-text")).to_have_text("Arma twice")
    assert book.pages.get(number=1).texts.filter(kind=Kind.OCR).count() == 2


def test_an_image_that_cannot_be_had_is_explained(room: Page, url: str, book: Book) -> None:
    page = book.pages.get(number=2)
    page.image_file = "tests/lost.jpg"
    page.save()
    room.goto(f"{url}/read/{page.pk}/")
    expect(room.locator("#scan-error")).to_contain_text("upload it again")


def at_the_library(book: Book, origin: Origin) -> str:
    """The third page has an image service and a plain image at a library; its path."""
    page = book.pages.get(number=3)
    page.image_file, page.image_url = "", origin.page(3)
    page.service = {"id": f"{origin.url}/iiif/3", "version": 2, "level": 2}
    page.save()
    return f"/read/{page.pk}/"


def test_the_librarys_image_service_gives_the_scan_in_tiles(
    room: Page, url: str, book: Book, origin: Origin
) -> None:
    told = {
        "@context": "http://iiif.io/api/image/2/context.json", "@id": f"{origin.url}/iiif/3",
        "protocol": "http://iiif.io/api/image", "width": 4000, "height": 6000,
        "tiles": [{"width": 512, "scaleFactors": [1, 2, 4, 8]}], "profile": ["http://iiif.io/api/image/2/level2.json"],
    }  # fmt: skip
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
    origin.answers["/iiif/3/info.json"] = Answer(json.dumps(told).encode(), headers=headers)
    with room.expect_request(re.compile("/iiif/3/.*/default.jpg")):
        room.goto(url + at_the_library(book, origin))
    assert room.evaluate("readingScan.world.getItemAt(0).getContentSize().x") == 4000


def test_where_the_image_service_fails_the_plain_image_is_shown(
    room: Page, url: str, book: Book, origin: Origin
) -> None:
    room.goto(url + at_the_library(book, origin))
    room.wait_for_selector("#scan[data-open]")
    room.wait_for_function("readingScan.world.getItemAt(0).getContentSize().x === 800")
    expect(room.locator("#scan-error")).to_be_hidden()


def test_on_a_telephone_one_column_is_shown_at_a_time(room: Page) -> None:
    room.set_viewport_size({"width": 390, "height": 844})
    expect(room.locator("#pane-ocr")).to_be_hidden()
    room.get_by_role("button", name="Transcription").click()
    expect(room.locator("#pane-ocr")).to_be_visible()
    expect(room.locator("#pane-scan")).to_be_hidden()
    assert room.evaluate("document.documentElement.scrollWidth") == 390


@pytest.fixture
def without_script(chromium: Browser) -> Iterator[Page]:
    """A tab in which no script runs."""
    context = chromium.new_context(java_script_enabled=False, viewport=WIDE)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_it_all_works_without_javascript(without_script: Page, url: str, book: Book) -> None:
    tab = without_script
    person("Editor", "anna")
    log_in(tab, url, "anna")
    tab.goto(f"{url}/read/?book={book.pk}&number=1")
    expect(tab.locator("#scan img")).to_be_visible()
    tab.locator("#pane-ocr .js-edit").click()
    tab.locator("#data-ocr").fill("without a script")
    tab.get_by_role("button", name="Save and next").click()
    at_page(tab, 2)
    tab.locator("#previous").click()
    expect(tab.locator("#pane-ocr .page-text")).to_have_text("without a script")
    tab.locator("#pane-ocr .versions summary").click()
    tab.get_by_role("link", name="Compare with the current one").click()
    tab.get_by_role("button", name="Restore this version").click()
    expect(tab.locator("#pane-ocr .page-text")).to_contain_text("Arma virumque")


def test_a_sample_is_drawn_and_judged(room: Page, url: str, book: Book) -> None:
    room.goto(f"{url}/review/")
    expect(room.locator(".suspect")).to_have_count(1)
    room.get_by_role("link", name="Random samples").click()
    room.locator("select[name=book]").select_option(book.pk)
    room.get_by_role("button", name="Draw a sample").click()
    for name in ("Wrong", "Right", "Right"):
        room.get_by_role("button", name=name).click()
    expect(room.locator("main")).to_contain_text("All pages of this sample have been judged.")
    expect(room.locator(".figures")).to_contain_text("6.1 % – 79.2 %")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious_on_any_of_these_screens(
    room: Page, url: str, book: Book, size: dict[str, int], scheme: Any
) -> None:
    Book.objects.filter(pk=book.pk).update(is_public=True)
    pages = {page.number: page for page in book.pages.all()}
    old = pages[2].texts.filter(is_current=False, kind=Kind.OCR).get()
    room.set_viewport_size(size)  # type: ignore[arg-type]
    room.emulate_media(color_scheme=scheme)
    rooms = ((1, ""), (1, "ocr"), (2, ""), (3, "translation"))
    paths = [
        *(f"/read/{pages[number].pk}/?edit={edit}" for number, edit in rooms),
        f"/read/texts/{old.pk}/", "/review/", "/review/samples/",
        "/library/", f"/library/{book.pk}/", f"/library/{book.pk}/3/",
    ]  # fmt: skip
    found = {}
    for path in paths:
        room.goto(url + path)
        if problems := serious(room):
            found[path] = problems
        assert room.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    assert found == {}
