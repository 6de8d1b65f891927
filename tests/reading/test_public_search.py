"""Search for readers: words in their context on public pages, and nothing of what is not public."""

import pytest
from django.test import Client

from books.models import Book, Kind, Page
from tests.reading.conftest import write

EVIL = "<b>Arma</b> virumque cano, Troiae qui primus ab oris"


@pytest.fixture
def public(book: Book) -> Book:
    """The book, made public, with a text on its first page."""
    Book.objects.filter(pk=book.pk).update(is_public=True)
    book.refresh_from_db()
    write(book.pages.get(number=1), EVIL)
    return book


def found(client: Client, path: str, words: str) -> str:
    answer = client.get(path, {"q": words})
    assert answer.status_code == 200
    return answer.content.decode()


def test_words_are_found_in_their_context_and_lead_to_the_page(client: Client, public: Book) -> None:
    html = found(client, f"/library/{public.pk}/search/", "VIRUMQUE")
    assert "<mark>virumque</mark> cano" in html
    assert f'href="/library/{public.pk}/1/?q=VIRUMQUE"' in html
    assert "<b>Arma" not in html and "1 text has these words." in html


def test_the_page_shows_where_the_words_stand(client: Client, public: Book) -> None:
    html = found(client, f"/library/{public.pk}/1/", "troiae")
    assert "“troiae” on this page" in html and "<mark>Troiae</mark>" in html
    assert "Not all of these words are on this page." in found(client, f"/library/{public.pk}/1/", "nusquam")
    assert "on this page" not in found(client, f"/library/{public.pk}/1/", "?!")


def test_book_page_and_library_have_the_box(client: Client, public: Book) -> None:
    for path in (f"/library/{public.pk}/", f"/library/{public.pk}/1/"):
        assert f'action="/library/{public.pk}/search/"' in client.get(path).content.decode()
    assert 'action="/library/search/"' in client.get("/library/").content.decode()


def test_all_public_books_are_searched_at_once(client: Client, public: Book) -> None:
    html = found(client, "/library/search/", "virumque")
    assert f"/library/{public.pk}/1/?q=virumque" in html and public.title[:20] in html


@pytest.mark.parametrize("change", [{"is_public": False}, {"hidden": True}])
def test_what_is_not_public_is_not_found(client: Client, public: Book, change: dict[str, bool]) -> None:
    Book.objects.filter(pk=public.pk).update(**change)
    html = found(client, "/library/search/", "virumque")
    assert "virumque</mark>" not in html and "No text has all these words" in html
    assert client.get(f"/library/{public.pk}/search/", {"q": "virumque"}).status_code == 404


def test_hidden_pages_and_older_versions_are_not_found(client: Client, public: Book) -> None:
    write(public.pages.get(number=2), "Musa mihi causas memora")
    assert "<mark>Musa</mark>" in found(client, "/library/search/", "musa")
    Page.objects.filter(book=public, number=2).update(hidden=True)
    assert "<mark>" not in found(client, "/library/search/", "musa")
    write(public.pages.get(number=1), "Other words now", source="human")
    assert "<mark>" not in found(client, "/library/search/", "virumque")


def test_translations_are_found_too(client: Client, public: Book) -> None:
    write(public.pages.get(number=1), "Of arms and the man I sing", Kind.TRANSLATION)
    assert "<mark>arms</mark>" in found(client, f"/library/{public.pk}/search/", "arms")
    assert "<mark>arms</mark>" in found(client, f"/library/{public.pk}/1/", "arms")


def test_answers_can_be_cached_and_carry_no_cookie(client: Client, public: Book) -> None:
    path = f"/library/{public.pk}/search/?q=arma"
    first = client.get(path)
    assert "public" in first["Cache-Control"] and not first.cookies
    assert "/admin/" not in first.content.decode()
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
    write(public.pages.get(number=2), "Arma again")
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    "words", ["", "?!", '"', "a" * 5000, "\0x", "<script>alert(1)</script>", "%27 OR 1=1", "*"]
)
def test_whatever_is_typed_is_answered(client: Client, public: Book, words: str) -> None:
    for path in ("/library/search/", f"/library/{public.pk}/search/", f"/library/{public.pk}/1/"):
        assert "<script" not in found(client, path, words)


def test_a_search_takes_few_queries_whatever_is_found(
    client: Client, public: Book, django_assert_max_num_queries: object
) -> None:
    for number in (2, 3):
        write(public.pages.get(number=number), "Arma iterum")
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert found(client, f"/library/{public.pk}/search/", "arma").count("<mark>") == 3
