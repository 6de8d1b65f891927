"""I20 to I25: what a model answers is judged before it is kept; what cannot be worked on is not sent."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from books.models import Book, Page, PageText
from jobs import lifecycle
from jobs.lifecycle import NewJob, NothingToDo
from tests.incidents.support import (
    TESTER,
    assert_books_balance,
    ledger,
    make_book,
    order_ocr,
    read_book,
    row,
    run,
    texts_of,
    translate,
    write_text,
)
from tests.support import pages as drawn
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
EMPTIES = ("no_candidates", "empty_candidates", "no_parts", "empty_text", "thought_only", "max_tokens_empty")


# --- I20: no text stored as success ---


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("SAFETY", "safety"),
        ("PROHIBITED_CONTENT", "prohibited_content"),
        ("RECITATION", "recitation"),
        ("LANGUAGE", "language"),
        ("OTHER", "unfinished"),
        ("A_REASON_OF_NEXT_YEAR", "unfinished"),
        ("prompt_blocked", "blocked"),
        *[(outcome, "max_tokens" if outcome == "max_tokens_empty" else "empty") for outcome in EMPTIES],
    ],
)
def test_i20_an_answer_without_a_text_is_no_success_and_says_why(
    local: LocalGemini, outcome: str, reason: str
) -> None:
    book = make_book(2)
    job = order_ocr(book)
    local.fault("page", outcome=outcome, times=None, match={"key": row(job, 1).pk})
    run(job)
    assert list(texts_of(book)) == [2]
    failed = row(job, 1)
    assert (failed.state, failed.reason) == ("failed", reason)
    assert failed.error.endswith(".")
    assert PageText.objects.filter(data="").count() == 0
    assert_books_balance()


# --- I21: half a page stored as whole ---


def test_i21_a_cut_off_page_is_asked_for_once_more_with_more_room(
    local: LocalGemini, settings: Settings
) -> None:
    book = make_book(1)
    job = order_ocr(book)
    local.fault("page", outcome="MAX_TOKENS")
    run(job)
    assert row(job, 1).escalation == {"max_output_tokens": 2 * settings.MAX_OUTPUT_TOKENS}
    assert row(job, 1).attempts == 2
    assert "page 1 of" in texts_of(book)[1]


def test_i21_a_page_that_is_cut_off_twice_is_not_kept(local: LocalGemini) -> None:
    book = make_book(2)
    job = order_ocr(book)
    local.fault("page", outcome="MAX_TOKENS", times=None, match={"key": row(job, 1).pk})
    run(job)
    assert (row(job, 1).reason, row(job, 1).attempts) == ("max_tokens", 2)
    assert list(texts_of(book)) == [2]


# --- I22: parts, thoughts, wrappings ---


@pytest.mark.parametrize(
    ("outcome", "more"),
    [
        ("several_parts", {}),
        ("thought_and_text", {}),
        ("code_fence", {}),
        ("preamble", {}),
        ("preamble", {"text": "Here is the translation of the page into English:"}),
    ],
)
def test_i22_all_of_the_text_and_nothing_but_the_text_is_kept(
    local: LocalGemini, outcome: str, more: dict[str, Any]
) -> None:
    book = make_book(2)
    job = order_ocr(book)
    local.fault("page", outcome=outcome, match={"key": row(job, 1).pk}, **more)
    run(job)
    spoilt, plain = texts_of(book)[1], texts_of(book)[2]
    assert spoilt.splitlines()[1] == f"page 1 of {book.pk}"
    assert spoilt.startswith("sha256 ")
    assert len(spoilt.splitlines()) == len(plain.splitlines())
    assert "```" not in spoilt
    assert "roman type" not in spoilt


# --- I23: loops ---


def test_i23_a_looping_answer_is_never_silently_stored(local: LocalGemini) -> None:
    book = make_book(2)
    job = order_ocr(book)
    local.fault("page", outcome="looping", times=None, match={"key": row(job, 1).pk})
    run(job)
    assert list(texts_of(book)) == [2]
    assert (row(job, 1).reason, row(job, 1).attempts) == ("loop", 3)
    assert "repeats itself" in row(job, 1).error


def test_i23_a_loop_that_passes_is_replaced_by_the_next_answer(local: LocalGemini) -> None:
    book = make_book(1)
    job = order_ocr(book)
    local.fault("page", outcome="looping")
    run(job)
    assert "in saecula" not in texts_of(book)[1]
    assert row(job, 1).escalation["temperature"] > 0


def test_i23_a_translation_of_192156_characters_is_refused(local: LocalGemini) -> None:
    book = read_book(1)
    job = translate(book)
    local.fault("page", outcome="text", text="and so on and on " * 11_303, times=None)
    run(job)
    assert texts_of(book, "translation") == {}
    assert row(job, 1).reason == "loop"


# --- I24: text invented for blank leaves ---


def with_blank_leaf() -> Book:
    """A book whose second leaf is empty, yellowed, with the other side's print shining through."""
    book = make_book(3)
    name = f"tests/{book.pk}/blank.jpg"
    default_storage.save(name, ContentFile(drawn.blank()))
    Page.objects.filter(book=book, number=2).update(image_file=name)
    return book


def test_i24_a_blank_leaf_is_recorded_as_blank_and_not_sent(local: LocalGemini) -> None:
    book = with_blank_leaf()
    job = order_ocr(book)
    run(job)
    assert local.sent()["total"] == 2
    assert (row(job, 2).state, row(job, 2).reason) == ("skipped", "blank")
    assert book.pages.get(number=2).blank
    book.refresh_from_db()
    assert (book.pages_ocr, book.pages_blank) == (2, 1)
    with pytest.raises(NothingToDo):
        order_ocr(book)


def test_i24_a_job_of_nothing_but_blank_leaves_ends(local: LocalGemini) -> None:
    book = with_blank_leaf()
    job = lifecycle.create(NewJob("batch_ocr", [book.pages.get(number=2).pk], book.pk), TESTER).job
    walk = run(job)
    assert walk.steps[-1]["message"] == "Batch job completed: 0 succeeded, 0 failed, 1 skipped"


def test_i24_a_leaf_that_a_person_says_is_not_blank_is_sent(local: LocalGemini) -> None:
    book = with_blank_leaf()
    book.pages.filter(number=2).update(blank_overruled=True)
    job = order_ocr(book)
    run(job)
    assert local.sent()["total"] == 3


def test_i24_a_text_far_longer_than_the_ink_on_its_page_is_flagged(local: LocalGemini) -> None:
    book = make_book(1)
    faint = f"tests/{book.pk}/faint.jpg"
    default_storage.save(faint, ContentFile(drawn.printed(1, 1000, 300)))
    Page.objects.filter(book=book).update(image_file=faint, blank_overruled=True)
    job = order_ocr(book)
    words = " ".join(f"uerbum{number}um{number * 7}is" for number in range(4000))
    local.fault("page", outcome="text", text=words, times=None)
    run(job)
    text = PageText.objects.current().filter(page__book=book).first()
    assert (text is None and row(job, 1).state == "failed") or (text and text.is_flagged)


# --- I25: translations of nothing, copies ---


def test_i25_pages_without_a_good_transcription_are_not_sent(local: LocalGemini) -> None:
    book = read_book(5)
    by_number = {page.number: page for page in book.pages.all()}
    PageText.objects.filter(page=by_number[1]).delete()
    write_text(by_number[2], "")
    write_text(by_number[3], "Amen. " * 400, flags=({"rule": "loop", "reason": "It repeats itself."},))
    Page.objects.filter(pk=by_number[4].pk).update(blank=True)
    ids = [page.pk for page in by_number.values()]
    job = lifecycle.create(NewJob("batch_translate", ids, book.pk), TESTER).job
    run(job)
    assert local.sent()["total"] == 1
    reasons = {one.number: one.reason for one in job.ledger.filter(state="skipped")}
    assert reasons == {1: "no_source", 2: "no_source", 3: "bad_source", 4: "blank"}


def test_i25_a_transcription_copied_instead_of_translated_is_flagged_or_fails(local: LocalGemini) -> None:
    book = read_book(1)
    source = texts_of(book)[1]
    job = translate(book)
    local.fault("page", outcome="text", text=source, times=None)
    run(job)
    kept = PageText.objects.current().filter(kind="translation").first()
    assert row(job, 1).state == "failed" or (kept and "copied" in {flag["rule"] for flag in kept.flags})


def test_i25_a_translation_far_off_the_usual_length_is_flagged(local: LocalGemini) -> None:
    book = read_book(14)
    for page in book.pages.filter(number__lte=12):
        write_text(
            page, "One line of English for each line of Latin. " * 4, kind="translation", target_language="en"
        )
    ids = list(book.pages.filter(number__gt=12).values_list("pk", flat=True))
    job = lifecycle.create(NewJob("batch_translate", ids, book.pk), TESTER).job
    local.fault("page", outcome="text", text="No.", times=None, match={"key": row(job, 13).pk})
    run(job)
    short = PageText.objects.current().filter(page__number=13, kind="translation").first()
    assert row(job, 13).state == "failed" or (short and short.is_flagged)
    assert ledger(job)["succeeded"] >= 1
