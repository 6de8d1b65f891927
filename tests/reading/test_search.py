"""The search page and the search box of the list of books."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from books import search
from books.models import Book, Kind, Page
from books.search_query import SearchQuery
from books.snippets import snippet
from tests.reading.conftest import write
from tests.support.library import make_book


def marked(data: str, typed: str) -> str:
    pieces = snippet(data, SearchQuery(typed))
    return "".join(f"<{text}>" if mark else text for text, mark in pieces)


@pytest.mark.parametrize(
    ("data", "typed", "shown"),
    [
        ("Arma uirumq;, cano", "virumq cano", "Arma <uirumq>;, <cano>"),
        ("Cæſar æ", "caesar", "<Cæſar> æ"),
        ("impera-\ntor [[unclear: venit]]", '"imperator venit"', "<imperator venit>"),
        ("בְּרֵאשִׁית בָּרָא", "בראשית", "<בְּרֵאשִׁית> בָּרָא"),
        ("ὁ Λόγος ἦν", "λογος", "ὁ <Λόγος> ἦν"),
        ("天下爲公", "下爲", "天<下爲>公"),
        ("imperatores", "imper*", "<imperatores>"),
        ("arma", "cano", ""),
    ],
)
def test_found_words_are_marked_as_they_are_spelt(data: str, typed: str, shown: str) -> None:
    assert marked(data, typed) == shown


def test_a_snippet_is_some_places_of_a_long_text() -> None:
    long = "arma " + "et cetera " * 100 + "virum " + "et cetera " * 100
    shown = marked(long, "arma virum")
    assert shown.startswith("<arma> et cetera") and shown.endswith(" … ") and "<virum>" in shown
    assert len(shown) < 600
    assert len(marked("arma " * 5000, "arma")) < 3000
    assert len(marked(("x" * 500 + " arma ") * 50, "arma")) < 900


def test_it_shows_the_words_in_their_place_with_a_link_to_the_room(editor: Client, page: Page) -> None:
    write(page, "Arma <b>uirumque</b> cano & troiae")
    html = editor.get("/search/", {"q": "VIRUMQUE"}).content.decode()
    assert "Arma &lt;b&gt;<mark>uirumque</mark>&lt;/b&gt; cano &amp; troiae" in html
    assert f'href="/read/{page.pk}/"' in html and "1 text has these words" in html
    assert 'lang="la"' in html


def test_filters_narrow_it_and_say_so_when_nothing_is_left(editor: Client, page: Page) -> None:
    write(page, "uia")
    write(page, "uia", Kind.TRANSLATION)
    assert editor.get("/search/", {"q": "via"}).context["pages"].paginator.count == 2
    assert editor.get("/search/", {"q": "via", "kind": "ocr"}).context["pages"].paginator.count == 1
    assert editor.get("/search/", {"q": "via", "language": "en"}).context["pages"].paginator.count == 1
    assert editor.get("/search/", {"q": "via", "book": page.book_id}).context["pages"].paginator.count == 2
    html = editor.get("/search/", {"q": "via", "apart": "1"}).content.decode()
    assert "Take a filter away" in html and "checked" in html


@pytest.mark.parametrize(
    "typed",
    ["", "…", "\0", '"', "'); --", '"><script>alert(1)</script>', "x" * 5000, "NEAR(", "%s", "\ud800"],
)
def test_whatever_is_typed_the_page_answers(editor: Client, page: Page, typed: str) -> None:
    write(page, "textus")
    for name in ("q", "kind", "language", "book", "page"):
        answer = editor.get(f"/search/?q=textus&{name}={quote(typed, errors='surrogatepass')}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()


def test_it_is_in_pages_and_takes_few_queries(
    editor: Client, db: None, django_assert_max_num_queries: Any
) -> None:
    book = Book.objects.create(title="Long", language="la")
    for number in range(1, 46):
        write(Page.objects.create(book=book, number=number), "arma")
    with django_assert_max_num_queries(14):
        html = editor.get("/search/", {"q": "arma", "kind": "ocr", "page": "2"}).content.decode()
    assert html.count("<mark>") == 20 and "2 of 3" in html
    assert "?q=arma&amp;kind=ocr&amp;page=3" in html


def test_it_counts_so_far_and_says_that_there_are_more(
    editor: Client, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("books.views.search.MOST_HITS", 2)
    for page in book.pages.all():
        write(page, "arma")
    assert "More than 2 texts" in editor.get("/search/", {"q": "arma"}).content.decode()


def test_leafing_is_the_same_where_the_words_are_common(
    editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book.objects.create(title="Long", language="la")
    for number in range(1, 61):
        write(Page.objects.create(book=book, number=number, hidden=number % 9 == 0), "arma")
    leaves = [{"q": "arma", "page": str(number)} for number in (1, 2, 3)]
    walked = [editor.get("/search/", asked).content.decode().count("<mark>") for asked in leaves]
    hits = [[hit.row.pk for hit in editor.get("/search/", asked).context["hits"]] for asked in leaves]
    monkeypatch.setattr(search, "is_common", lambda query, most: False)
    assert hits == [[hit.row.pk for hit in editor.get("/search/", asked).context["hits"]] for asked in leaves]
    assert walked == [20, 20, 14]
    monkeypatch.setattr("books.views.search.MOST_HITS", 20)
    monkeypatch.setattr("books.views.search.SURELY_MORE", 40)
    assert "More than 20 texts" in editor.get("/search/", leaves[0]).content.decode()


def test_its_styles_and_its_script_may_load(editor: Client) -> None:
    policy = editor.get("/search/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "'nonce-" in policy


def test_visitors_and_people_without_the_permission_see_nothing(
    client: Client, page: Page, django_user_model: Any
) -> None:
    write(page, "arma")
    assert client.get("/search/", {"q": "arma"}).status_code == 302
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get("/search/", {"q": "arma"}).status_code == 403


def test_the_list_of_books_finds_them_by_name_and_by_their_pages(editor: Client, page: Page) -> None:
    make_book(1, title="Arma et litterae")
    make_book(1, title="Nothing of that")
    write(page, "arma")
    html = editor.get("/admin/books/book/", {"q": "arma"}).content.decode()
    assert "Arma et litterae" in html and "Epigrammata" in html and "Nothing of that" not in html
    assert html.count("1 page found") == 1 and f"/search/?q=arma&amp;book={page.book_id}" in html
    assert editor.get("/admin/books/book/", {"q": "…"}).status_code == 200
    assert editor.get("/admin/books/book/", {"q": "a' OR \"*"}).status_code == 200
