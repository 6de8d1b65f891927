"""Findings about page images and local copies of them."""

import io
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from books import findings, images, tasks
from books.importers import ImportedBook, ImportedPage
from books.importers.spreads import split
from books.importers.writer import save
from books.keeping import keep
from books.models import Book, Page
from jobs.models import PageState
from tests.admin.conftest import as_role, boss
from tests.admin.test_orders import said
from tests.api.conftest import make_book
from tests.books.importers.test_spreads import spread
from tests.imports.test_admin import queued
from tests.support.library import make_book as stored_book
from tests.support.library import order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.origin import HTML, Answer, Origin
from tests.support.pages import jpeg, printed

__all__ = ["as_role", "boss", "make_book"]
pytestmark = pytest.mark.django_db


def told(book: Book) -> list[tuple[int, str]]:
    return [(one.number, one.kind) for one in findings.of_book(book)]


def test_i41_identical_images_on_neighbouring_pages_are_flagged_once_they_were_read(
    local: LocalGemini,
) -> None:
    book = stored_book(4)
    second = book.pages.get(number=2)
    book.pages.filter(number=3).update(image_file=second.image_file)
    assert told(book) == []
    job = order_ocr(book)
    run(job)
    assert not job.ledger.exclude(state=PageState.SUCCEEDED).exists()
    assert told(book) == [(2, "same"), (3, "same")]
    second.refresh_from_db()
    assert findings.of_page(second)[0].sentence.startswith("The very same image as page 3")
    assert findings.of_page(book.pages.get(number=4)) == []


def test_a_page_between_that_is_hidden_or_unread_does_not_make_neighbours(make_book: Any) -> None:
    book = make_book(3)
    book.pages.filter(number__in=[1, 3]).update(image_sha256="a" * 64)
    assert told(book) == []
    book.pages.filter(number=2).update(hidden=True)
    assert told(book) == [(1, "same"), (3, "same")]


def test_spreads_are_told_and_their_halves_are_not(make_book: Any) -> None:
    book = make_book(3)
    book.pages.filter(number__gt=1).update(width=1600, height=1100)
    book.pages.filter(number=3).update(service={"half": "left"})
    assert told(book) == [(2, "wide")]


def test_findings_are_shown_in_the_reading_room_and_with_the_book(boss: Client, make_book: Any) -> None:
    book = make_book(2)
    book.pages.update(image_sha256="b" * 64)
    room = boss.get(reverse("reading-room", args=[book.pages.get(number=1).pk]))
    assert "The very same image as page 2" in said(room)
    shown = boss.get(reverse("admin:books_book_change", args=[book.pk]))
    assert "2 images worth a look" in said(shown)


def test_a_local_copy_is_what_was_shown_and_the_library_is_not_asked_again(
    make_book: Any, origin: Origin
) -> None:
    book = make_book(3, images=origin)
    before = {page.number: images.load(page).sha256 for page in book.pages.all()}
    asked = sum(origin.requests.values())
    assert keep(book).sentence() == "Kept a copy of 3 page images."
    assert keep(book).copied == 0
    assert sum(origin.requests.values()) == asked + 3
    for page in book.pages.all():
        assert page.image_url
        assert images.load(page).sha256 == page.image_sha256 == before[page.number]
    assert sum(origin.requests.values()) == asked + 3


def test_pages_that_cannot_be_copied_are_named_and_tried_again_next_time(
    make_book: Any, origin: Origin
) -> None:
    book = make_book(3, images=origin)
    origin.answers["/page/2.jpg"] = Answer(HTML)
    kept = keep(book)
    assert (kept.copied, list(kept.failed)) == (2, [2])
    assert "page 2: Instead of an image there came a web page" in kept.sentence()
    del origin.answers["/page/2.jpg"]
    assert keep(book).copied == 1


def test_halves_of_spreads_are_copied_as_halves(origin: Origin) -> None:
    origin.answers["/s.jpg"] = Answer(jpeg(spread()))
    leaf = ImportedPage("c", image_url=f"{origin.url}/s.jpg", width=1600, height=1100)
    imported = split(ImportedBook("Ars", source_id="s", pages=(leaf,)))
    book = save(imported, actor="ann").book
    before = [images.load(page).sha256 for page in book.pages.order_by("number")]
    keep(book)
    assert [images.load(page).sha256 for page in book.pages.order_by("number")] == before
    save(imported, actor="ann")
    assert [images.load(page).sha256 for page in book.pages.order_by("number")] == before


def test_the_admin_and_the_command_keep_copies(boss: Client, make_book: Any, origin: Origin) -> None:
    book, other = make_book(1, images=origin), make_book(1, images=origin)
    data = {"action": "keep_images", "_selected_action": [book.pk]}
    after = boss.post(reverse("admin:books_book_changelist"), data, follow=True)
    assert "copied in the background" in said(after)
    assert queued() == [("books.tasks.keep_images", (book.pk,))]
    assert tasks.keep_images(book.pk) == {"ok": True, "sentence": "Kept a copy of 1 page images."}
    out = io.StringIO()
    call_command("keep_images", other.pk, stdout=out)
    assert "Kept a copy of 1 page images." in out.getvalue()
    assert not Page.objects.filter(image_file="").exists()
    assert all(default_storage.exists(page.image_file) for page in Page.objects.all())


def test_a_stored_copy_of_somebody_faster_stays(make_book: Any, origin: Origin) -> None:
    book = make_book(1, images=origin)
    stale = book.pages.get()
    keep(book)
    name = book.pages.get().image_file
    from books.keeping import _store

    assert not _store(stale, images.normalise(printed(1), max_side=1500, max_pixels=10**8))
    assert book.pages.get().image_file == name
    assert len(default_storage.listdir(f"images/{book.pk}")[1]) == 1


@pytest.mark.parametrize("args", [[], ["nothing"], ["--all", "x"]])
def test_the_command_says_what_is_wrong_with_its_arguments(args: list[str]) -> None:
    with pytest.raises(CommandError, match=r"Name books|no book"):
        call_command("keep_images", *args)
