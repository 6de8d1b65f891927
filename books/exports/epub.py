"""EPUB 3: a chapter for each page, original and translation facing each other or paragraph after paragraph."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from lxml import etree

from books.exports.base import Leaf, Options, leaves, translated_into
from books.exports.provenance import about, how_made, notice, plain_note, sentence
from books.exports.trees import fit, tree
from books.exports.zipping import Entry, zipped
from books.models import Book, Kind, PageText
from books.rendering import direction
from sourcebatch.lib.clock import now

CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
# Words that belong to a tag and are not on the page.
BEFORE = {
    "gap": "[…: ",
    "image": "[",
    "margin": "",
    "gloss": "",
    "blank": "Blank page.",
    "unreadable": "Unreadable.",
}
AFTER = {"gap": "]", "image": "]"}
# Our ids are no UUIDs; a reading system knows a book again by one that is always made from the same id.
NAMESPACE = uuid.UUID("6f3d6f0e-6a54-4a4e-8a3e-2f6f0c7e1b52")


@dataclass(frozen=True)
class Chapter:
    """A page as the package lists it."""

    id: str
    file: str
    title: str
    label: str


@dataclass(frozen=True)
class Column:
    """A text, or a part of it, with its language (`und` for unknown) and direction."""

    language: str
    dir: str
    html: SafeString


class Epub:
    """Accepted by epubcheck without a warning. Scans are not in it: see the PDF."""

    name = "epub"
    label = "EPUB 3"
    extension = "epub"
    mime = "application/epub+zip"
    order = 60
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The archive in pieces; the list of its chapters comes last, when they are known."""
        yield from zipped(_entries(book, options), large=False)


def _entries(book: Book, options: Options) -> Iterator[Entry]:
    chapters: list[Chapter] = []
    yield Entry("mimetype", [b"application/epub+zip"], compressed=False)
    yield Entry("META-INF/container.xml", [CONTAINER.encode()])
    yield _made("style.css", {})
    language = book.language or "und"
    yield _made("about.xhtml", {"book": book, "language": language, "about": _about(book, options)})
    for leaf in leaves(book, options):
        chapter = _chapter(leaf)
        chapters.append(chapter)
        yield _made("page.xhtml", _page(leaf, chapter, options, language), chapter.file)
    yield _made("nav.xhtml", {"pages": chapters})
    yield _made("package.opf", _package(book, options, chapters))


def _made(template: str, context: dict[str, Any], name: str = "") -> Entry:
    text = fit(render_to_string(f"exports/epub/{template}", context))
    return Entry(f"EPUB/{name or template}", [text.encode()])


def _about(book: Book, options: Options) -> list[tuple[str, str]]:
    return about(book, options)[1:]


def _chapter(leaf: Leaf) -> Chapter:
    number = leaf.page.number
    title = " ".join(f"Page {leaf.page}".split())
    return Chapter(
        f"page-{number}", f"page-{number}.xhtml", title, " ".join(leaf.page.label.split()) or str(number)
    )


def _page(leaf: Leaf, chapter: Chapter, options: Options, language: str) -> dict[str, Any]:
    columns = [_column(text, _parts(text)) for text in leaf.texts]
    rows = _rows(leaf.texts) if options.layout == "interleaved" else []
    return {
        "title": chapter.title, "language": language, "blank": leaf.page.blank,
        "layout": options.layout, "columns": [] if rows else columns, "rows": rows,
        "made": [sentence(text, stale=leaf.is_stale(text)) for text in leaf.texts],
    }  # fmt: skip


def _rows(texts: Sequence[PageText]) -> list[list[Column]]:
    """Paragraph beside paragraph; none where the texts have not equally many."""
    parts = [_parts(text) for text in texts]
    if len({len(one) for one in parts}) != 1:
        return []
    return [
        [_column(text, [part]) for text, part in zip(texts, row, strict=True)]
        for row in zip(*parts, strict=True)
    ]


def _column(text: PageText, parts: Sequence[str]) -> Column:
    language = text.target_language if text.kind == Kind.TRANSLATION else text.language
    html = mark_safe("".join(parts))  # noqa: S308  sanitised by books.rendering, written as XML by lxml
    return Column(language or "und", direction(language), html)


def _parts(text: PageText) -> list[str]:
    """The text's blocks as XHTML."""
    root = tree(text.data)
    for span in root.iter("span"):
        name = span.attrib.pop("data-tag", "")
        span.text = BEFORE.get(name, "") + (span.text or "")
        if name in AFTER:
            _append(span, AFTER[name])
    return [etree.tostring(block, encoding="unicode", with_tail=False) for block in root]


def _append(element: Any, words: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + words
    else:
        element.text = (element.text or "") + words


def _package(book: Book, options: Options, chapters: Sequence[Chapter]) -> dict[str, Any]:
    languages = [book.language or "und"] if options.transcription else []
    languages += [code for code in translated_into(book, options) if code not in languages]
    return {
        "book": book, "pages": chapters, "languages": languages or ["und"],
        "identifier": uuid.uuid5(NAMESPACE, book.pk), "modified": f"{now():%Y-%m-%dT%H:%M:%SZ}",
        "rights": plain_note(f"{book.rights} {book.attribution}"),
        "description": " ".join([*how_made(book, options), notice(options)]),
        "progression": "rtl" if book.direction == Book.Direction.RTL else "ltr",
    }  # fmt: skip


EXPORTER = Epub()
