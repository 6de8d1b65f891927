"""From a text's tree of HTML elements to TEI elements: lines, tags of docs/tags.md, emphasis, lists, tables."""

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree
from lxml.html import HtmlElement

from books.exports.trees import HEADINGS, tree

TEI = "http://www.tei-c.org/ns/1.0"
Element = Any
NSMAP: Any = {None: TEI}
# Elements with nothing but a rendition to tell.
HI = {"em": "italic", "strong": "bold", "s": "strikethrough", "code": "monospace"}
# Forme work: what the printer set around the text.
FW = {"header": "header", "page-num": "pageNum", "signature": "sig", "catchword": "catch"}


def tei(name: str, /, text: str = "", **attributes: str) -> Element:
    """A TEI element; `lang` and `id` become `xml:lang` and `xml:id`, empty attributes are left out."""
    element: Element = etree.Element(f"{{{TEI}}}{name}", nsmap=NSMAP)
    for key, value in attributes.items():
        xml = "{http://www.w3.org/XML/1998/namespace}"
        if value:
            element.set(f"{xml}{key}" if key in ("lang", "id") else key, value)
    element.text = text or None
    return element


def blocks(text: str) -> Iterator[Element]:
    """The text's paragraphs as `ab`, and what else stands there. A page may begin in mid-sentence: hence no `p`."""
    for child in tree(text):
        yield _block(child)


def _block(html: HtmlElement) -> Element:
    name = str(html.tag)
    if name in HEADINGS:
        return _with_lines(tei("ab", type="heading"), html)
    if name in ("ul", "ol"):
        return _children(tei("list", rend="numbered" if name == "ol" else "bulleted"), html, _item)
    if name == "table":
        return _rows(html)
    if name == "blockquote":
        return _children(tei("quote"), html, _block)
    if name == "hr":
        return tei("milestone", unit="section")
    return _with_lines(tei("ab"), html)


def _children(element: Element, html: HtmlElement, make: Callable[[HtmlElement], Element]) -> Element:
    for child in html:
        element.append(make(child))
    return element


def _item(html: HtmlElement) -> Element:
    """An item of a list: words, or blocks where there are any."""
    if (
        len(html)
        and not (html.text or "").strip()
        and html[0].tag in ("p", "ul", "ol", "table", "blockquote")
    ):
        return _children(tei("item"), html, _block)
    return _fill(tei("item"), html)


def _rows(html: HtmlElement) -> Element:
    table = tei("table")
    for row in html.iter("tr"):
        made = tei("row", role="label" if row[0].tag == "th" else "")
        table.append(_children(made, row, lambda cell: _fill(tei("cell"), cell)))
    return table


def _with_lines(element: Element, html: HtmlElement) -> Element:
    """Every line begins with `lb`, the first one too."""
    element.append(tei("lb"))
    return _fill(element, html)


def _fill(element: Element, html: HtmlElement) -> Element:
    """Put what stands in an HTML element into a TEI element, behind what is there."""
    _add(element, html.text)
    for child in html:
        element.append(_inline(child))
        _add(element, child.tail)
    return element


def _add(element: Element, words: str | None) -> None:
    if not words:
        return
    if len(element):
        element[-1].tail = (element[-1].tail or "") + words
    else:
        element.text = (element.text or "") + words


def _inline(html: HtmlElement) -> Element:
    name = str(html.tag)
    if name == "br":
        return tei("lb")
    if name in HI:
        return _fill(tei("hi", rend=HI[name]), html)
    if name == "span":
        return _tag(html, html.get("data-tag", ""))
    return _block(html)


def _tag(html: HtmlElement, name: str) -> Element:
    """One of our tags as TEI says it."""
    words = html.text_content().strip()
    if name in FW:
        return _fill(tei("fw", type=FW[name]), html)
    if name == "margin":
        return _fill(tei("note", place="margin"), html)
    if name == "gloss":
        return _fill(tei("note", type="gloss"), html)
    if name == "unclear":
        return _fill(tei("unclear"), html)
    if name == "gap":
        return tei("gap", reason="illegible", extent=words)
    if name == "unreadable":
        return tei("gap", reason="illegible", extent="page")
    if name == "blank":
        return tei("note", "Blank page.", type="editorial")
    figure = tei("figure")
    figure.append(tei("figDesc", words))
    return figure
