"""Rules that need a page's neighbours: on facts, and on a book whose texts are looked over."""

from dataclasses import replace

import pytest
from django.contrib.admin.models import LogEntry

from books import looking_over, texts
from books.models import Book, Page, PageText, Source
from books.quality_neighbours import Facts, check, facts, printed_number
from books.second_reading.models import Inspection
from books.texts import NewText
from scripts.bench_quality import pages as sample
from sourcebatch.lib.adminlog import Told, told


def book_of(count: int = 12, **more: object) -> list[Facts]:
    """Pages of a thousand letters, numbered from 15, with as much ink each."""
    return [Facts(n, 1000, ink=0.12, printed=14 + n, ends=False, **more) for n in range(1, count + 1)]  # type: ignore[arg-type]


def heard(pages: list[Facts]) -> dict[int, str]:
    return {pages[at].number: finding.rule for at, finding in check(pages)}


def changed(pages: list[Facts], number: int, **values: object) -> list[Facts]:
    return [replace(page, **values) if page.number == number else page for page in pages]  # type: ignore[arg-type]


def test_an_even_book_has_nothing_to_say() -> None:
    assert heard(book_of()) == {}
    assert heard([]) == {} and heard(book_of(1)) == {}


def test_a_page_that_stops_early_in_mid_sentence_is_cut_off() -> None:
    assert heard(changed(book_of(), 6, length=600)) == {6: "cut_off"}
    assert heard(changed(book_of(), 6, length=600, ends=True)) == {}
    assert heard(changed(book_of(), 6, length=900)) == {}


def test_a_stop_at_the_length_limit_is_cut_off_however_long() -> None:
    assert heard(changed(book_of(), 6, finish_reason="MAX_TOKENS")) == {6: "cut_off"}


def test_far_too_little_and_far_too_much_for_the_ink() -> None:
    assert heard(changed(book_of(), 6, length=200, ends=True)) == {6: "short_for_neighbours"}
    assert heard(changed(book_of(), 6, length=3000)) == {6: "long_for_neighbours"}


def test_a_short_page_with_little_ink_a_picture_and_an_unknown_page_are_left_alone() -> None:
    assert heard(changed(book_of(), 12, length=420, ink=0.05)) == {}
    assert heard(changed(book_of(), 6, length=200, pictures=True)) == {}
    assert heard(changed(book_of(), 6, length=200, ink=None)) == {}
    assert heard(changed(book_of(), 6, length=200, ink=0.01)) == {}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("12", 12),
        ("- 12 -", 12),
        ("XII", 12),
        ("xij", 12),
        ("fol. 3r", 5),
        ("3 v", 6),
        ("MDXX", 1520),
        ("p. 7", 7),
    ],
)
def test_numbers_are_read_as_they_are_printed(words: str, number: int) -> None:
    assert printed_number(f"Arma [[page-num: {words}]] virumque") == number


def test_what_is_no_number_is_none() -> None:
    assert printed_number("Arma virumque 12") is None
    assert printed_number("[[page-num: A 2 | 3]]") is None
    assert printed_number("[[page-num: ??]]") is None


def test_a_number_that_is_out_of_place_is_flagged_once() -> None:
    assert heard(changed(book_of(), 6, printed=33)) == {6: "page_number_jump"}
    assert heard(changed(book_of(), 1, printed=33)) == {1: "page_number_jump"}


def test_two_texts_that_have_changed_places_are_both_flagged() -> None:
    swapped = changed(changed(book_of(), 6, printed=21), 7, printed=20)
    assert heard(swapped) == {6: "page_number_jump", 7: "page_number_jump"}


def test_a_shift_is_flagged_where_it_begins() -> None:
    pages = [replace(page, printed=page.printed + 1) if page.number >= 7 else page for page in book_of(14)]  # type: ignore[operator]
    assert heard(pages) == {7: "page_number_jump"}


def test_unnumbered_plates_are_no_jump() -> None:
    """The numbers go on after a page that has none."""
    pages = [replace(page, printed=page.printed - 1) if page.number >= 7 else page for page in book_of(14)]  # type: ignore[operator]
    assert heard(changed(pages, 6, printed=None)) == {}


def test_leaves_and_spreads_have_steps_of_their_own() -> None:
    folios = [facts(n, f"[[page-num: {(n + 1) // 2}{'r' if n % 2 else 'v'}]] Arma") for n in range(1, 13)]
    spreads = [Facts(n, 1000, printed=2 * n) for n in range(1, 13)]
    assert heard(folios) == {} and heard(spreads) == {}
    assert heard(changed(spreads, 6, printed=20)) == {6: "page_number_jump"}


def test_the_same_text_twice_is_flagged_unless_the_image_is_the_same() -> None:
    text = sample()[3]
    pages = [facts(n, text if n in (3, 4) else sample()[n + 3], image_sha256=f"{n}") for n in range(1, 8)]
    assert heard(pages) == {3: "same_as_neighbour", 4: "same_as_neighbour"}
    assert heard(changed(pages, 3, image_sha256="4")) == {}


@pytest.fixture
def book(db: None) -> Book:
    """The sample book's transcriptions, by a machine, with ink."""
    made = Book.objects.create(title="Epigrammata", language="la")
    for number, text in enumerate(sample(), 1):
        page = Page.objects.create(book=made, number=number, ink=0.12)
        texts.write(page, NewText("ocr", text, Source.MACHINE))
    made.recount()
    return made


def put(book: Book, number: int, data: str, source: str = Source.MACHINE) -> None:
    texts.write(book.pages.get(number=number), NewText("ocr", data, source), overwrite="human")
    book.recount()


def flags(book: Book) -> dict[int, list[str]]:
    rows = PageText.objects.flagged().filter(page__book=book).select_related("page")
    return {row.page.number: [flag["rule"] for flag in row.flags] for row in rows}


def never() -> bool:
    return False


def test_the_real_book_is_looked_over_once_and_left_alone(book: Book) -> None:
    assert looking_over.library(never) == "Looked over 1 books; 0 texts flagged."
    assert looking_over.library(never) == "Looked over 0 books; 0 texts flagged."
    assert flags(book) == {} and Inspection.objects.get(book=book).texts_at is not None


def test_what_is_new_is_flagged_with_a_reason_and_counted(book: Book) -> None:
    looking_over.library(never)
    put(book, 5, sample()[4][:150])
    put(book, 9, sample()[7])
    assert looking_over.library(never) == "Looked over 1 books; 3 texts flagged."
    assert flags(book) == {
        5: ["short_for_neighbours"],
        8: ["same_as_neighbour"],
        9: ["same_as_neighbour"],
    }
    book.refresh_from_db()
    assert book.pages_flagged == 3
    entry = told(LogEntry.objects.get(object_id=book.pk))
    assert entry == Told("Looked over: 3 texts flagged", "schedule")
    looking_over.library(never)
    assert looking_over.library(never) == "Looked over 0 books; 0 texts flagged."


def test_a_persons_text_is_a_neighbour_but_is_not_flagged(book: Book) -> None:
    put(book, 5, sample()[4][:150], Source.HUMAN)
    looking_over.library(never)
    assert flags(book) == {}


def test_it_ends_when_told_to(book: Book) -> None:
    assert looking_over.library(lambda: True).startswith("Looked over 0 books")
    assert not Inspection.objects.exists()
