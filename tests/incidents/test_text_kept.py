"""I26 to I30: texts that go stale, persons' texts, context, languages, prompts."""

import json
from typing import Any

import pytest

from books import texts
from books.models import Book, Page, PageText
from jobs import lifecycle
from jobs.lifecycle import NewJob, NothingToDo, segments
from jobs.models import BatchPreparation, Job, PromptVersion
from jobs.setup import sync_prompts
from tests.incidents.support import (
    TESTER,
    make_book,
    order_ocr,
    read_book,
    row,
    run,
    step,
    steps_until,
    texts_of,
    translate,
    write_text,
)
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def request_of(job: Job, number: int) -> dict[str, Any]:
    """The request that was prepared for one page, as Gemini gets it."""
    preparation = BatchPreparation.objects.get(job=job, page__number=number)
    line: dict[str, Any] = json.loads(segments.read(preparation))
    return line["request"]  # type: ignore[no-any-return]


def words_of(request: dict[str, Any]) -> str:
    return "\n".join(part["text"] for part in request["contents"][0]["parts"] if "text" in part)


# --- I26: new transcription, old translation ---


def test_i26_a_changed_transcription_makes_its_translation_stale_and_one_job_mends_it(
    local: LocalGemini,
) -> None:
    book = read_book(3)
    run(translate(book))
    assert not Page.objects.stale("en").exists()
    page = book.pages.get(number=2)
    write_text(page, "Quid tibi uis, mulier?", source="human")
    stale = list(Page.objects.filter(book=book).stale("en"))
    assert stale == [page]
    new = NewJob("batch_translate", [page.pk], book.pk, overwrite="machine")
    run(lifecycle.create(new, TESTER).job)
    assert not Page.objects.stale("en").exists()


def test_i26_a_transcription_changed_while_its_translation_was_away_is_stale_at_once(
    local: LocalGemini,
) -> None:
    book = read_book(1)
    job = translate(book)
    steps_until(job, "submitted")
    write_text(book.pages.get(), "Quid tibi uis, mulier?", source="human")
    run(job)
    assert Page.objects.stale("en").count() == 1


# --- I27: a person's corrections ---


def test_i27_a_correction_made_while_the_page_was_at_gemini_stays(local: LocalGemini) -> None:
    book = make_book(2)
    job = order_ocr(book)
    local.hold()
    steps_until(job, "submitted")
    write_text(book.pages.get(number=1), "Read by a person.", source="human", author="Anna")
    local.release()
    run(job)
    assert texts_of(book)[1] == "Read by a person."
    history = PageText.objects.get(page__number=1, source="machine")
    assert not history.is_current
    assert "page 1 of" in history.data
    assert row(job, 1).reason == "kept_in_history"
    assert "person" in row(job, 1).error


def test_i27_pages_that_a_person_corrected_are_left_out_even_with_overwrite(local: LocalGemini) -> None:
    book = make_book(2)
    run(order_ocr(book))
    write_text(book.pages.get(number=1), "Read by a person.", source="human")
    job = order_ocr(book, overwrite="machine")
    run(job)
    assert (row(job, 1).state, row(job, 1).reason) == ("skipped", "human_text")
    assert texts_of(book)[1] == "Read by a person."
    with pytest.raises(NothingToDo):
        order_ocr(book)


def test_i27_only_the_explicit_word_replaces_a_persons_text_and_history_keeps_it(local: LocalGemini) -> None:
    book = make_book(1)
    write_text(book.pages.get(), "Read by a person.", source="human")
    run(order_ocr(book, overwrite="human"))
    assert "page 1 of" in texts_of(book)[1]
    kept = PageText.objects.get(source="human")
    assert (kept.data, kept.is_current) == ("Read by a person.", False)
    texts.restore(kept, author="Anna")
    assert texts_of(book)[1] == "Read by a person."


# --- I28: the seam between pages ---


def test_i28_a_translation_gets_the_end_of_the_page_before_and_the_beginning_of_the_next(
    local: LocalGemini,
) -> None:
    book = Book.objects.create(title="Epodi", language="la")
    for number in range(1, 4):
        page = Page.objects.create(book=book, number=number)
        write_text(page, f"Caput{number}. {'uerba media ' * 300} finis{number}")
    job = translate(book)
    step(job)
    said = words_of(request_of(job, 2))
    assert "finis1" in said
    assert "Caput3" in said
    assert "Caput1" not in said
    assert "finis3" not in said
    assert said.index("finis1") < said.index("Caput2")
    assert "context_before" in said
    assert "context_after" in said
    run(job)
    assert job.batches.count() == 1


# --- I29: the language ---


def test_i29_the_books_language_goes_with_each_page(local: LocalGemini) -> None:
    job = order_ocr(make_book(1, language="grc"))
    step(job)
    system = request_of(job, 1)["systemInstruction"]["parts"][0]["text"]
    assert "Ancient Greek" in system
    assert "Latin" not in system


def test_i29_an_unknown_language_is_said_to_be_unknown(local: LocalGemini) -> None:
    job = order_ocr(make_book(1, language=""))
    step(job)
    system = request_of(job, 1)["systemInstruction"]["parts"][0]["text"]
    assert "unknown" in system.lower()
    assert "Latin" not in system
    run(job)
    assert PageText.objects.get().language == ""


def test_i29_a_job_that_contradicts_the_book_reads_it_in_the_books_language(local: LocalGemini) -> None:
    book = make_book(1, language="de")
    ids = list(book.pages.values_list("pk", flat=True))
    made = lifecycle.create(NewJob("batch_ocr", ids, book.pk, language="Latin"), TESTER)
    assert made.job.language == "de"
    assert any("German" in notice for notice in made.notices)


# --- I30: prompts ---


def test_i30_each_text_says_which_version_of_the_prompt_made_it(local: LocalGemini) -> None:
    sync_prompts()
    run(order_ocr(make_book(1)))
    first = PromptVersion.objects.get(type="batch_ocr", is_default=True)
    assert PageText.objects.get().prompt_version == first.name
    PromptVersion.objects.filter(pk=first.pk).update(is_default=False)
    PromptVersion.objects.create(
        type="batch_ocr", version=first.version + 1, text=first.text + "\nKeep every line.", text_sha256="x",
        is_default=True,
    )  # fmt: skip
    run(order_ocr(make_book(1)))
    assert set(PageText.objects.values_list("prompt_version", flat=True)) == {"batch_ocr/1", "batch_ocr/2"}


def test_i30_a_job_keeps_the_prompt_that_it_began_with(local: LocalGemini) -> None:
    sync_prompts()
    job = order_ocr(make_book(1))
    first = PromptVersion.objects.get(type="batch_ocr", is_default=True)
    PromptVersion.objects.filter(pk=first.pk).update(is_default=False)
    PromptVersion.objects.create(
        type="batch_ocr", version=9, text="Another prompt.", text_sha256="x", is_default=True
    )
    step(job)
    assert "Another prompt" not in request_of(job, 1)["systemInstruction"]["parts"][0]["text"]
    run(job)
    assert PageText.objects.get().prompt_version == first.name


def test_i30_a_prompt_that_was_improved_stays_when_a_release_brings_its_own(local: LocalGemini) -> None:
    sync_prompts()
    mine = PromptVersion.objects.create(
        type="batch_ocr", version=7, text="Mine.", text_sha256="x", created_by="Anna"
    )
    PromptVersion.objects.filter(type="batch_ocr").update(is_default=False)
    PromptVersion.objects.filter(pk=mine.pk).update(is_default=True)
    PromptVersion.objects.filter(type="batch_ocr", created_by="shipped").update(
        text_sha256="of-an-older-release"
    )
    sync_prompts()
    mine.refresh_from_db()
    assert mine.is_default
    assert mine.text == "Mine."
    assert PromptVersion.objects.filter(type="batch_ocr").count() == 3
