"""The import page in a browser: previews and collections as people see them."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from books.models import Book
from tests.imports.test_admin import collection, queued, with_images
from tests.support.browser import chromium, context, log_in, person, serious, tab
from tests.support.origin import Answer, Origin
from tests.support.pages import printed

__all__ = ["chromium", "context", "tab"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(tab: Page, live_server: Any) -> Page:
    """The import page, open."""
    person("Editor")
    log_in(tab, live_server.url)
    tab.goto(live_server.url + reverse("admin:books_book_import"))
    return tab


def wrong(desk: Page) -> list[str]:
    wide = desk.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return serious(desk) + ([f"sticks out by {wide} px"] if wide > 0 else [])


def test_the_preview_shows_the_first_pages_before_anything_is_written(desk: Page, origin: Origin) -> None:
    origin.answers["/ars.json"] = Answer(with_images(origin))
    desk.get_by_label("Address of a IIIF manifest").fill(f"{origin.url}/ars.json")
    desk.get_by_role("button", name="Look at it").click()
    expect(desk.get_by_role("heading", name="Ars magna")).to_be_visible()
    for number in range(1, 7):
        picture = desk.get_by_role("img", name=f"Page {number}", exact=True)
        picture.scroll_into_view_if_needed()
        desk.wait_for_function(
            "image => image.complete && image.naturalHeight == 160", arg=picture.element_handle()
        )
    assert wrong(desk) == []
    assert not Book.objects.exists()


def test_several_images_are_dropped_in_at_once(desk: Page) -> None:
    files: list[Any] = [
        {"name": f"page{n}.jpg", "mimeType": "image/jpeg", "buffer": printed(n, 300, 400)} for n in (1, 2, 3)
    ]
    desk.get_by_label("or a file").set_input_files(files)
    desk.get_by_role("button", name="Look at it").click()
    desk.get_by_role("button", name="Import 3 pages").click()
    expect(desk.get_by_text("Imported page1: 3 pages.")).to_be_visible()


def test_manifests_of_a_collection_are_ticked_and_queued(desk: Page, origin: Origin) -> None:
    collection(origin)
    desk.get_by_label("Address of a IIIF manifest").fill(f"{origin.url}/inner.json")
    desk.get_by_role("button", name="Look at it").click()
    desk.get_by_label("Book 1").uncheck()
    assert wrong(desk) == []
    desk.get_by_role("button", name="Import them").click()
    expect(desk.get_by_text("2 manifests are imported in the background")).to_be_visible()
    assert wrong(desk) == []
    assert [args[0] for _, args in queued()] == [f"{origin.url}/{n}.json" for n in (0, 2)]
