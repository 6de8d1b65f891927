"""A job translates with the book's glossary and says with which of its terms; `redo --glossary` finds what is old."""

import io

import pytest
from django.core.management import call_command

from books import glossary
from books.glossary import Term, digest
from books.models import Book, Kind, PageText
from jobs import lifecycle
from jobs.models import BatchPreparation, Job
from tests.operations.support import transcribe
from tests.operations.test_translate import LATIN
from tests.support.library import TESTER, make_book, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
AUCTOR = Term("auctor", "writer")


def translated_book() -> Book:
    book = make_book(2)
    for page in book.pages.all():
        transcribe(page, LATIN)
    book.recount()
    glossary.replace(book, "en", [AUCTOR], by="anna")
    job = lifecycle.create(lifecycle.NewJob("batch_translate", None, book.pk), TESTER).job
    lifecycle.advance(job.pk, TESTER)
    assert set(BatchPreparation.objects.values_list("glossary", flat=True)) == {digest((AUCTOR,))}
    run(job)
    return book


def test_the_digest_goes_from_the_request_to_the_text(local: LocalGemini) -> None:
    translated_book()
    made = PageText.objects.filter(kind=Kind.TRANSLATION)
    assert {text.glossary for text in made} == {digest((AUCTOR,))} and made.count() == 2


def test_what_was_made_with_an_older_glossary_is_made_again(local: LocalGemini) -> None:
    book = translated_book()
    said = io.StringIO()
    call_command("redo", "translation", "--glossary", "--book", book.pk, stdout=said)
    assert "There are no such texts" in said.getvalue()
    glossary.replace(book, "en", [AUCTOR, Term("carminum", "of songs")], by="anna")
    call_command("redo", "translation", "--glossary", "--book", book.pk, stdout=said)
    job = Job.objects.order_by("-id")[0]
    assert job.progress["total"] == 2
    run(job)
    assert glossary.outdated(book.pk, "en") == []
