"""PDF files: embedded scans as they are, other pages rendered."""

import io

import pytest
from PIL import Image

from books.importers import Given, ImportedBook, ImportRefused, read
from books.importers.writer import save
from books.models import Book
from tests.support import pages

pytestmark = pytest.mark.django_db


def pdf(images: list[Image.Image], **told: str) -> bytes:
    """A PDF with one image on each page, as scanners make them."""
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], **told)
    return out.getvalue()


def leaf(number: int) -> Image.Image:
    """A printed page."""
    return Image.open(io.BytesIO(pages.printed(number)))


def bytes_of(raw: bytes) -> list[bytes]:
    """The images of its pages, read while it is open."""
    (got,) = [[page.read() for page in book.pages if page.read] for book in read(given(raw))]
    return got


def given(raw: bytes) -> Given:
    """The file as it was uploaded."""
    return Given(name="scan.pdf", file=io.BytesIO(raw))


def book_in(raw: bytes) -> ImportedBook:
    """The book in it."""
    (book,) = read(given(raw))
    return book


def test_embedded_scans_are_taken_as_they_are() -> None:
    raw = pdf([leaf(1), leaf(2)], title="Ars", author="Horatius")
    book = book_in(raw)
    assert (book.title, book.author, len(book.pages)) == ("Ars", "Horatius", 2)
    for scan in bytes_of(raw):
        assert scan in raw
        assert Image.open(io.BytesIO(scan)).size == leaf(1).size


def test_a_page_without_embedded_jpeg_is_rendered() -> None:
    (scan,) = bytes_of(pdf([leaf(1).convert("1")]))
    seen = Image.open(io.BytesIO(scan))
    assert (seen.format, max(seen.size)) == ("JPEG", 2500)


def test_the_file_name_is_the_title_where_there_is_none() -> None:
    assert book_in(pdf([leaf(1)])).title == "scan"


def test_the_same_file_is_the_same_book() -> None:
    raw = pdf([leaf(1), leaf(2)])
    for _ in range(2):
        for book in read(given(raw)):
            report = save(book, actor="ann")
    assert report.updated == 0
    assert Book.objects.get().pages_count == 2
    assert Book.objects.get().pages.exclude(image_file="").count() == 2


@pytest.mark.parametrize("raw", [b"%PDF-1.4\n", b"%PDF-1.4\n" + b"x" * 500, pdf([leaf(1)])[:300]])
def test_a_damaged_pdf_is_refused(raw: bytes) -> None:
    with pytest.raises(ImportRefused, match="damaged"):
        bytes_of(raw)
