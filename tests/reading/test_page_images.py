"""Page images as browsers get them: who may, how often they are fetched, how long they are kept."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from books import images
from books.models import Book, Page
from books.page_images import image_version, thumbnail_address
from tests.support import pages
from tests.support.origin import Origin


@pytest.fixture(autouse=True)
def forget_failures() -> Iterator[None]:
    """What could not be had is remembered in the cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def far(db: None, origin: Origin) -> Page:
    """A page whose image is at a library."""
    book = Book.objects.create(title="Far", is_public=False)
    return Page.objects.create(book=book, number=1, image_url=origin.page(1))


def publish(page: Page) -> None:
    Book.objects.filter(pk=page.book_id).update(is_public=True)


def test_i40_what_is_shown_is_byte_for_byte_what_a_model_reads(viewer: Client, page: Page) -> None:
    shown = viewer.get(f"/pages/{page.pk}/image")
    assert shown["Content-Type"] == "image/jpeg"
    assert hashlib.sha256(shown.content).hexdigest() == images.load(page).sha256
    page.refresh_from_db()
    assert page.image_sha256 == images.load(page).sha256


def test_i40_another_file_for_the_page_is_shown_at_once_and_its_hash_noted(
    viewer: Client, page: Page
) -> None:
    first = viewer.get(f"/pages/{page.pk}/image")
    page.image_file = default_storage.save("tests/other.jpg", ContentFile(pages.printed(99)))
    page.save(update_fields=["image_file"])
    second = viewer.get(f"/pages/{page.pk}/image")
    assert first.content != second.content
    page.refresh_from_db()
    assert page.image_sha256 == hashlib.sha256(second.content).hexdigest()


def test_an_image_is_fetched_once(viewer: Client, far: Page, origin: Origin) -> None:
    for _ in range(3):
        assert viewer.get(f"/pages/{far.pk}/image").status_code == 200
        assert viewer.get(f"/pages/{far.pk}/thumbnail").status_code == 200
    assert origin.requests["/page/1.jpg"] == 1


def test_a_thumbnail_is_small_and_made_once(viewer: Client, far: Page, origin: Origin) -> None:
    for _ in range(3):
        answer = viewer.get(f"/pages/{far.pk}/thumbnail")
    assert answer["Content-Type"] == "image/jpeg" and len(answer.content) < 40_000
    assert origin.requests["/page/1.jpg"] == 1


@pytest.mark.parametrize("what", ["image", "thumbnail"])
def test_nothing_is_fetched_or_told_for_strangers(
    client: Client, far: Page, origin: Origin, what: str
) -> None:
    answer = client.get(f"/pages/{far.pk}/{what}")
    assert answer.status_code == 404
    assert answer.content == client.get(f"/pages/nothing/{what}").content
    assert not origin.requests


@pytest.mark.parametrize("change", [{"hidden": True}, {}])
def test_pages_of_public_books_are_for_everybody_unless_hidden(
    client: Client, page: Page, change: Any
) -> None:
    publish(page)
    Page.objects.filter(pk=page.pk).update(**change)
    assert client.get(f"/pages/{page.pk}/image").status_code == (404 if change else 200)


def test_this_version_is_kept_for_ever_and_any_other_asked_for_again(viewer: Client, page: Page) -> None:
    viewer.get(f"/pages/{page.pk}/image")
    page.refresh_from_db()
    now = viewer.get(f"/pages/{page.pk}/image?v={image_version(page)}")
    assert now["Cache-Control"] == "private, max-age=31536000, immutable"
    assert viewer.get(f"/pages/{page.pk}/image?v=0")["Cache-Control"] == "private, no-cache"
    again = viewer.get(f"/pages/{page.pk}/image", headers={"If-None-Match": now["ETag"]})
    assert again.status_code == 304 and not again.content
    publish(page)
    assert viewer.get(f"/pages/{page.pk}/image")["Cache-Control"].startswith("public")


def test_a_list_of_a_hundred_thumbnails_takes_few_queries_each(
    viewer: Client, page: Page, django_assert_max_num_queries: Any
) -> None:
    viewer.get(thumbnail_address(page))
    with django_assert_max_num_queries(6):
        assert viewer.get(thumbnail_address(page)).status_code == 200


def test_where_there_is_no_image_there_is_a_picture_frame_and_a_sentence(
    viewer: Client, far: Page, origin: Origin
) -> None:
    far.image_url = f"{origin.url}/bad/404"
    far.save()
    frame = viewer.get(f"/pages/{far.pk}/thumbnail")
    assert frame.status_code == 200 and frame["Content-Type"] == "image/svg+xml"
    assert frame["Cache-Control"] == "no-store"
    refused = viewer.get(f"/pages/{far.pk}/image")
    assert refused.status_code in (502, 503)
    assert "answered 404" in refused.content.decode()
    asked = sum(origin.requests.values())
    viewer.get(f"/pages/{far.pk}/thumbnail")
    assert sum(origin.requests.values()) == asked


def test_a_page_without_any_image_says_so(viewer: Client, far: Page) -> None:
    Page.objects.filter(pk=far.pk).update(image_url="")
    assert "no image" in viewer.get(f"/pages/{far.pk}/image").content.decode()


def test_a_lost_file_is_a_sentence_and_no_error_page(viewer: Client, page: Page) -> None:
    default_storage.delete(page.image_file)
    assert "upload it again" in viewer.get(f"/pages/{page.pk}/image").content.decode()
