"""A book's glossary: which of its terms go with a page, what is said of a translation, which pages are old after
a change.
"""

import pytest

from books import glossary, texts
from books.glossary import Term, digest, finding, occurring, parse
from books.models import Book, Kind
from books.selection import Made, pages_made
from books.texts import NewText
from jobs.operations import operation
from tests.operations.support import a_book, answer, order, request, transcribe
from tests.operations.test_translate import ENGLISH, LATIN, blocks

pytestmark = pytest.mark.django_db
AUCTOR, IUVENIS = Term("auctor", "writer"), Term("iuven*", "young man | youth")


def keep(book: Book, *terms: Term) -> None:
    glossary.replace(book, "en", terms, by="anna")


def test_only_terms_that_stand_on_the_page_go_with_it_and_as_data() -> None:
    [page] = a_book(1)
    transcribe(page, LATIN)
    keep(page.book, Term("regnum", "kingdom"), AUCTOR, IUVENIS)
    made = request("batch_translate", page)
    assert blocks(made.text)["context_glossary"] == "auctor = writer\niuven* = young man | youth"
    assert "context_glossary block says how terms" in made.text
    assert made.glossary == digest((AUCTOR, IUVENIS))
    assert glossary.terms_of(page.book_id, "de") == ()
    other = request("batch_translate", page, target_language="de")
    assert "glossary" not in other.text and other.glossary == ""


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("virtus", "De VIRTVS omnium"), ("iuvenis", "Jvvenis quidam"), ("ratione", "cum ra-\ntione magna"),
        ("rosa alba", "rosa, alba"), ("λόγος", "ΛΟΓΟΣ"), ("道德", "論道德經"), ("virtut*", "virtutibus"),
        ("coelum", "cœlum"),
    ],
)  # fmt: skip
def test_terms_are_found_however_they_are_printed(term: str, text: str) -> None:
    assert occurring((Term(term, "x"),), text)


@pytest.mark.parametrize(
    ("term", "text"), [("ars", "pars arsit"), ("rosa alba", "rosa non alba"), ("virtus", "virtutis")]
)
def test_other_words_are_not_the_term(term: str, text: str) -> None:
    assert not occurring((Term(term, "x"),), text)


def test_what_goes_with_a_page_is_bounded() -> None:
    terms = tuple(Term(f"term{n}", "x" * 300) for n in range(200))
    text = " ".join(f"term{n}" for n in range(200))
    found = occurring(terms, text)
    assert 0 < len(found) <= 60 and sum(len(one.line) for one in found) <= 4000
    assert len(occurring(tuple(Term(f"term{n}", "x") for n in range(200)), text)) == 60


def test_a_translation_that_does_not_follow_is_flagged_with_the_evidence() -> None:
    [page] = a_book(1)
    transcribe(page, LATIN)
    keep(page.book, AUCTOR, IUVENIS)
    accepted = operation("batch_translate").accept(answer(ENGLISH), page, order("batch_translate", page))
    assert accepted.flags == [
        {
            "rule": "glossary",
            "reason": "Terms that should be rendered as the glossary says: “auctor” → “writer”.",
        }
    ]
    good = operation("batch_translate").accept(
        answer(ENGLISH.replace("author", "writer")), page, order("batch_translate", page)
    )
    assert good.flags == []


@pytest.mark.parametrize(
    ("rendering", "translation", "follows"),
    [
        ("faculty", "Their faculties were", True), ("reason | account", "to give an account", True),
        ("young man", "young men", False), ("white rose", "roses that are white", False),
        ("Vernunft", "der Vernunft wegen", True), ("art", "arts", True), ("art", "start", False),
        ("art", "artichoke", False),
    ],
)  # fmt: skip
def test_renderings_may_be_inflected_but_must_be_there(
    rendering: str, translation: str, follows: bool
) -> None:
    assert (finding((Term("t", rendering),), translation) is None) == follows


def test_the_stand_in_s_placeholder_is_not_held_to_a_glossary() -> None:
    assert finding((AUCTOR,), "not translated: no Gemini key; local stand-in") is None


def test_a_page_is_old_when_its_own_terms_have_changed_and_only_then() -> None:
    one, two, three = a_book(3)
    book = one.book
    for page, words in ((one, "auctor scripsit"), (two, "iuvenis scripsit"), (three, "nihil")):
        transcribe(page, words)
        texts.write(page, NewText(Kind.TRANSLATION, "x", "machine", target_language="en"))
    assert glossary.outdated(book.pk, "en") == []
    keep(book, AUCTOR)
    assert glossary.outdated(book.pk, "en") == [one.pk]
    assert list(pages_made(Made(Kind.TRANSLATION, glossary=True))) == [(book.pk, "en", [one.pk])]
    made = NewText(Kind.TRANSLATION, "y", "machine", target_language="en", glossary=digest((AUCTOR,)))
    texts.write(one, made)
    assert glossary.outdated(book.pk, "en") == []
    keep(book)
    assert glossary.outdated(book.pk, "en") == [one.pk]
    texts.write(one, NewText(Kind.TRANSLATION, "z", "human", target_language="en"))
    assert glossary.outdated(book.pk, "en") == []


def test_parsing_takes_what_people_paste() -> None:
    pasted = (
        'Term\tRendering\nratio\treason\n\nfides = faith = never belief\n"rosa, alba", white rose\nars;art;x'
    )
    assert list(parse(pasted)) == [
        Term("ratio", "reason"), Term("fides", "faith", "never belief"), Term("rosa, alba", "white rose"),
        Term("ars", "art", "x"),
    ]  # fmt: skip
