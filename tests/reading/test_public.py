"""Public reading: for everybody what was made public, and nothing else."""

import pytest
from django.test import Client

from books.models import Book, Kind, Page
from tests.reading.conftest import write


@pytest.fixture
def public(book: Book) -> Book:
    """The book, made public."""
    book.is_public = True
    book.rights = "https://creativecommons.org/publicdomain/mark/1.0/"
    book.attribution = 'Scan by <a href="https://www.e-rara.ch">e-rara</a><script>alert(1)</script>'
    book.source_url = "javascript:alert(1)"
    book.save()
    return book


def test_a_page_has_scan_texts_provenance_and_rights(client: Client, public: Book, page: Page) -> None:
    write(page, "Arma [[margin: nota]]")
    write(page, "Of arms", Kind.TRANSLATION)
    html = client.get(f"/library/{public.pk}/1/").content.decode()
    assert f"/pages/{page.pk}/image?v=" in html
    assert 'lang="la"' in html and "Of arms" in html and "tag-margin" in html
    assert "made by a machine and may be wrong" in html and "gemini-3.5-flash-lite" in html
    assert 'href="https://creativecommons.org/publicdomain/mark/1.0/"' in html
    assert 'href="https://www.e-rara.ch"' in html
    assert "<script" not in html and "javascript:" not in html
    assert client.get(f"/pages/{page.pk}/image").status_code == 200


def test_there_is_nothing_of_the_admin_and_no_cookie(client: Client, public: Book, page: Page) -> None:
    write(page, "Arma")
    for path in ("/library/", f"/library/{public.pk}/", f"/library/{public.pk}/1/"):
        answer = client.get(path)
        assert "/admin/" not in answer.content.decode() and "/read/" not in answer.content.decode()
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("path", ["", "1/", "2/"])
@pytest.mark.parametrize("change", [{"is_public": False}, {"hidden": True}])
def test_a_book_that_is_not_public_does_not_exist(
    client: Client, public: Book, path: str, change: dict[str, bool]
) -> None:
    Book.objects.filter(pk=public.pk).update(**change)
    answer = client.get(f"/library/{public.pk}/{path}")
    assert answer.status_code == 404
    assert answer.content == client.get(f"/library/nothing/{path}").content
    assert public.title not in client.get("/library/").content.decode()


def test_not_even_for_staff(editor: Client, book: Book) -> None:
    assert editor.get(f"/library/{book.pk}/1/").status_code == 404


def test_hidden_and_missing_pages_are_404(client: Client, public: Book) -> None:
    Page.objects.filter(book=public, number=2).update(hidden=True)
    assert client.get(f"/library/{public.pk}/2/").status_code == 404
    assert client.get(f"/library/{public.pk}/{'9' * 30}/").status_code == 404
    html = client.get(f"/library/{public.pk}/1/").content.decode()
    assert f"/library/{public.pk}/3/" in html and f"/library/{public.pk}/2/" not in html


def test_it_can_be_cached_until_something_changes(client: Client, public: Book, page: Page) -> None:
    write(page, "Arma")
    path = f"/library/{public.pk}/1/"
    first = client.get(path)
    assert "public" in first["Cache-Control"] and "max-age=60" in first["Cache-Control"]
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
    write(page, "Arma virumque")
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_pages_without_texts_say_why(client: Client, public: Book) -> None:
    Page.objects.filter(book=public, number=2).update(blank=True)
    assert "not been transcribed yet" in client.get(f"/library/{public.pk}/1/").content.decode()
    assert "This page is blank" in client.get(f"/library/{public.pk}/2/").content.decode()


def test_a_text_by_a_person_carries_no_machine_notice(client: Client, public: Book, page: Page) -> None:
    write(page, "Arma", source="human")
    html = client.get(f"/library/{public.pk}/1/").content.decode()
    assert "Edited by a person" in html and "may be wrong" not in html


def test_the_lists_show_covers_in_few_queries(
    client: Client, public: Book, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        html = client.get("/library/").content.decode()
    assert public.title in html and "/thumbnail?v=" in html
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert client.get(f"/library/{public.pk}/").content.decode().count("/thumbnail?v=") == 3
