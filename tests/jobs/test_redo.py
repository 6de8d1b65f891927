"""Selective redo: by prompt, model, date and flag; never what a person wrote."""

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from books import texts
from books.models import Book, Kind, PageText
from books.selection import Made, pages_made
from books.texts import NewText
from jobs.models import Job, JobPage
from tests.support.library import make_book


def write(book: Book, number: int, **more: Any) -> PageText:
    given: dict[str, Any] = {
        "kind": Kind.OCR, "data": f"page {number}", "source": "machine", "model": "old-model",
        "prompt_version": "ocr-1",
    }  # fmt: skip
    return texts.write(book.pages.get(number=number), NewText(**given | more)).text


@pytest.fixture
def book(db: None) -> Book:
    """Six pages: by the old prompt, by a new one, by another model, flagged, a person's, none."""
    book = make_book(6)
    write(book, 1)
    write(book, 2, prompt_version="ocr-2")
    write(book, 3, model="new-model", prompt_version="ocr-2")
    write(
        book,
        4,
        prompt_version="ocr-2",
        model="new-model",
        flags=[{"rule": "loop", "reason": "It repeats itself."}],
    )
    write(book, 5, source="human", model="", prompt_version="ocr-1")
    PageText.objects.filter(page=book.pages.get(number=3)).update(
        created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )
    book.recount()
    return book


def redo(*options: str) -> str:
    said = io.StringIO()
    call_command("redo", *options, stdout=said)
    return said.getvalue()


def numbers(job: Job) -> list[int]:
    return list(
        JobPage.objects.filter(job=job, is_open=True).order_by("number").values_list("number", flat=True)
    )


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        (["--prompt", "ocr-1"], [1]),
        (["--model", "old-model"], [1, 2]),
        (["--before", "2026-06-01"], [3]),
        (["--flag", "loop"], [4]),
        (["--flag", "any"], [4]),
        (["--prompt", "ocr-2", "--model", "old-model"], [2]),
    ],
)
def test_it_makes_a_job_of_exactly_those_pages(book: Book, options: list[str], pages: list[int]) -> None:
    assert "1 jobs created." in redo("ocr", *options)
    job = Job.objects.get()
    assert numbers(job) == pages and job.overwrite == "machine" and job.created_via == "command"


@pytest.mark.parametrize("options", [["--flag", "refusal"], ["--prompt", "ocr-9"], ["--model", "none"]])
def test_nothing_is_made_where_there_is_nothing(book: Book, options: list[str]) -> None:
    assert "nothing to do" in redo("ocr", *options)
    assert not Job.objects.exists()


def test_a_dry_run_tells_pages_and_price_and_creates_nothing(book: Book) -> None:
    said = redo("ocr", "--model", "old-model", "--dry-run")
    assert "1 jobs, 2 pages, about" in said and "Nothing was created." in said
    assert not Job.objects.exists()


def test_dismissed_flags_and_hidden_pages_are_left_alone(book: Book) -> None:
    flagged = PageText.objects.get(is_flagged=True)
    book.pages.filter(number=1).update(hidden=True)
    assert [ids for _, _, ids in pages_made(Made(Kind.OCR, prompt="ocr-1"))] == []
    texts.dismiss_flags(flagged, by="anna")
    assert list(pages_made(Made(Kind.OCR, flag="loop"))) == []


def test_translations_are_made_again_into_their_own_language(book: Book) -> None:
    for language in ("en", "de"):
        write(book, 1, kind=Kind.TRANSLATION, target_language=language, prompt_version="translate-1")
    found = list(pages_made(Made(Kind.TRANSLATION, prompt="translate-1")))
    assert [(book_id, language, len(ids)) for book_id, language, ids in found] == [
        (book.pk, "de", 1),
        (book.pk, "en", 1),
    ]


def test_it_says_what_is_wrong_with_an_order(book: Book) -> None:
    for options, sentence in [
        ([], "at least one of"), (["--before", "yesterday"], "is no day"),
        (["--flag", "any", "--book", "x"], "no book"),
    ]:  # fmt: skip
        with pytest.raises(CommandError, match=sentence):
            redo("ocr", *options)
