"""PDF: whole by pikepdf, in reading order by pdftotext, scans beside the texts."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from books.exports import Options, export
from books.exports.pdf_font import drawn
from books.models import Book, Page
from tests.books.exports.conftest import write
from tests.support.pages import printed

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="apt-get install poppler-utils")


def raw(book: Book, name: str = "pdf", **options: Any) -> bytes:
    return b"".join(export(book, name, Options(**options)))


def read(book: Book, tmp_path: Path, name: str = "pdf", **options: Any) -> list[str]:
    """What pdftotext reads on each page."""
    path = tmp_path / "book.pdf"
    path.write_bytes(raw(book, name, **options))
    done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().split("\f")[:-1]


@pytest.mark.parametrize("name", ["pdf", "searchable-pdf"])
def test_it_is_a_sound_file_with_every_page_its_scan_and_its_label(book: Book, name: str) -> None:
    with pikepdf.open(io.BytesIO(raw(book, name))) as pdf:
        assert pdf.check_pdf_syntax() == []
        labels = [page.label for page in pdf.pages]
        assert [label for label in labels if label != "about"] == [
            *(str(number) for number in range(16, 28)), *(f'f. {number}"<r>' for number in range(13, 18)),
        ]  # fmt: skip
        scans = [page for page in pdf.pages if page.get_images()]
        assert len(scans) == 17 and str(pdf.docinfo["/Title"]) == book.title
        assert pdf.Root.Lang == "la" and "may be wrong" in str(pdf.docinfo["/Subject"])


@needs_poppler
def test_the_text_comes_out_in_order_and_in_its_letters(book: Book, tmp_path: Path) -> None:
    everything = read(book, tmp_path)
    about, pages = "".join(everything[:-17]), everything[-17:]
    assert "Transcription: 14 pages by a machine (gemini-3.5-flash-lite, prompt ocr-1)" in " ".join(
        about.split()
    )
    assert "publicdomain" in about and "may be wrong" in about
    assert "ſtudio conferta uidendi" in "".join(pages)
    fourth = pages[3]
    assert (
        fourth.index("Transcription, Latin")
        < fourth.index("Translation into English")
        < fourth.index("second line")
    )
    assert "Ἐν ἀρχῇ ἦν ὁ λόγος," in pages[12] and "Im Anfang war das Wort." in pages[12]
    assert "בראשית ברא אלהים את השמים" in pages[13] and "of Basel" in pages[13]
    assert "Blank page." in pages[14] and "No text." in pages[15]
    assert '<script>alert("1")</script>' in pages[16] and "ſti ũ cũ œ æ" in pages[16]


@needs_poppler
def test_searchable_scans_have_their_words_on_them(book: Book, tmp_path: Path) -> None:
    everything = read(book, tmp_path, "searchable-pdf")
    pages, about = everything[:17], "".join(everything[17:])
    assert "by a machine" in about
    lines = [line.strip() for line in pages[3].splitlines() if line.strip()]
    truth = (Path("books/sample/page_04.gt.txt")).read_text(encoding="utf-8").splitlines()
    assert lines[:5] == truth[:5]
    assert "λόγος" in pages[12] and "אלהים" in pages[13] and "translation" not in pages[3]
    assert "A translation of page 4." in read(book, tmp_path, "searchable-pdf", text="translation")[3]


@needs_poppler
def test_a_long_page_goes_on_beside_the_same_scan(book: Book, tmp_path: Path) -> None:
    write(book.pages.get(number=4), "\n".join(f"Versus {n} longus" for n in range(300)), language="la")
    data = raw(book, text="transcription")
    with pikepdf.open(io.BytesIO(data)) as pdf:
        spreads = [page for page in pdf.pages if page.label == "19"]
        assert len(spreads) > 2 and len({str(page.get_images().keys()) for page in spreads}) == 1
    assert "Versus 299 longus" in "".join(read(book, tmp_path, text="transcription"))


@needs_poppler
def test_letters_that_the_font_lacks_can_still_be_found(db: None, tmp_path: Path) -> None:
    odd = Book.objects.create(title="天地玄黃")
    page = Page.objects.create(book=odd, number=1, label="a\nb")
    write(page, "天地玄黃 宇宙 𝔄 العربية " + "w" * 400)
    assert "天地玄黃 宇宙 𝔄" in read(odd, tmp_path)[1]
    assert "天地玄黃" in read(odd, tmp_path, "searchable-pdf")[0]


def test_scans_elsewhere_are_named_and_not_fetched_unless_told(db: None) -> None:
    book = Book.objects.create(title="Remota")
    Page.objects.create(book=book, number=1, image_url="http://127.0.0.1:9/1.jpg")
    with pikepdf.open(io.BytesIO(raw(book))) as pdf:
        assert len(pdf.pages) == 2 and not pdf.pages[1].get_images()
    with pikepdf.open(io.BytesIO(raw(book, fetch=True))) as pdf:
        assert not pdf.pages[1].get_images()


def test_hebrew_is_drawn_from_the_right_and_arabic_joined() -> None:
    assert drawn("אבג 12", rtl=True) == "12 גבא"
    assert drawn("Arma", rtl=False) == "Arma"
    assert drawn("بسم", rtl=True) == "\ufee2\ufeb4\ufe91"


def test_the_file_leaves_page_by_page(book: Book) -> None:
    name = default_storage.save("tests/wide.jpg", ContentFile(printed(3, 1600, 900)))
    Page.objects.filter(book=book, number=2).update(image_file=name)
    pieces = list(export(book, "pdf", Options()))
    assert len(pieces) == 19 and pieces[0].startswith(b"%PDF-1.7") and pieces[-1].endswith(b"%%EOF\n")
    assert max(len(piece) for piece in pieces) < 2_000_000
