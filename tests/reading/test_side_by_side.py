"""Several translations of a page beside each other, in the reading room and on the public page."""

from typing import Any

import pytest
from django.test import Client

from books import texts
from books.models import Book, Kind, Page
from books.texts import NewText
from tests.reading.conftest import write
from tests.reading.test_room import shown


@pytest.fixture
def leaf(book: Book) -> Page:
    """A page in English, German and Hebrew; the transcription has changed since the German one was made."""
    book.is_public = True
    book.save()
    page: Page = book.pages.get(number=2)
    old = write(page, "Arma virumque cano").text_sha256
    new = write(page, "Arma uirumque cano").text_sha256
    for code, data, made_from in (("en", "Arms", new), ("de", "Waffen", old), ("he", "נשק", new)):
        given: dict[str, Any] = {
            "target_language": code,
            "based_on": made_from,
            "model": "gemini-3.5-flash-lite",
        }
        texts.write(page, NewText(Kind.TRANSLATION, data, "machine", **given))
    return page


def test_other_languages_are_put_beside_and_taken_away_by_links(editor: Client, leaf: Page) -> None:
    html = shown(editor, leaf)
    assert "Waffen" not in html and 'href="?to=en&amp;beside=de"' in html
    both = shown(editor, leaf, "?to=en&beside=de&beside=he")
    assert "Arms" in both and "Waffen" in both and 'lang="he" dir="rtl"' in both
    assert 'href="?to=en&amp;beside=he"' in both and "without German" in both
    assert 'href="?to=de"' in both, "it can be made the one that is edited"
    assert both.count('data-form="translation"') == 1


def test_staleness_is_told_of_each_language(editor: Client, leaf: Page) -> None:
    part = shown(editor, leaf, "?to=en&beside=de&beside=he").split('<section class="beside-one"')
    assert [("Stale" in one.split("</h3>")[0]) for one in part[1:]] == [True, False]


def test_the_next_page_shows_the_same_languages(editor: Client, leaf: Page, book: Book) -> None:
    following = book.pages.get(number=3)
    assert f'href="/read/{following.pk}/?to=en&amp;beside=de"' in shown(editor, leaf, "?beside=de")
    assert f'href="/read/{following.pk}/"' in shown(editor, leaf)


def test_a_language_that_is_none_of_the_page_is_left_out(editor: Client, leaf: Page) -> None:
    assert "beside-one" not in shown(editor, leaf, "?beside=fr&beside=en&beside=%22%3E")


def test_the_public_chooses_which_are_shown(client: Client, leaf: Page, book: Book) -> None:
    address = f"/library/{book.pk}/2/"
    everything = client.get(address).content.decode()
    assert all(word in everything for word in ("Arms", "Waffen", "נשק"))
    two = client.get(address, {"to": ["en", "he"]}).content.decode()
    assert "Arms" in two and "נשק" in two and "Waffen" not in two
    assert f'href="/library/{book.pk}/3/?to=en&amp;to=he"' in two
    assert two.count("checked") == 2 and 'value="de">' in two
    assert "Waffen" in client.get(address, {"to": "xx"}).content.decode()
