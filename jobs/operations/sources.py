"""What a request is made from besides the image: the page's transcription, its neighbours' edges, the
book.
"""

import re
from dataclasses import dataclass

from books.models import Kind, Page, PageText
from books.texts import text_hash
from jobs.operations.base import Order
from jobs.operations.prompts import block

EDGE = 600  # characters of a neighbouring page
# Beyond this many hidden or blank pages there is no seam to speak of.
REACH = 20  # pages
EMPTY = text_hash("")


@dataclass(frozen=True)
class Source:
    """A page's transcription with the end of the page before it and the beginning of the page after it."""

    text: str
    sha256: str
    before: str = ""
    after: str = ""


def source_of(page: Page) -> Source | None:
    """What a translation of this page is made from, in two queries; None when it has no transcription."""
    before, after = _neighbours(page)
    ids = [each for each in (before, page.pk, after) if each]
    found = {
        text.page_id: text
        for text in PageText.objects.filter(page_id__in=ids, kind=Kind.OCR, is_current=True).order_by()
    }
    own = found.get(page.pk)
    if own is None or not own.data.strip():
        return None
    return Source(
        own.data, own.text_sha256, tail(_usable(found.get(before))), head(_usable(found.get(after)))
    )


def loops(flags: list[dict[str, str]]) -> bool:
    """Whether a text's flags say that it repeats itself, and nobody has found that to be right."""
    return any(flag.get("rule") == "loop" and "dismissed_by" not in flag for flag in flags)


def tail(text: str, length: int = EDGE) -> str:
    """The end of a text, from the beginning of a word on."""
    text = text.strip()
    if len(text) <= length:
        return text
    cut = text[-length - 1 :]
    space = re.search(r"\s", cut)
    return (cut[space.end() :] if space else cut[1:]).strip()


def head(text: str, length: int = EDGE) -> str:
    """The beginning of a text, to the end of a word."""
    text = text.strip()
    if len(text) <= length:
        return text
    spaces = list(re.finditer(r"\s", text[: length + 1]))
    return text[: spaces[-1].start() if spaces else length].strip()


def book_block(order: Order) -> str:
    """Title, author, year as data: they come from catalogues and manifests, not from us."""
    lines = [f"Title: {order.book_title or 'unknown'}"]
    if order.author:
        lines.append(f"Author: {order.author}")
    if order.year is not None:
        lines.append(f"Year: {order.year}")
    said = "\n".join(lines)
    return block("context_book", text_hash(said), said)


def _neighbours(page: Page) -> tuple[str, str]:
    """The ids of the visible, unblank pages before and after; empty where there is none."""
    near = Page.objects.filter(
        book_id=page.book_id, hidden=False, blank=False,
        number__gte=page.number - REACH, number__lte=page.number + REACH,
    ).order_by("number").values_list("pk", "number")  # fmt: skip
    pages = list(near)
    before = [pk for pk, number in pages if number < page.number]
    after = [pk for pk, number in pages if number > page.number]
    return (before[-1] if before else ""), (after[0] if after else "")


def _usable(text: PageText | None) -> str:
    return "" if text is None or loops(text.flags) else text.data
