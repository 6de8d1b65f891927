"""The glossary in the admin: typed, pasted or from a file; errors by line; what it makes old is one click away."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from books import glossary
from books.glossary import Term
from books.models import Book
from tests.admin.test_orders import said
from tests.admin.test_redo_page import translated
from tests.support.library import make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book(1)


def address(book: Book, to: str = "") -> str:
    return f"/admin/books/book/{book.pk}/glossary/" + (f"?to={to}" if to else "")


def send(client: Client, book: Book, terms: str = "", to: str = "", **more: Any) -> Any:
    return client.post(address(book, to), {"terms": terms, **more}, follow=True)


def test_terms_are_kept_per_language_and_shown_again(as_role: Callable[[str], Client], book: Book) -> None:
    editor = as_role("Editor")
    page = send(editor, book, "ratio = reason | account\nfides = faith = never belief")
    assert "2 terms are kept." in said(page) and "2 terms, rendered in English" in said(page)
    assert "fides = faith = never belief" in page.content.decode()
    send(editor, book, "ratio\tVernunft", to="German")
    assert glossary.terms_of(book.pk, "de") == (Term("ratio", "Vernunft"),)
    assert len(glossary.terms_of(book.pk, "en")) == 2
    assert "Glossary for de: 1 terms" in str(LogEntry.objects.order_by("-id")[0].change_message)


def test_a_file_stands_for_the_box(as_role: Callable[[str], Client], book: Book) -> None:
    file = SimpleUploadedFile("terms.csv", "Term;Rendering\nλόγος;word\n".encode("utf-8-sig"))
    send(as_role("Editor"), book, "ignored = yes", file=file)
    assert glossary.terms_of(book.pk, "en") == (Term("λόγος", "word"),)


@pytest.mark.parametrize(
    ("terms", "file", "sentence"),
    [
        ("ratio = reason\nfides", b"", "Line 2: “fides” has no rendering"),
        ("", b"a,b\na,c", "has another rendering above"),
        ("", "ratio,raison\xe9".encode("latin-1"), "not in UTF-8"),
    ],
)
def test_mistakes_are_told_by_line_and_nothing_is_lost(
    as_role: Callable[[str], Client], book: Book, terms: str, file: bytes, sentence: str
) -> None:
    glossary.replace(book, "en", [Term("mos", "custom")], by="anna")
    more: dict[str, Any] = {"file": SimpleUploadedFile("t.csv", file)} if file else {}
    page = send(as_role("Editor"), book, terms, **more)
    assert sentence in said(page) and terms in page.content.decode()
    assert glossary.terms_of(book.pk, "en") == (Term("mos", "custom"),)


def test_what_became_old_is_one_click_away(operator: Client, book: Book) -> None:
    translated(book.pages.get())
    page = send(operator, book, "textus = words")
    assert "1 page was translated with other terms" in said(page)
    order = operator.get(page.context["again"])
    assert order.context["outlook"].pages == 1
    assert "Glossary" in said(operator.get(f"/admin/books/book/{book.pk}/change/"))


def test_a_viewer_looks_and_a_language_that_is_none_is_told(
    as_role: Callable[[str], Client], book: Book
) -> None:
    viewer = as_role("Viewer")
    assert viewer.get(address(book)).status_code == 200
    assert send(viewer, book, "a = b").status_code == 403
    assert glossary.terms_of(book.pk, "en") == ()
    assert "is not a language" in said(viewer.get(address(book, "qqq zzz")))
    assert viewer.get("/admin/books/book/none/glossary/").status_code == 404
