"""Exporting from the list of books: one book as a file, several as an archive, refusals in words."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from books import texts
from books.exports import exporters
from books.models import Book
from tests.admin.test_orders import said
from tests.support.library import make_book
from tests.support.origin import Origin

BOOKS = "admin:books_book_changelist"


def written(title: str) -> Book:
    book = make_book(1, title=title)
    texts.write(book.pages.get(), texts.NewText(kind="ocr", data=f"Text of {title}.", source="human"))
    book.recount()
    return book


def post(client: Client, *books: Book, **form: str) -> Any:
    return client.post(
        reverse(BOOKS), {"action": "export", "_selected_action": [one.pk for one in books], **form}
    )


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_whoever_may_look_may_export_and_is_asked_for_the_format(as_role: Callable[[str], Client]) -> None:
    page = post(as_role("Viewer"), written("Ars"))
    assert "Export “Ars”" in said(page)
    assert all(f'value="{name}"' in page.content.decode() for name in exporters())


@pytest.mark.parametrize("name", list(exporters()))
def test_one_book_comes_as_a_file_of_its_format(operator: Client, name: str) -> None:
    answer = post(operator, written("Ars magna"), format=name, text="both")
    assert answer["Content-Type"] == exporters()[name].mime
    assert f'.{exporters()[name].extension}"' in answer["Content-Disposition"]
    assert body(answer)


def test_translations_stand_where_the_form_says(operator: Client) -> None:
    book = written("Ars")
    texts.write(
        book.pages.get(),
        texts.NewText(kind="translation", target_language="en", data="Of it.", source="human"),
    )
    facing = body(post(operator, book, format="markdown", text="both", layout="facing")).decode()
    after = body(post(operator, book, format="markdown", text="both", layout="interleaved")).decode()
    assert "| Text of Ars. | Of it. |" in facing and "| Of it. |" not in after and "Of it." in after


def test_scans_elsewhere_are_fetched_if_the_form_says_so(operator: Client, origin: Origin) -> None:
    book = written("Ars")
    book.pages.update(image_file="", image_url=origin.page(1))
    assert b"/DCTDecode" not in body(post(operator, book, format="pdf", text="both"))
    assert b"/DCTDecode" in body(post(operator, book, format="pdf", text="both", fetch="on"))
    assert 'name="fetch"' in post(operator, book).content.decode()


def test_several_books_come_in_one_archive_even_of_the_same_title(operator: Client) -> None:
    answer = post(operator, written("Ars"), written("Ars"), format="txt", text="both")
    archive = zipfile.ZipFile(io.BytesIO(body(answer)))
    assert len(set(archive.namelist())) == 2
    assert all(b"Text of Ars." in archive.read(name) for name in archive.namelist())


def test_all_books_of_a_filter_are_exported(operator: Client) -> None:
    first, _second, other = written("Ars one"), written("Ars two"), written("Other")
    form = {
        "action": "export",
        "_selected_action": first.pk,
        "select_across": "1",
        "format": "txt",
        "text": "both",
    }
    archive = zipfile.ZipFile(io.BytesIO(body(operator.post(f"{reverse(BOOKS)}?q=Ars", form))))
    assert len(archive.namelist()) == 2
    assert other.title not in str(archive.namelist())


def test_a_format_that_is_none_and_a_language_that_is_none_are_sent_back(operator: Client) -> None:
    book = written("Ars")
    assert "Select a valid choice" in said(post(operator, book, format="doc", text="both"))
    answer = post(operator, book, format="txt", text="both", language="qqq zzz")
    assert "is not a language this system knows" in said(answer)
