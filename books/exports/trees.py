"""A page's text as a tree of HTML elements, and as plain lines: what several formats are made from."""

import re
from collections.abc import Iterator

from lxml.html import HtmlElement, fragment_fromstring

from books.rendering import render

# Characters that XML 1.0 cannot hold, and that no printed page needs.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = ("p", "pre", "li", "tr", *HEADINGS)
WHOLE_PAGE = {"blank": "[blank page]", "unreadable": "[unreadable page]"}


def fit(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return UNFIT.sub("", text)


def tree(text: str) -> HtmlElement:
    """A `div` with the text's paragraphs: few HTML elements without links, and `span`s with `data-tag` for our tags.

    A tag's name is an attribute only: each format says in its own way what the tag means.
    """
    root: HtmlElement = fragment_fromstring(render(fit(text)), create_parent="div")
    for span in list(root.iter("span")):
        classes = span.get("class", "").split()
        if "tag-name" in classes:
            span.drop_tree()
        elif "tag" in classes:
            name = next(one for one in classes if one.startswith("tag-"))
            span.set("data-tag", name.removeprefix("tag-"))
    _drop_line_ends(root)
    return root


def _drop_line_ends(root: HtmlElement) -> None:
    """Lines end by `br`; the line ends of the HTML itself mean nothing outside `pre`."""
    for element in root.iter():
        if element.text and element.tag not in ("pre", "code"):
            element.text = element.text.replace("\n", "")
        if element.tail:
            element.tail = element.tail.replace("\n", "")


def plain(text: str) -> str:
    """The text for reading without any notation but `[margin: ...]`, `word[?]` and the like; lines as they stand."""
    return "\n".join(lines(text))


def lines(text: str) -> list[str]:
    """The same line by line, an empty one between paragraphs."""
    found: list[str] = []
    before = ""
    for block in _blocks(tree(text)):
        if before and not (block.tag == before and before in ("li", "tr")):
            found.append("")
        before = str(block.tag)
        found.extend(line.rstrip() for line in (_mark(block) + _flat(block)).split("\n"))
    return found


def _blocks(element: HtmlElement) -> Iterator[HtmlElement]:
    for child in element:
        if child.tag in BLOCKS:
            yield child
        else:
            yield from _blocks(child)


def _mark(block: HtmlElement) -> str:
    """What stands before an item of a list."""
    if block.tag != "li":
        return ""
    parent = block.getparent()
    if parent is None or parent.tag == "ul":
        return "- "
    return f"{int(parent.get('start', '1')) + parent.index(block)}. "


def _flat(element: HtmlElement) -> str:
    """What stands in an element, without elements."""
    parts = [element.text or ""]
    for child in element:
        parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _inline(child: HtmlElement) -> str:
    if child.tag in ("br", "hr"):
        return "\n"
    words = _flat(child)
    if child.tag in ("td", "th"):
        return words + (" | " if child.getnext() is not None else "")
    if child.tag in (*BLOCKS, "ul", "ol"):
        return words + "\n" if child.getnext() is not None else words
    name = child.get("data-tag")
    if name is None:
        return words
    if name == "unclear":
        return f"{words}[?]"
    return WHOLE_PAGE.get(name) or f"[{name}: {words}]"
