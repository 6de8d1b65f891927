"""Plain text, Markdown, JSON Lines and CSV: whole, harmless, and honest about where the texts come from."""

import csv
import io
import json
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from markdown_it import MarkdownIt

from books.exports import ExportRefused, Options, export, exporters, file_name
from books.exports.tables import defused
from books.exports.trees import plain
from books.models import Book, Page
from sourcebatch.lib.db import library_alias
from tests.books.exports.conftest import GREEK, HEBREW, MODEL, WORSE


def exported(book: Book, name: str, **options: Any) -> str:
    return b"".join(export(book, name, Options(**options))).decode()


def table(book: Book, **options: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(book, "csv", **options).removeprefix("\ufeff"))))


@pytest.mark.parametrize("name", ["txt", "markdown", "jsonl", "csv"])
def test_it_says_who_made_the_texts_when_and_whose_rights_they_are(book: Book, name: str) -> None:
    said = exported(book, name)
    assert MODEL in said and "prompt ocr-1" in said
    assert "a machine" in said and "Translation into English" in said and "by a person" in said
    assert "publicdomain/mark" in said and "e-rara.ch, 74397" in said and "10.3931/e-rara-74397" in said
    assert "may be wrong: compare it with the scan" in said
    assert "not reviewed by a person" in said or "none reviewed" in said
    assert "The transcription has been changed since." in said or '"stale":true' in said


@pytest.mark.parametrize("name", ["txt", "markdown", "jsonl", "csv"])
def test_hidden_pages_stay_at_home_and_people_are_not_named(book: Book, name: str) -> None:
    said = exported(book, name)
    assert "What is hidden" not in said and "zenobia" not in said
    assert "Im Anfang war das Wort." in said


@pytest.mark.parametrize("name", ["txt", "markdown", "jsonl", "csv"])
def test_parts_languages_and_reviewed_texts_can_be_chosen(book: Book, name: str) -> None:
    assert "In the beginning" not in exported(book, name, text="transcription")
    only = exported(book, name, text="translation")
    assert "In the beginning" in only and "ἀρχῇ" not in only
    german = exported(book, name, language="de")
    assert "Im Anfang" in german and "In the beginning" not in german and "ἀρχῇ" in german
    reviewed = exported(book, name, reviewed=True)
    assert "A person's own words." in reviewed and "Corrected since" in reviewed and "ἀρχῇ" not in reviewed
    assert "Ilienſium illa conſolatio" in reviewed


def test_plain_text_is_for_reading(book: Book) -> None:
    said = exported(book, "txt")
    assert "Ἐν ἀρχῇ ἦν ὁ λόγος,\nκαὶ ὁ λόγος" in said and "ספר בראשית" in said
    assert "[blank page]" in said and "[no text]" in said
    assert plain(WORSE) == (
        '<script>alert("1")</script> & "quoted" <b>bold</b> ![x](http://127.0.0.1/x.png) [margin: see Pliny[?] l. 3]\n'
        "feſti ũ cũ œ æ, italic and bold [gap: 2 words]\n\n=1+1 [page-num: 7]\n\na | b\n1 | 2\n\n3. three\n4. four\n\n"
        "[image: a <ship>]\n\n[signature: a2] [catchword: iam] [gloss: a later hand] [[unknown: stays]]"
    )


def test_markdown_has_neither_html_nor_links_of_the_texts_making(book: Book) -> None:
    said = exported(book, "markdown")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(said)
    assert "<script" not in html and "<img" not in html and "href" not in html and "<b>" not in html
    assert "<table>" in html and "THOMAE MORI" in html


def test_markdown_puts_paragraphs_beside_each_other_or_texts_below_each_other(book: Book) -> None:
    assert "| Transcription, Latin | Translation into English |" in exported(book, "markdown")
    assert "| Transcription" not in exported(book, "markdown", layout="interleaved")
    assert "### Translation into English" in exported(book, "markdown", layout="interleaved")


def test_json_lines_lose_nothing_of_a_text(book: Book) -> None:
    first, *pages = [json.loads(line) for line in exported(book, "jsonl").splitlines()]
    assert (first["type"], first["id"], first["year"]) == ("book", book.pk, 1520)
    assert [page["number"] for page in pages] == list(range(1, 18))
    assert pages[12]["transcription"]["text"] == GREEK and pages[13]["transcription"]["text"] == HEBREW
    assert pages[16]["transcription"]["text"] == WORSE
    assert pages[15]["transcription"] is None and pages[14]["blank"] is True
    assert set(pages[12]["translations"]) == {"de", "en"}
    assert (
        pages[0]["translations"]["en"]["made_by"] == "person"
        and pages[1]["transcription"]["reviewed"] is True
    )
    assert (
        pages[2]["translations"]["en"]["stale"] is True and pages[3]["translations"]["en"]["stale"] is False
    )


def test_csv_opens_in_a_spreadsheet_with_its_signs_and_without_running_anything(book: Book) -> None:
    page = book.pages.get(number=4)
    page.label = "=HYPERLINK(0)"
    page.save()
    assert exported(book, "csv").startswith("\ufeff")
    rows = table(book)
    assert len(rows) == 17 and rows[12]["transcription"] == GREEK and rows[12]["translation_de"]
    assert rows[3]["label"] == "'=HYPERLINK(0)"
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_defused(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


def test_an_ordinary_cell_is_left_alone() -> None:
    assert defused("Arma virumque - cano = canto") == "Arma virumque - cano = canto"


@pytest.mark.parametrize("name", ["txt", "markdown", "jsonl", "csv"])
def test_the_queries_grow_by_two_for_a_hundred_pages(
    book: Book, name: str, django_assert_max_num_queries: Any
) -> None:
    Page.objects.bulk_create(Page(book=book, number=number) for number in range(100, 400))
    with django_assert_max_num_queries(12, using=library_alias()) as found:
        exported(book, name)
    assert isinstance(found, CaptureQueriesContext)


@pytest.mark.parametrize("name", ["txt", "markdown", "jsonl", "csv"])
def test_a_book_without_pages_is_an_export_too(db: None, name: str) -> None:
    empty = Book.objects.create(title="Vacuus")
    assert "Vacuus" in exported(empty, name) or name == "csv"


def test_an_unknown_format_is_refused_with_those_there_are(book: Book) -> None:
    with pytest.raises(ExportRefused, match="choose one of zip, txt, markdown"):
        export(book, "docx", Options())


def test_files_are_named_after_the_book_and_the_format(book: Book) -> None:
    assert file_name(book, "txt") == "epigrammata-clarissimi-disertissimique-viri-thomae.txt"
    assert file_name(Book(title="ספר"), "jsonl").endswith(".jsonl")
    assert {one.name for one in exporters().values()} >= {"txt", "markdown", "jsonl", "csv"}
