"""ALTO 4: one XML file for each page, in a ZIP; lines and words with their places where a second reading gave them."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from lxml import etree

from books.exports.base import ExportRefused, Options
from books.exports.images import address_of, size_of
from books.exports.lining import Box, Lined, Placed, lined, words_of
from books.exports.provenance import notice, plain_note, sentence
from books.exports.trees import fit
from books.exports.zipping import Entry, zipped
from books.languages import direction_of
from books.markup import Tagged, parse
from books.models import Book, PageText, Source
from sourcebatch.lib.clock import rfc3339

NS = "http://www.loc.gov/standards/alto/ns-v4#"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
VERSION = "4.3"
LOCATION = f"{NS} https://www.loc.gov/standards/alto/v4/alto-4-3.xsd"
NSMAP: Any = {None: NS, "xsi": XSI}
Element = Any


class Alto:
    """Valid against the schema of version 4.3. Lines without a known place have no position."""

    name = "alto"
    label = "ALTO 4"
    extension = "zip"
    mime = "application/zip"
    order = 55
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The archive in pieces."""
        if not options.transcription:
            raise ExportRefused("ALTO describes the printed page: choose the transcription, or both texts.")
        yield from zipped(_entries(book, options), large=False)


def _entries(book: Book, options: Options) -> Iterator[Entry]:
    for page in lined(book, options):
        yield Entry(f"{page.leaf.page.number:05}.xml", [_file(page, book, options)])


def _file(page: Lined, book: Book, options: Options) -> bytes:
    root: Element = etree.Element(f"{{{NS}}}alto", nsmap=NSMAP)
    root.set("SCHEMAVERSION", VERSION)
    root.set(f"{{{XSI}}}schemaLocation", LOCATION)
    _description(_in(root, "Description"), page, book, options)
    _page(_in(_in(root, "Layout"), "Page"), page)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def _description(description: Element, page: Lined, book: Book, options: Options) -> None:
    _in(description, "MeasurementUnit", "pixel")
    source = _in(description, "sourceImageInformation")
    _in(source, "fileName", address_of(page.leaf.page, options.address))
    _in(source, "documentIdentifier", book.source_id or book.pk)
    text = page.leaf.transcription
    if text is not None:
        _making(description, text, book, options)
    step = _in(description, "Processing", ID="places")
    _in(step, "processingStepDescription", page.sentence())
    software = _in(step, "processingSoftware")
    name, _, version = page.engine.partition(" ")
    _in(software, "softwareName", name or "Sourcebatch")
    if version:
        _in(software, "softwareVersion", version)


def _making(description: Element, text: PageText, book: Book, options: Options) -> None:
    """Who or what made the text, under which rights it is passed on."""
    step = _in(description, "Processing", ID="text")
    _in(step, "processingCategory", "contentGeneration")
    _in(step, "processingDateTime", rfc3339(text.created_at) or "")
    for said in (sentence(text), notice(options), _labelled("Title", book.title), _labelled("Rights", book.rights),
                 _labelled("Attribution", book.attribution)):  # fmt: skip
        if said:
            _in(step, "processingStepDescription", said)
    if text.prompt_version:
        _in(step, "processingStepSettings", f"prompt {text.prompt_version}")
    if text.model:
        _in(_in(step, "processingSoftware"), "softwareName", text.model)


def _labelled(label: str, words: str) -> str:
    return f"{label}: {plain_note(words)}" if words else ""


def _page(element: Element, page: Lined) -> None:
    number = page.leaf.page.number
    width, height = (page.width, page.height) if page.width else size_of(page.leaf.page)
    _set(element, ID=f"page-{number}", PHYSICAL_IMG_NR=str(number), PRINTED_IMG_NR=_printed_number(page),
         WIDTH=str(width or ""), HEIGHT=str(height or ""))  # fmt: skip
    space = _in(element, "PrintSpace")
    boxes = [line.box for line in page.lines if line.box]
    if boxes:
        _place(space, _around(boxes))
    text = page.leaf.transcription
    for block, lines in groupby(page.lines, lambda line: line.block):
        _block(space, f"block-{number}-{block}", list(lines), text)


def _block(space: Element, name: str, lines: list[Placed], text: PageText | None) -> None:
    language = text.language if text else ""
    block = _in(space, "TextBlock", ID=name)
    _set(block, LANG=language, BASEDIRECTION=direction_of(language) if language else "")
    if boxes := [line.box for line in lines if line.box]:
        _place(block, _around(boxes))
    checked = text is not None and (text.source == Source.HUMAN or text.reviewed_at is not None)
    for at, line in enumerate(lines):
        element = _in(block, "TextLine", ID=f"{name}-{at}")
        _set(element, CS="true" if checked else "")
        if line.box:
            _place(element, line.box)
        _words(element, line)


def _words(element: Element, line: Placed) -> None:
    last: Box | None = None
    for at, (word, box) in enumerate(words_of(line)):
        if at:
            space = _in(element, "SP")
            if box and last:
                _set(space, HPOS=str(last[2]), VPOS=str(box[1]), WIDTH=str(max(box[0] - last[2], 0)))
        string = _in(element, "String", CONTENT=fit(word))
        if box:
            _place(string, box)
        last = box


def _printed_number(page: Lined) -> str:
    """As printed, where the transcription says so; else as the library calls the page."""
    text = page.leaf.transcription
    tags = parse(text.data) if text else []
    printed = next((one.text for one in tags if isinstance(one, Tagged) and one.name == "page-num"), "")
    return fit(printed or page.leaf.page.label)


def _around(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _place(element: Element, box: Box) -> None:
    left, top, right, bottom = box
    _set(element, HPOS=str(left), VPOS=str(top), WIDTH=str(right - left), HEIGHT=str(bottom - top))


def _set(element: Element, **values: str) -> None:
    for name, value in values.items():
        if value:
            element.set(name, value)


def _in(parent: Element, name: str, text: str = "", **values: str) -> Element:
    element: Element = etree.SubElement(parent, f"{{{NS}}}{name}")
    element.text = fit(text) or None
    _set(element, **values)
    return element


EXPORTER = Alto()
