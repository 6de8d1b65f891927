"""Single image files: TIFFs of many pages, one page in any format; files that are two things at once."""

import io
import zipfile
from typing import Any

import pytest
from PIL import Image
from pytest_django.fixtures import Settings

from books.importers import Given, ImportedBook, ImportRefused, read
from tests.support import pages

Image_ = Image.Image


def tiff(*images: Image_, **options: Any) -> bytes:
    return pages.encoded(images[0], "TIFF", save_all=True, append_images=list(images[1:]), **options)


def shades(*values: int, mode: str = "L") -> list[Image_]:
    return [Image.new(mode, (300, 400), value) for value in values]


def given(raw: bytes, name: str) -> Given:
    return Given(name=name, file=io.BytesIO(raw))


def book_in(raw: bytes, name: str = "scan.tif") -> tuple[ImportedBook, list[bytes]]:
    """The book and the bytes of its pages."""
    (found,) = ((book, [page.read() for page in book.pages if page.read]) for book in read(given(raw, name)))
    return found


def refusal(raw: bytes, name: str = "scan.tif") -> str:
    with pytest.raises(ImportRefused) as caught:
        book_in(raw, name)
    return caught.value.sentence


def opened(raw: bytes) -> Image_:
    return Image.open(io.BytesIO(raw))


def test_each_page_of_a_tiff_is_a_page_without_loss() -> None:
    book, raws = book_in(tiff(*shades(10, 120, 250)))
    assert (book.title, len(book.pages)) == ("scan", 3)
    assert [opened(raw).getpixel((5, 5)) for raw in raws] == [10, 120, 250]
    assert [getattr(opened(raw), "n_frames") for raw in raws] == [1, 1, 1]  # noqa: B009
    assert book.oddities


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "I;16"])
def test_pages_keep_their_mode(mode: str) -> None:
    images = [Image.new(mode, (60, 80)), Image.new(mode, (60, 80))]
    assert [opened(raw).mode for raw in book_in(tiff(*images))[1]] == [mode, mode]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000"])
def test_a_single_image_is_a_book_of_one_page_with_its_own_bytes(kind: str) -> None:
    raw = pages.encoded(Image.new("RGB", (300, 400), "white"), kind)
    book, raws = book_in(raw, "leaf")
    assert raws == [raw]
    assert book.title == "leaf"


def test_a_text_that_begins_like_a_bitmap_is_none() -> None:
    with pytest.raises(ImportRefused, match="nothing that can be imported"):
        read(given(b"BM notes on the book", "notes.txt"))


def test_a_page_of_too_many_pixels_is_refused_before_it_is_decoded(settings: Settings) -> None:
    settings.IMAGE_MAX_PIXELS = 1000
    assert "300 x 400 pixels" in refusal(tiff(*shades(1, 2)))


@pytest.mark.parametrize("keep", [9, 60, 0.5, 0.99])
def test_a_damaged_tiff_is_refused_in_a_sentence(keep: float) -> None:
    raw = tiff(*shades(1, 2, 3), compression="tiff_lzw")
    cut = raw[: int(keep if keep > 1 else len(raw) * keep)]
    try:
        book_in(cut)
    except ImportRefused as error:
        assert error.sentence.endswith("again.")


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("1.jpg", pages.printed(1, 300, 400))
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (pages.printed(1, 300, 400) + packed(), "an image and a ZIP archive"),
        (b"%PDF-1.4\n" + packed(), "a PDF and a ZIP archive"),
        (b"\xff\xd8\xff\xfe\x00\x08%PDF-1" + pages.printed(1, 300, 400)[2:], "an image and a PDF"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.jpg", "a.zip", "a.pdf"])
def test_a_file_that_is_two_things_at_once_is_refused(raw: bytes, said: str, name: str) -> None:
    assert said in refusal(raw, name)


def test_an_image_in_an_archive_that_is_an_archive_too_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("1.jpg", pages.printed(1, 300, 400) + packed())
        archive.writestr("2.jpg", pages.printed(2, 300, 400))
    assert "an image and an archive at once" in refusal(out.getvalue(), "a.zip")


def test_a_pdf_packed_without_compression_does_not_make_its_archive_a_pdf() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("about.pdf", b"%PDF-1.4 nothing")
        archive.writestr("1.jpg", pages.printed(1, 300, 400))
    assert len(book_in(out.getvalue(), "a.zip")[1]) == 1
