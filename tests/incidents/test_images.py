"""I40 to I46: hostile image hosts, odd formats, imports; always through whole jobs."""

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from pytest_django.fixtures import Settings

from books import findings, page_images
from books.importers import writer
from books.importers.base import ImportedBook, ImportedPage
from books.importers.folder import natural
from books.models import Book, Page, PageText
from books.reading import Column
from jobs import lifecycle
from jobs.lifecycle import NewJob
from jobs.models import Job
from tests.incidents.support import TESTER, ledger, make_book, order_ocr, row, run, texts_of, write_text
from tests.support import pages as drawn
from tests.support.localgemini import LocalGemini, mark_of
from tests.support.origin import Answer, Origin

pytestmark = pytest.mark.django_db


def book_at(urls: list[str], **fields: Any) -> Book:
    """A book whose pages have their images at these addresses."""
    book = Book.objects.create(title="Epodi", language="la")
    for number, url in enumerate(urls, 1):
        Page.objects.create(book=book, number=number, image_url=url, **fields)
    book.recount()
    return book


def read(book: Book) -> Job:
    job = order_ocr(book)
    run(job)
    return job


# --- I40: the image read is the one shown ---


def test_i40_what_is_shown_is_byte_for_byte_what_was_read(local: LocalGemini, origin: Origin) -> None:
    book = book_at([origin.page(1)])
    read(book)
    page, text = book.pages.get(), PageText.objects.get()
    shown = page_images.image_bytes(page)
    assert mark_of(shown) in text.data
    assert text.image_sha256 == page.image_sha256


def test_i40_a_stored_scan_wins_over_the_address_for_reader_and_model(
    local: LocalGemini, origin: Origin
) -> None:
    book = book_at([origin.page(1)])
    name = default_storage.save(f"tests/{book.pk}/own.jpg", ContentFile(drawn.printed(9, book="OWN")))
    book.pages.update(image_file=name)
    read(book)
    assert "page 9 of OWN" in texts_of(book)[1]
    assert not origin.requests


def test_i40_a_page_whose_image_changed_says_so(local: LocalGemini, origin: Origin) -> None:
    book = book_at([origin.page(1)])
    read(book)
    page = book.pages.get()
    assert not Column(page, "ocr").read_another_image
    Page.objects.filter(pk=page.pk).update(image_sha256="f" * 64)
    assert Column(book.pages.get(), "ocr").read_another_image


# --- I41: error pages and placeholders ---


@pytest.mark.parametrize("bad", ["html", "empty", "too-short"])
def test_i41_what_is_no_image_fails_its_page_with_the_reason(
    local: LocalGemini, origin: Origin, bad: str
) -> None:
    book = book_at([origin.page(1), f"{origin.url}/bad/{bad}", origin.page(3)])
    job = read(book)
    assert ledger(job) == {"succeeded": 2, "failed": 1}
    assert row(job, 2).reason == "image"
    assert len(row(job, 2).error) > 20
    assert local.sent()["total"] == 2


def test_i41_the_same_image_on_neighbours_is_pointed_out(local: LocalGemini, origin: Origin) -> None:
    book = book_at([origin.page(1), origin.page(1), origin.page(3)])
    read(book)
    assert [(one.number, one.kind) for one in findings.of_book(book)] == [(1, "same"), (2, "same")]


# --- I42: everything a host can do ---

# Bounded: a page may take as long as the slowest of these is allowed to, never longer.
NASTY = (
    "401", "403", "404", "429", "429-long", "500", "503", "cut-off", "endless", "loop", "ping", "gzip-bomb",
    "png-bomb", "20000px", "slow", "slow-header",
)  # fmt: skip


def test_i42_no_host_stops_the_job_and_each_page_says_what_was_wrong(
    local: LocalGemini, origin: Origin, settings: Settings
) -> None:
    settings.FETCH_TIMEOUT, settings.FETCH_MAX_BYTES = 1.5, 3_000_000
    settings.IMAGE_MAX_PIXELS, settings.MAX_ATTEMPTS = 50_000_000, 1
    # The good pages come from another host: one that misbehaves is left alone for a while.
    good = [origin.page(number).replace("127.0.0.1", "localhost") for number in (1, 99)]
    book = book_at([good[0], *[f"{origin.url}/bad/{name}" for name in NASTY], good[1]])
    started = time.monotonic()
    job = read(book)
    assert time.monotonic() - started < 60
    assert ledger(job) == {"succeeded": 2, "failed": len(NASTY)}
    for number, name in enumerate(NASTY, 2):
        failed = row(job, number)
        assert failed.reason == "image", name
        assert failed.error.endswith((".", ")")), failed.error
    assert job.status == "completed"


def test_i42_a_host_that_recovers_is_asked_again(local: LocalGemini, origin: Origin) -> None:
    origin.answers["/sometimes.jpg"] = Answer(b"oops", status=503, headers={"Retry-After": "0"})
    book = book_at([f"{origin.url}/sometimes.jpg"])
    job = order_ocr(book)
    lifecycle.advance(job.pk, TESTER)
    origin.answers["/sometimes.jpg"] = Answer(drawn.printed(1, book="LATER"))
    run(job)
    assert ledger(job) == {"succeeded": 1}


def test_i42_an_outer_host_gets_one_request_at_a_time(
    local: LocalGemini, origin: Origin, settings: Settings
) -> None:
    settings.FETCH_HOST_CONCURRENCY = "127.0.0.1=1"
    origin.delay = 0.05
    job = read(book_at([origin.page(number) for number in range(1, 7)]))
    assert ledger(job) == {"succeeded": 6}
    assert origin.most_at_once == 1


# --- I43: the inside of the network ---


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/scan.jpg",
        "http://[::1]/scan.jpg",
        "http://[::ffff:169.254.169.254]/scan.jpg",
        "http://0x7f000001/scan.jpg",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ],
)
def test_i43_inner_addresses_are_refused_and_nothing_is_sent(
    local: LocalGemini, settings: Settings, url: str
) -> None:
    settings.FETCH_ALLOWED_HOSTS = []
    job = read(book_at([url]))
    assert ledger(job) == {"failed": 1}
    assert "root:" not in row(job, 1).error
    assert local.sent()["total"] == 0


def test_i43_the_tests_own_host_is_refused_too_unless_it_is_allowed(
    local: LocalGemini, origin: Origin, settings: Settings
) -> None:
    """Negative control: the same page is read where the settings allow its host."""
    settings.FETCH_ALLOWED_HOSTS = []
    assert ledger(read(book_at([origin.page(1)]))) == {"failed": 1}
    assert not origin.requests
    settings.FETCH_ALLOWED_HOSTS = ["127.0.0.1"]
    assert ledger(read(book_at([origin.page(1)]))) == {"succeeded": 1}


@pytest.mark.parametrize("bad", ["to-metadata", "to-private", "to-file"])
def test_i43_a_redirect_does_not_lead_inside(local: LocalGemini, origin: Origin, bad: str) -> None:
    job = read(book_at([f"{origin.url}/bad/{bad}"]))
    assert ledger(job) == {"failed": 1}
    assert local.sent()["total"] == 0


# --- I44: odd formats ---


def picture(mode: str = "RGB") -> Image.Image:
    return Image.open(io.BytesIO(drawn.printed(1, 600, 800))).convert(mode)


def deep() -> Image.Image:
    """16 bits of grey."""
    grey = picture("L").convert("I")
    return grey.point(lambda value: value * 257).convert("I;16")


FORMATS: dict[str, Callable[[], bytes]] = {
    "cmyk.jpg": lambda: drawn.encoded(picture("CMYK"), "JPEG"),
    "grey.jpg": lambda: drawn.encoded(picture("L"), "JPEG"),
    "palette.png": lambda: drawn.encoded(picture().quantize(16), "PNG"),
    "alpha.png": lambda: drawn.encoded(picture("RGBA"), "PNG"),
    "deep.png": lambda: drawn.encoded(deep(), "PNG"),
    "bilevel.tif": lambda: drawn.encoded(picture("1"), "TIFF", compression="group4"),
    "page.jp2": lambda: drawn.encoded(picture(), "JPEG2000"),
    "page.webp": lambda: drawn.encoded(picture(), "WEBP"),
}


def test_i44_every_format_is_sent_as_an_rgb_jpeg(local: LocalGemini, origin: Origin) -> None:
    for name, make in FORMATS.items():
        origin.answers[f"/{name}"] = Answer(make(), headers={"Content-Type": "application/octet-stream"})
    book = book_at([f"{origin.url}/{name}" for name in FORMATS])
    job = read(book)
    assert ledger(job) == {"succeeded": len(FORMATS)}
    for page in book.pages.all():
        sent = Image.open(io.BytesIO(page_images.image_bytes(page)))
        assert (sent.format, sent.mode) == ("JPEG", "RGB") or sent.mode == "L", page.image_url
        assert sent.size == (600, 800)


def test_i44_a_page_lying_on_its_side_is_sent_upright(local: LocalGemini, origin: Origin) -> None:
    lying = picture().rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it upright
    origin.answers["/lying.jpg"] = Answer(drawn.encoded(lying, "JPEG", exif=exif))
    book = book_at([f"{origin.url}/lying.jpg"])
    read(book)
    sent = Image.open(io.BytesIO(page_images.image_bytes(book.pages.get())))
    assert sent.size == (600, 800)
    assert sent.getexif().get(0x0112) in (None, 1)


# --- I45: order and stable numbers ---


def imported(names: list[str], origin: Origin, **fields: Any) -> ImportedBook:
    """A book as an importer understood it; each name is a page, its canvas and its image."""
    found = tuple(
        ImportedPage(canvas_id=name, label=name, image_url=f"{origin.url}/{name}.jpg") for name in names
    )
    return ImportedBook(title="Epodi", language="la", source_id="library:7", pages=found, **fields)


def test_i45_page10_comes_after_page2() -> None:
    names = ["page10", "Page2", "page1", "f. 1r", "page02b"]
    assert sorted(names, key=natural) == ["f. 1r", "page1", "Page2", "page02b", "page10"]


def test_i45_a_page_that_vanished_at_the_library_renumbers_nothing(
    local: LocalGemini, origin: Origin
) -> None:
    for name in ("a", "b", "c"):
        origin.answers[f"/{name}.jpg"] = Answer(drawn.printed(1, book=name.upper()))
    book = writer.save(imported(["a", "b", "c"], origin), actor="tester").book
    read(book)
    report = writer.save(imported(["a", "c"], origin), actor="tester")
    assert report.missing == [2]
    assert [page.label for page in book.pages.order_by("number")] == ["a", "b", "c"]
    assert {number: text.splitlines()[1] for number, text in texts_of(book).items()} == {
        1: "page 1 of A",
        2: "page 1 of B",
        3: "page 1 of C",
    }


def test_i45_hidden_pages_keep_their_numbers_and_are_not_sent(local: LocalGemini) -> None:
    book = make_book(4)
    book.pages.filter(number=2).update(hidden=True)
    job = lifecycle.create(NewJob("batch_ocr", None, book.pk), TESTER).job
    run(job)
    assert sorted(texts_of(book)) == [1, 3, 4]
    assert local.sent()["total"] == 3


# --- I46: imported twice ---


def test_i46_importing_again_updates_adds_and_removes_no_text(local: LocalGemini, origin: Origin) -> None:
    for name in ("a", "b", "c"):
        origin.answers[f"/{name}.jpg"] = Answer(drawn.printed(1, book=name.upper()))
    book = writer.save(imported(["a", "b"], origin), actor="tester").book
    read(book)
    write_text(book.pages.get(number=1), "Read by a person.", source="human")
    report = writer.save(imported(["a", "b", "c"], origin, author="Horatius"), actor="tester")
    assert (report.created, report.added, report.book.pk) == (False, 1, book.pk)
    assert Book.objects.count() == 1
    book.refresh_from_db()
    assert book.author == "Horatius"
    assert texts_of(book)[1] == "Read by a person."
    assert PageText.objects.count() == 3
    job = lifecycle.create(NewJob("batch_ocr", None, book.pk), TESTER).job
    run(job)
    assert local.sent()["total"] == 3
