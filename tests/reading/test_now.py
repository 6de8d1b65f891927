"""*OCR this page now* and *Translate now*, against the local stand-in for Gemini over real HTTP."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from books.models import Kind, Page, Source
from tests.reading.conftest import write
from tests.support.localgemini import LocalGemini


@pytest.fixture(autouse=True)
def at_the_stand_in(gemini: LocalGemini, settings: Any) -> None:
    settings.GEMINI_BASE_URL = gemini.url
    cache.clear()


def press(client: Client, page: Page, type_: str = "batch_ocr", **form: str) -> str:
    """Press the button and follow it back to the page."""
    answer = client.post(
        f"/read/{page.pk}/now/{type_}", {"version": "", "target_language": "", **form}, follow=True
    )
    assert answer.status_code == 200
    return answer.content.decode()


def test_one_click_reads_the_page_and_says_what_it_cost(operator: Client, page: Page) -> None:
    assert "OCR this page now" in operator.get(f"/read/{page.pk}/").content.decode()
    html = press(operator, page)
    text = page.current(Kind.OCR)
    assert text is not None and text.source == Source.MACHINE
    assert f"Done by {text.model} for $" in html
    page.refresh_from_db()
    assert text.image_sha256 == page.image_sha256 != ""


def test_the_button_is_not_there_without_the_permission_and_does_nothing(editor: Client, page: Page) -> None:
    assert "OCR this page now" not in editor.get(f"/read/{page.pk}/").content.decode()
    assert editor.post(f"/read/{page.pk}/now/batch_ocr").status_code == 403
    assert page.current(Kind.OCR) is None


def test_a_second_click_spends_nothing(operator: Client, page: Page) -> None:
    press(operator, page)
    text = page.current(Kind.OCR)
    assert "nothing was spent" in press(operator, page)
    assert page.current(Kind.OCR) == text


def test_a_click_while_another_is_under_way_is_told_so(operator: Client, page: Page) -> None:
    cache.set(f"process-now:{page.pk}:batch_ocr:", 1, 60)
    assert "being worked on already" in press(operator, page)
    assert page.current(Kind.OCR) is None


def test_i27_a_persons_text_is_replaced_only_when_the_box_is_ticked(operator: Client, page: Page) -> None:
    mine = write(page, "Arma virumque", source="human")
    assert "tick the box" in press(operator, page, version=mine.pk)
    assert page.current(Kind.OCR) == mine
    press(operator, page, version=mine.pk, replace="on")
    now = page.current(Kind.OCR)
    assert now is not None and now.source == Source.MACHINE
    mine.refresh_from_db()
    assert mine.data == "Arma virumque"


def test_it_translates_what_has_been_transcribed(operator: Client, page: Page) -> None:
    assert "Translate now" not in operator.get(f"/read/{page.pk}/").content.decode()
    source = write(page, "Arma virumque cano, Troiae qui primus ab oris Italiam fato profugus venit.")
    assert "Translate now" in operator.get(f"/read/{page.pk}/").content.decode()
    press(operator, page, "batch_translate", target_language="en")
    text = page.current(Kind.TRANSLATION, "en")
    assert text is not None and text.based_on == source.text_sha256


def test_what_goes_wrong_is_a_sentence_on_the_page(operator: Client, page: Page, settings: Any) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0.0
    html = press(operator, page)
    assert 'class="message error"' in html and "limit" in html
    assert page.current(Kind.OCR) is None


def test_an_unknown_kind_of_work_is_404(operator: Client, page: Page) -> None:
    assert operator.post(f"/read/{page.pk}/now/batch_poem").status_code == 404
