"""TEI: valid, with every page, line and tag in its place."""

import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from books.exports import Options, export
from books.models import Book
from tests.books.exports.conftest import MODEL, write

SCHEMA = Path(__file__).parent / "schemas" / "tei_all.rng.xz"
NS = {"t": "http://www.tei-c.org/ns/1.0"}
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@cache
def schema() -> Any:
    return etree.RelaxNG(etree.fromstring(lzma.decompress(SCHEMA.read_bytes())))


def document(book: Book, **options: Any) -> Any:
    """The export, which must be valid."""
    root = etree.fromstring(b"".join(export(book, "tei", Options(**options))))
    assert schema().validate(root), str(schema().error_log)[:2000]
    return root


def texts(root: Any, path: str) -> list[str]:
    return ["".join(found.itertext()) for found in root.xpath(path, namespaces=NS)]


def test_it_is_valid_and_has_every_page_once_in_each_text(book: Book) -> None:
    root = document(book, address="https://books.example.org")
    kinds = root.xpath("//t:body/t:div/@type", namespaces=NS)
    assert kinds == ["transcription", "translation", "translation"]
    for division in root.iterfind(".//t:body/t:div", NS):
        assert division.xpath("t:pb/@facs", namespaces=NS) == [f"#page-{n}" for n in range(1, 18)]
    graphics = root.xpath("//t:surface/t:graphic/@url", namespaces=NS)
    assert len(graphics) == 17 and graphics[0].startswith("https://books.example.org/pages/")


def test_a_broken_document_is_found_out(book: Book) -> None:
    root = document(book)
    root.find(".//t:pb", NS).tag = "{http://www.tei-c.org/ns/1.0}page"
    assert not schema().validate(root)


def test_every_tag_is_said_in_teis_words(book: Book) -> None:
    root = document(book)
    assert texts(root, "//t:note[@place='margin']") == ["see Pliny l. 3"]
    assert texts(root, "//t:note/t:unclear") == ["Pliny"]
    assert [fw.get("type") for fw in root.iterfind(".//t:fw", NS)] == ["header", "pageNum", "sig", "catch"]
    assert texts(root, "//t:note[@type='gloss']") == ["a later hand"]
    assert root.find(".//t:gap", NS).attrib == {"reason": "illegible", "extent": "2 words"}
    assert texts(root, "//t:figDesc") == ["a <ship>"]
    assert texts(root, "//t:hi") == ["italic", "bold"] and texts(root, "//t:cell") == ["a", "b", "1", "2"]
    assert texts(root, "//t:list/t:item") == ["three", "four"]
    assert texts(root, "//t:ab[@type='heading']") == ["Περὶ τῆς ἀρετῆς"]
    assert '<script>alert("1")</script> & "quoted" <b>bold</b>' in "".join(root.itertext())


def test_lines_begin_with_lb_and_languages_are_told(book: Book) -> None:
    root = document(book)
    [greek] = root.xpath("//t:ab[contains(., 'ἀρχῇ')]", namespaces=NS)
    assert greek.get(LANG) == "grc" and len(greek.findall("t:lb", NS)) == 2
    [german] = root.xpath("//t:ab[contains(., 'Im Anfang')]", namespaces=NS)
    assert german.get(LANG) == "de"
    assert set(root.xpath("//t:langUsage/t:language/@ident", namespaces=NS)) == {"la", "en", "de"}


def test_each_text_points_to_what_made_it(book: Book) -> None:
    root = document(book)
    makers = {
        found.get("{http://www.w3.org/XML/1998/namespace}id"): found
        for found in root.iterfind(".//t:respStmt", NS)
    }
    [greek] = root.xpath("//t:ab[contains(., 'ἀρχῇ')]", namespaces=NS)
    assert MODEL in "".join(makers[greek.get("resp").removeprefix("#")].itertext())
    header = "".join(root.find("t:teiHeader", NS).itertext())
    assert "publicdomain" in header and "e-rara.ch, 74397" in header and "may be wrong" in header
    assert len(texts(root, "//t:note[@type='provenance']")) == 15 + 15 + 1


@pytest.mark.parametrize(
    "options", [{"text": "transcription"}, {"text": "translation"}, {"language": "de"}, {"reviewed": True}]
)
def test_every_choice_is_valid(book: Book, options: dict[str, Any]) -> None:
    document(book, **options)


def test_odd_books_are_valid(db: None) -> None:
    empty = Book.objects.create(title="Vacuus", year=-44, rights="Ask <b>us</b> first", source_url="a b")
    document(empty)
    page = empty.pages.create(number=1, image_url="https://example.org/a b.jpg?x=ü", label="f. 1 r")
    write(page, "- a\n  - b\n\n> quoted\n> more\n\n---\n\n1. x\n\n   y\n\n`code` ~~gone~~\n\n```\npre\n```")
    document(empty)
    write(page, "[[unreadable]]")
    document(empty)
    write(page, "[[margin: [[image: [[unclear: x]] ]] [[gap: y]] [[header: [[gloss: z]]]] ]]\x01\ufffe")
    document(empty)
