"""Invented and swapped texts show beside the engine's reading; true ones are left alone."""

import random
from contextlib import nullcontext
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from books import texts
from books.models import Book, PageText
from books.second_reading import engines, run
from books.second_reading.judge import usual_of
from books.second_reading.models import SecondReading
from sourcebatch.lib.adminlog import Told, told
from tests.second_reading.conftest import Remembered, transcription, write

INVENTED = (
    "Cum autem in hortum descendisset rex, vidit puellam sub arbore sedentem et librum legentem. "
    "Quam ubi allocutus est, illa surgens respondit se nihil nisi solitudinem quaerere. "
    "Miratus ille prudentiam virginis iussit ministros aurum et gemmas afferre, quae tamen omnia repudiavit. "
    "Non enim divitiis, inquit, sed virtute metienda est vita hominum, neque quisquam beatus est nisi "
    "qui sibi imperat. "
    "His verbis commotus princeps domum rediit et leges novas de iustitia promulgavit, quas populus laetus accepit. "
)


def look(book: Book, engine: Remembered) -> run.Done:
    done = run.Done()
    assert run.one_book(book, engine, done, lambda: False)
    return done


def flagged(book: Book) -> dict[int, str]:
    """The reason by page number."""
    rows = PageText.objects.flagged().filter(page__book=book).select_related("page")
    return {row.page.number: row.flags[-1]["reason"] for row in rows}


def put(book: Book, number: int, data: str) -> PageText:
    return write(book.pages.get(number=number), data)


def test_true_texts_are_left_alone(book: Book, engine: Remembered) -> None:
    done = look(book, engine)
    assert (done.read, done.compared, done.flagged, flagged(book)) == (12, 12, [], {})
    differs = [row.disagreement or 1.0 for row in SecondReading.objects.filter(book=book)]
    assert max(differs) < 0.12


def test_an_invented_text_is_flagged_in_words_a_person_understands(book: Book, engine: Remembered) -> None:
    put(book, 7, INVENTED)
    look(book, engine)
    found = flagged(book)
    assert set(found) == {7}
    assert "reads something else here" in found[7] and "usual in this book are" in found[7]
    book.refresh_from_db()
    assert book.pages_flagged == 1
    look(book, engine)
    assert [told(one) for one in LogEntry.objects.filter(object_id=book.pk)] == [
        Told("Second readings: 1 texts flagged", "schedule")
    ]


def test_what_the_command_flags_is_logged_as_the_commands(
    book: Book, engine: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "chosen", lambda: ("remembered", ""))
    monkeypatch.setattr(engines, "running", lambda name: nullcontext(engine))
    put(book, 7, INVENTED)
    call_command("second_reading", book=book.pk, stdout=StringIO())
    entry = told(LogEntry.objects.get(object_id=book.pk))
    assert entry == Told("Second readings: 1 texts flagged", "command", "second_reading")


def test_texts_that_have_changed_places_are_flagged_with_the_page_they_belong_to(
    book: Book, engine: Remembered
) -> None:
    put(book, 4, transcription(5))
    put(book, 5, transcription(4))
    look(book, engine)
    found = flagged(book)
    assert set(found) == {4, 5}
    assert "the text of page 5" in found[4] and "the text of page 4" in found[5]


def test_a_book_shifted_by_a_page_shows_although_most_pages_are_wrong(book: Book, engine: Remembered) -> None:
    for number in range(3, 12):
        put(book, number, transcription(number + 1))
    look(book, engine)
    found = flagged(book)
    assert set(found) >= set(range(4, 12)) and not set(found) & {1, 2, 12}
    assert all(f"the text of page {number - 1} " in found[number] for number in range(4, 12))


def test_half_a_page_is_flagged(book: Book, engine: Remembered) -> None:
    put(book, 9, transcription(9)[: len(transcription(9)) // 2])
    look(book, engine)
    assert set(flagged(book)) == {9}


def test_a_text_with_ordinary_errors_is_not(book: Book, engine: Remembered) -> None:
    chance = random.Random(4)
    letters = [
        chance.choice("aeiou") if one.isalpha() and chance.random() < 0.03 else one
        for one in transcription(6)
    ]
    put(book, 6, "".join(letters).replace("ſ", "s").title())
    look(book, engine)
    assert flagged(book) == {}


def test_a_page_that_the_engine_cannot_know_is_not_judged(book: Book, engine: Remembered) -> None:
    put(book, 2, "Ἐν ἀρχῇ ἦν ὁ λόγος, καὶ ὁ λόγος ἦν πρὸς τὸν θεόν. " * 12)
    look(book, engine)
    assert flagged(book) == {}
    assert SecondReading.objects.get(page__book=book, page__number=2).disagreement is None


def test_a_persons_text_and_what_a_person_vouched_for_are_not_flagged(book: Book, engine: Remembered) -> None:
    write(book.pages.get(number=3), INVENTED, source="human", model="")
    texts.mark_reviewed(put(book, 8, INVENTED), by="zenobia")
    look(book, engine)
    assert flagged(book) == {}


def test_a_flag_that_was_dismissed_does_not_come_back(book: Book, engine: Remembered) -> None:
    text = put(book, 7, INVENTED)
    look(book, engine)
    text.refresh_from_db()
    texts.dismiss_flags(text, by="zenobia")
    SecondReading.objects.update(text_id="")
    look(book, engine)
    text.refresh_from_db()
    assert not text.is_flagged and len(text.flags) == 1


def test_an_image_is_read_once_and_a_new_text_compared_with_that_reading(
    book: Book, engine: Remembered
) -> None:
    look(book, engine)
    put(book, 7, INVENTED)
    look(book, engine)
    assert engine.asked == 12 and set(flagged(book)) == {7}


def test_a_new_image_is_read_again(book: Book, engine: Remembered) -> None:
    look(book, engine)
    page, other = book.pages.get(number=1), book.pages.get(number=2)
    type(page).objects.filter(pk=page.pk).update(image_file=other.image_file, image_sha256=other.image_sha256)
    look(book, engine)
    assert engine.asked == 13
    assert SecondReading.objects.filter(book=book).count() == 12
    assert set(flagged(book)) == {1}


@pytest.mark.parametrize(("pages", "found"), [(7, False), (8, True)])
def test_below_eight_pages_nothing_is_usual(pages: int, found: bool) -> None:
    assert (usual_of([0.05] * pages) is not None) == found


def test_the_usual_is_that_of_most_pages_however_far_the_others_are() -> None:
    usual = usual_of([0.05, 0.06, 0.04, 0.05, 0.07, 0.05, 0.95, 0.99, 0.97])
    assert usual is not None and usual.middle < 0.08 and usual.limit < 0.4
    uneven = usual_of([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert uneven is not None and uneven.limit > 1
