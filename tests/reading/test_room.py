"""The reading room without JavaScript: what it shows, and what the forms do."""

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client

from books import images, reading
from books.models import Book, Kind, Page, PageText, Source
from books.reading import Edit, Overtaken
from tests.reading.conftest import client_of, write
from tests.support.browser import person


def save(client: Client, page: Page, data: str, version: str = "", kind: str = "ocr", **more: str) -> Any:
    """Press *Save* in the form."""
    target = "en" if kind == Kind.TRANSLATION else ""
    form = {"kind": kind, "data": data, "version": version, "target_language": target, **more}
    return client.post(f"/read/{page.pk}/save", form)


def shown(client: Client, page: Page, query: str = "") -> str:
    """The page's HTML."""
    answer = client.get(f"/read/{page.pk}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_shows_scan_transcription_and_translation(editor: Client, page: Page) -> None:
    write(page, "Arma [[unclear: virumque]]")
    write(page, "# Of arms", Kind.TRANSLATION)
    html = shown(editor, page)
    assert f"/pages/{page.pk}/image?v=" in html
    assert 'lang="la" dir="ltr"' in html and 'lang="en" dir="ltr"' in html
    assert "tag-unclear" in html and "<h3>Of arms</h3>" in html
    assert "gemini-3.5-flash-lite" in html


def test_i55_a_script_in_a_text_is_shown_as_text_everywhere(editor: Client, page: Page) -> None:
    attack = "</textarea><script>alert(1)</script>"
    first = write(page, attack)
    write(page, attack + " again", flags=[{"rule": "loop", "reason": attack}])
    for html in (shown(editor, page, "?edit=ocr"), editor.get(f"/read/texts/{first.pk}/").content.decode()):
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html


def test_right_to_left_texts_are_marked_so(editor: Client, page: Page) -> None:
    Book.objects.filter(pk=page.book_id).update(language="he")
    assert 'lang="he" dir="rtl"' in shown(editor, page, "?edit=ocr")


@pytest.mark.parametrize("path", ["/read/{}/", "/review/", "/review/samples/"])
def test_strangers_are_sent_to_the_login(client: Client, page: Page, path: str) -> None:
    answer = client.get(path.format(page.pk))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_who_may_only_look_sees_no_form_and_cannot_save(viewer: Client, page: Page) -> None:
    text = write(page, "Arma")
    html = shown(viewer, page, "?edit=ocr")
    assert "<textarea" not in html and "Mark reviewed" not in html
    assert save(viewer, page, "Bella", text.pk).status_code == 403
    assert viewer.post(f"/read/texts/{text.pk}/reviewed").status_code == 403
    assert page.current(Kind.OCR) == text


def test_saving_keeps_a_new_version_by_that_person(editor: Client, page: Page) -> None:
    old = write(page, "Arma virumque")
    answer = save(editor, page, "Arma uirumque\r\ncano\r\n", old.pk)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"/read/{page.pk}/")
    new = page.current(Kind.OCR)
    assert new is not None
    assert (new.data, new.source, new.author) == ("Arma uirumque\ncano", Source.HUMAN, "anna")
    assert PageText.objects.filter(page=page).count() == 2
    entry = LogEntry.objects.get()
    assert "reading room" in entry.change_message and entry.object_id == page.pk


def test_save_and_next_opens_the_form_of_the_next_visible_page(
    editor: Client, book: Book, page: Page
) -> None:
    Page.objects.filter(book=book, number=2).update(hidden=True)
    answer = save(editor, page, "Arma", then="next")
    third = book.pages.get(number=3)
    assert answer["Location"].startswith(f"/read/{third.pk}/?edit=ocr")
    assert '<form class="edit"' in editor.get(answer["Location"]).content.decode()
    last = save(editor, third, "Bella", then="next")
    assert last["Location"].startswith(f"/read/{third.pk}/")


def test_saving_what_is_there_already_writes_nothing(editor: Client, page: Page) -> None:
    text = write(page, "Arma\n")
    save(editor, page, "Arma", text.pk)
    assert page.current(Kind.OCR) == text


def test_an_empty_text_is_refused_with_a_word_on_blank_pages(editor: Client, page: Page) -> None:
    text = write(page, "Arma")
    answer = editor.post(
        f"/read/{page.pk}/save",
        {"kind": "ocr", "data": " \n", "version": text.pk, "target_language": ""},
        follow=True,
    )
    assert "[[blank]]" in answer.content.decode()
    assert page.current(Kind.OCR) == text


def test_writing_blank_marks_the_page_as_blank_and_other_words_unmark_it(editor: Client, page: Page) -> None:
    save(editor, page, "[[blank]]")
    assert Page.objects.filter(pk=page.pk, blank=True).exists()
    current = page.current(Kind.OCR)
    assert current is not None
    save(editor, page, "Arma", current.pk)
    assert Page.objects.filter(pk=page.pk, blank=False, blank_overruled=True).exists()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "poem", "data": "x"},
        {"kind": "ocr", "data": "x", "target_language": "en"},
        {"kind": "translation", "data": "x"},
        {"kind": "translation", "data": "x", "target_language": "e" * 36},
    ],
)
def test_a_form_that_is_none_of_ours_is_a_clear_400(editor: Client, page: Page, form: dict[str, str]) -> None:
    answer = editor.post(f"/read/{page.pk}/save", form)
    assert answer.status_code == 400
    assert "open the page again" in answer.content.decode()


def test_characters_that_a_database_refuses_are_left_out(editor: Client, page: Page) -> None:
    save(editor, page, "Ar\x00ma")
    text = page.current(Kind.OCR)
    assert text is not None and text.data == "Arma"


def test_the_second_of_two_editors_is_told_and_keeps_their_text(editor: Client, page: Page) -> None:
    base = write(page, "Arma virumque cano")
    other = client_of(person("Editor", "bert"))
    save(editor, page, "Arma uirumque cano", base.pk)
    answer = save(other, page, "Arma virumque cano, Troiae", base.pk)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Arma virumque cano, Troiae</textarea>" in html
    assert "<del>" in html and "<ins>" in html and "anna" in html
    now = page.current(Kind.OCR)
    assert now is not None and now.data == "Arma uirumque cano"
    assert f'name="version" value="{now.pk}"' in html
    save(other, page, "Arma uirumque cano, Troiae", now.pk)
    assert list(PageText.objects.filter(page=page).order_by("id").values_list("data", flat=True)) == [
        "Arma virumque cano",
        "Arma uirumque cano",
        "Arma uirumque cano, Troiae",
    ]


def test_a_machine_that_was_faster_is_told_like_a_person(editor: Client, page: Page) -> None:
    base = write(page, "Arma")
    write(page, "Arma virumque")
    answer = save(editor, page, "Arma uirumque", base.pk)
    assert answer.status_code == 409
    assert "gemini-3.5-flash-lite" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_at_the_same_moment_one_is_first_and_all_others_are_told() -> None:
    from tests.support.library import make_book

    page = make_book(1).pages.get()
    base = write(page, "Arma")
    start, ends = threading.Barrier(6), []

    def one(number: int) -> None:
        start.wait()
        try:
            reading.save(page, Edit("ocr", f"Arma {number}", base.pk), author=f"editor {number}")
            ends.append("saved")
        except Overtaken:
            ends.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["saved", *["told"] * 5]
    assert PageText.objects.filter(page=page).count() == 2


def test_reviewing_and_dismissing_are_kept_with_the_person(editor: Client, page: Page) -> None:
    text = write(page, "Arma", flags=[{"rule": "loop", "reason": "It repeats itself."}])
    assert "It repeats itself." in shown(editor, page)
    editor.post(f"/read/texts/{text.pk}/dismiss")
    editor.post(f"/read/texts/{text.pk}/reviewed")
    text.refresh_from_db()
    assert text.reviewed_by == "anna" and not text.is_flagged
    assert text.flags[0]["dismissed_by"] == "anna"
    page.book.refresh_from_db()
    assert page.book.pages_flagged == 0
    assert "Reviewed by anna" in shown(editor, page)


@pytest.mark.parametrize("verb", ["reviewed", "dismiss", "fits"])
def test_nothing_is_done_to_a_version_that_is_not_current_any_more(
    editor: Client, page: Page, verb: str
) -> None:
    old = write(page, "Arma", flags=[{"rule": "loop", "reason": "x"}])
    write(page, "Bella")
    answer = editor.post(f"/read/texts/{old.pk}/{verb}", follow=True)
    assert "not the current one any more" in answer.content.decode()
    old.refresh_from_db()
    assert old.is_flagged and not old.reviewed_by


def test_an_older_version_can_be_compared_and_restored(editor: Client, page: Page) -> None:
    old = write(page, "Arma virumque", cost_micro_usd=1180)
    write(page, "Bella virumque")
    html = editor.get(f"/read/texts/{old.pk}/").content.decode()
    assert "<del>" in html and "$0.0012" in html
    editor.post(f"/read/texts/{old.pk}/restore")
    now = page.current(Kind.OCR)
    assert now is not None
    assert (now.data, now.author) == ("Arma virumque", "anna")
    assert PageText.objects.filter(page=page).count() == 3


def test_i26_a_translation_of_an_older_transcription_is_called_stale(editor: Client, page: Page) -> None:
    source = write(page, "Arma virumque")
    write(page, "Of arms", Kind.TRANSLATION, based_on=source.text_sha256)
    assert "has changed since this translation" not in shown(editor, page)
    save(editor, page, "Arma uirumque", source.pk)
    html = shown(editor, page)
    assert "has changed since this translation" in html
    assert "virumque" in html and "<ins>" in html
    translation = page.current(Kind.TRANSLATION, "en")
    assert translation is not None
    editor.post(f"/read/texts/{translation.pk}/fits")
    assert "has changed since this translation" not in shown(editor, page)


def test_correcting_a_stale_translation_leaves_it_stale_unless_it_is_said_to_fit(
    editor: Client, page: Page
) -> None:
    source = write(page, "Arma virumque")
    text = write(page, "Of arms", Kind.TRANSLATION, based_on=source.text_sha256)
    write(page, "Bella")
    save(editor, page, "Of arms, I sing", text.pk, "translation")
    assert "has changed since this translation" in shown(editor, page)
    text = page.current(Kind.TRANSLATION, "en") or text
    save(editor, page, "Of arms, I sing", text.pk, "translation", fits="on")
    assert "has changed since this translation" not in shown(editor, page)


def test_i40_it_warns_when_the_text_was_made_from_another_image(editor: Client, page: Page) -> None:
    real = images.load(page).sha256
    write(page, "Arma", image_sha256=real)
    assert "another image" not in shown(editor, page)
    write(page, "Arma virumque", image_sha256="a" * 64)
    html = shown(editor, page)
    assert "another image" in html and "aaaaaaaaaaaaaaaa" in html and real in html


def test_i40_a_stored_image_is_compared_and_told_of_on_the_first_visit(editor: Client, page: Page) -> None:
    write(page, "Arma", image_sha256="a" * 64)
    html = shown(editor, page)
    page.refresh_from_db()
    assert "another image" in html and page.image_sha256 in html and "800 × 1100 pixels" in html


@pytest.mark.parametrize(
    ("number", "found"),
    [("2", 2), ("", 1), ("99", None), ("x", None), ("-1", None), ("9" * 40, None), ("²", None)],
)
def test_it_goes_to_a_page_by_its_number(editor: Client, book: Book, number: str, found: int | None) -> None:
    here = book.pages.get(number=3)
    answer = editor.get(
        "/read/", {"book": book.pk, "number": number, "from": here.pk if found is None else ""}
    )
    expected = here if found is None else book.pages.get(number=found)
    assert answer["Location"] == f"/read/{expected.pk}/"


@pytest.mark.parametrize(
    "path",
    ["/read/nothing/", "/read/?book=nothing", "/read/texts/nothing/", "/pages/nothing/image", "/read/%00/"],
)
def test_what_does_not_exist_is_404(editor: Client, path: str) -> None:
    assert editor.get(path).status_code == 404


def test_a_page_of_a_book_without_pages_leads_back_to_the_book(editor: Client, db: None) -> None:
    book = Book.objects.create(title="Empty")
    answer = editor.get("/read/", {"book": book.pk})
    assert answer["Location"] == f"/admin/books/book/{book.pk}/change/"


def test_the_room_needs_few_queries_however_many_versions_there_are(
    editor: Client, page: Page, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        write(page, f"Arma {number}")
    with django_assert_max_num_queries(25):
        shown(editor, page)
