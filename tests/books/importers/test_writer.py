"""Imported books become rows: stable numbers, nothing lost, nothing twice (I45, I46)."""

import json
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from books.importers import ImportedBook, ImportedPage, ImportRefused
from books.importers.iiif import parse
from books.importers.writer import SaveReport, save
from books.models import Book, Page, PageText
from tests.support import pages as images

pytestmark = pytest.mark.django_db
MANIFESTS = Path(__file__).parents[2] / "material" / "manifests"


def leaf(name: str, **more: Any) -> ImportedPage:
    """A page of a canvas with this name."""
    return ImportedPage(
        f"https://lib.example/{name}", label=name, image_url=f"https://img.example/{name}.jpg", **more
    )


def book(*names: str, **more: Any) -> ImportedBook:
    """A book of such pages."""
    return ImportedBook(title="Ars", source_id="https://lib.example/m", pages=tuple(map(leaf, names)), **more)


def numbered(report: SaveReport) -> list[tuple[int, str]]:
    """Numbers and labels, in order."""
    return list(report.book.pages.order_by("number").values_list("number", "label"))


def test_a_book_and_its_pages_are_saved() -> None:
    report = save(book("1r", "1v", author="Horatius", language="la", year=1520, rights="PD"), actor="ann")
    made = Book.objects.get()
    assert (report.created, report.added) == (True, 2)
    assert (made.title, made.author, made.language, made.year, made.rights) == (
        "Ars",
        "Horatius",
        "la",
        1520,
        "PD",
    )
    assert (made.created_by, made.pages_count) == ("ann", 2)
    assert numbered(report) == [(1, "1r"), (2, "1v")]
    assert report.sentence() == "Imported Ars: 2 pages."


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_real_manifest_is_saved_in_order_and_again_without_change(path: Path) -> None:
    imported = parse(path.read_bytes())
    report = save(imported, actor="ann")
    rows = list(report.book.pages.order_by("number"))
    assert [row.number for row in rows] == list(range(1, len(imported.pages) + 1))
    assert [(row.label, row.canvas_id, row.image_url, row.service) for row in rows] == [
        (page.label, page.canvas_id, page.image_url, page.service) for page in imported.pages
    ]
    for row in rows:
        row.full_clean()
    before = [list(Book.objects.values()), list(Page.objects.order_by("id").values())]
    again = save(imported, actor="ben")
    assert (again.created, again.added, again.updated) == (False, 0, 0)
    assert "nothing has changed" in again.sentence()
    assert [list(Book.objects.values()), list(Page.objects.order_by("id").values())] == before


def test_i46_the_same_book_again_updates_adds_and_keeps_every_text() -> None:
    first = save(book("1r", "1v", "2r"), actor="ann")
    page = first.book.pages.get(number=2)
    text = PageText.objects.create(
        page=page, kind="ocr", data="quid", text_sha256="x", source="human", is_current=True
    )
    news = book("1r", "1v", "2r", "2v", rights="CC0")
    changed = replace(news, pages=(replace(news.pages[0], label="A1"), *news.pages[1:]))
    report = save(changed, actor="ben")
    assert (report.created, report.added, report.updated, report.unchanged) == (False, 1, 1, 2)
    assert numbered(report) == [(1, "A1"), (2, "1v"), (3, "2r"), (4, "2v")]
    assert list(PageText.objects.all()) == [text]
    assert Book.objects.get().rights == "CC0"
    assert Book.objects.get().created_by == "ann"


def test_i45_numbers_stay_when_the_library_inserts_or_removes_a_page() -> None:
    save(book("1r", "1v", "2r"), actor="ann")
    report = save(book("1r", "new", "2r"), actor="ann")
    assert numbered(report) == [(1, "1r"), (2, "1v"), (3, "2r"), (4, "new")]
    assert (report.missing, report.late) == ([2], [4])
    assert "no longer at the library: pages 2" in report.sentence()
    assert "put at the end: pages 4" in report.sentence()


def test_canvas_ids_that_repeat_are_told_apart_by_their_place() -> None:
    save(book("a", "a", "b"), actor="ann")
    report = save(book("a", "a", "b", "a"), actor="ann")
    assert (report.added, report.updated, report.unchanged) == (1, 0, 3)
    assert numbered(report) == [(1, "a"), (2, "a"), (3, "b"), (4, "a")]


def test_what_a_person_corrected_is_kept_and_what_nobody_touched_follows_the_library() -> None:
    save(book("1r", author="Horaz", rights="PD"), actor="ann")
    Book.objects.update(author="Q. Horatius Flaccus")
    report = save(book("1r", author="Horace", rights="CC0", year=1520), actor="ann")
    made = Book.objects.get()
    assert (made.author, made.rights, made.year) == ("Q. Horatius Flaccus", "CC0", 1520)
    assert report.kept == ["author"]
    assert "kept as corrected here: author" in report.sentence()


def test_what_the_library_no_longer_says_is_not_erased() -> None:
    save(book("1r", author="Horaz", language="la"), actor="ann")
    save(book("1r"), actor="ann")
    assert (Book.objects.get().author, Book.objects.get().language) == ("Horaz", "la")


def test_a_book_that_a_script_made_is_recognised_by_its_images() -> None:
    made = Book.objects.create(title="By script", source_id="https://lib.example/m")
    Page.objects.create(book=made, number=7, image_url="https://img.example/1v.jpg", label="1v")
    report = save(book("1r", "1v"), actor="ann")
    assert report.book.pk == made.pk
    assert numbered(report) == [(7, "1v"), (8, "1r")]
    assert made.pages.get(number=7).canvas_id == "https://lib.example/1v"
    assert Book.objects.get().title == "By script"


def test_another_image_makes_what_was_known_of_the_old_one_untrue() -> None:
    made = save(book("1r", "1v"), actor="ann").book
    made.pages.update(image_sha256="abc", ink=0.0, blank=True)
    news = book("1r", "1v")
    save(
        replace(news, pages=(replace(news.pages[0], image_url="https://img.example/x.jpg"), news.pages[1])),
        actor="x",
    )
    assert list(made.pages.order_by("number").values_list("image_sha256", "blank")) == [
        ("", False),
        ("abc", True),
    ]


def test_an_image_that_a_person_stored_is_not_replaced_by_an_address() -> None:
    made = save(book("1r"), actor="ann").book
    made.pages.update(image_file="images/better.jpg", image_sha256="abc")
    news = book("1r")
    save(replace(news, pages=(replace(news.pages[0], image_url="https://img.example/x.jpg"),)), actor="ann")
    assert list(made.pages.values_list("image_file", "image_sha256")) == [("images/better.jpg", "abc")]


def test_books_without_identifier_are_books_of_their_own() -> None:
    for _ in range(2):
        save(replace(book("1r"), source_id=""), actor="ann")
    assert Book.objects.count() == 2


def test_a_book_without_pages_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no pages"):
        save(book(), actor="ann")
    assert not Book.objects.exists()


def stored_leaf(name: str, raw: bytes) -> ImportedPage:
    """A page whose image comes with its source."""
    return ImportedPage(f"file:{name}", label=name, file_name=name, read=lambda: raw)


def stored(name: str) -> bytes:
    """What the file storage has under this name."""
    with default_storage.open(name) as file:
        return bytes(file.read())


def test_images_that_come_along_are_stored_and_only_once() -> None:
    one, two = images.printed(1), images.printed(2)
    source = ImportedBook(
        "Ars", source_id="f", pages=(stored_leaf("1.jpg", one), stored_leaf("../../2.jpg", two))
    )
    made = save(source, actor="ann").book
    names = list(made.pages.order_by("number").values_list("image_file", flat=True))
    assert [stored(name) for name in names] == [one, two]
    assert all(name.startswith(f"images/{made.pk}/") for name in names)
    assert save(source, actor="ann").updated == 0
    changed = replace(source, pages=(stored_leaf("1.jpg", two), source.pages[1]))
    assert save(changed, actor="ann").updated == 1
    assert stored(made.pages.get(number=1).image_file) == two


def test_when_saving_fails_nothing_is_left_behind() -> None:
    def broken() -> bytes:
        raise ImportRefused("The file is damaged.")

    pages = (
        stored_leaf("left-behind.jpg", images.printed(1)),
        ImportedPage("x", file_name="2.jpg", read=broken),
    )
    with pytest.raises(ImportRefused):
        save(ImportedBook("Ars", source_id="f", pages=pages), actor="ann")
    assert not Book.objects.exists()
    folders = default_storage.listdir("images")[0] if default_storage.exists("images") else []
    assert not any(default_storage.exists(f"images/{folder}/left-behind.jpg") for folder in folders)


def manifest(count: int) -> bytes:
    """A manifest of many canvases with image services."""
    canvases = [
        {
            "@id": f"https://lib.example/c/{n}", "label": f"f. {n}", "width": 2000, "height": 3000,
            "images": [{"resource": {
                "@id": f"https://iiif.example/{n}/full/full/0/default.jpg", "width": 2000, "height": 3000,
                "service": {"@id": f"https://iiif.example/{n}", "profile": "http://iiif.io/api/image/2/level2.json"},
            }}],
        } for n in range(1, count + 1)
    ]  # fmt: skip
    return json.dumps(
        {"@id": "https://lib.example/big", "label": "Big", "sequences": [{"canvases": canvases}]}
    ).encode()


def test_900_canvases_need_few_statements_and_no_image(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    raw = manifest(900)
    with django_assert_max_num_queries(40):
        report = save(parse(raw), actor="ann")
    assert report.added == 900
    with django_assert_max_num_queries(10):
        assert save(parse(raw), actor="ann").unchanged == 900


def test_memory_grows_with_the_manifest_alone() -> None:
    raw = manifest(5000)
    tracemalloc.start()
    save(parse(raw), actor="ann")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80_000_000


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_book_at_once_make_one_book() -> None:
    errors: list[Exception] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            save(book("1r", "1v", "2r"), actor="ann")
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Book.objects.count() == 1
    assert list(Page.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
