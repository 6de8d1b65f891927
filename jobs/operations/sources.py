"""What a request is made from besides the image: the page's transcription, its neighbours' edges, the
book.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from books.models import Kind, Page, PageText
from books.texts import text_hash
from jobs.operations.base import Order
from jobs.operations.prompts import block
from sourcebatch.lib.db import in_chunks

EDGE = 600  # characters of a neighbouring page
# Beyond this many hidden or blank pages there is no seam to speak of.
REACH = 20  # pages
EMPTY = text_hash("")
_KEPT = "_source_looked_up"  # where a page object keeps its source


@dataclass(frozen=True)
class Source:
    """A page's transcription with the end of the page before it and the beginning of the page after it."""

    text: str
    sha256: str
    before: str = ""
    after: str = ""


def source_of(page: Page) -> Source | None:
    """What a translation of this page is made from, in two queries, in none after `look_up`; None when it has no
    transcription.
    """
    if _KEPT not in vars(page):
        look_up([page])
    source: Source | None = vars(page)[_KEPT]
    return source


def look_up(pages: Sequence[Page]) -> None:
    """Read the sources of these pages of one book in two queries and keep each with its page."""
    near = _neighbours(pages)
    found = _transcriptions(sorted({pk for page in pages for pk in (page.pk, *near[page.pk]) if pk}))
    for page in pages:
        before, after = near[page.pk]
        vars(page)[_KEPT] = _source(found.get(page.pk), found.get(before), found.get(after))


def _source(own: PageText | None, before: PageText | None, after: PageText | None) -> Source | None:
    if own is None or not own.data.strip():
        return None
    return Source(own.data, own.text_sha256, tail(_usable(before)), head(_usable(after)))


def _transcriptions(ids: Sequence[str]) -> dict[str, PageText]:
    """The current transcriptions of these pages."""
    found: dict[str, PageText] = {}
    for some in in_chunks(ids):
        rows = PageText.objects.filter(page_id__in=some, kind=Kind.OCR, is_current=True).order_by()
        found |= {text.page_id: text for text in rows.only("page_id", "data", "text_sha256", "flags")}
    return found


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


def _neighbours(pages: Sequence[Page]) -> dict[str, tuple[str, str]]:
    """By page id, the ids of the visible, unblank pages before and after; empty where there is none near."""
    numbers = [page.number for page in pages]
    near = Page.objects.filter(
        book_id=pages[0].book_id, hidden=False, blank=False,
        number__gte=min(numbers) - REACH, number__lte=max(numbers) + REACH,
    ).order_by("number").values_list("number", "pk")  # fmt: skip
    known = list(near)
    return {page.pk: _beside(page.number, known) for page in pages}


def _beside(number: int, known: Sequence[tuple[int, str]]) -> tuple[str, str]:
    """The pages before and after this number among those known, by number, no further than a seam reaches."""
    start, end = bisect_left(known, (number,)), bisect_left(known, (number + 1,))
    before = known[start - 1] if start else (number - REACH - 1, "")
    after = known[end] if end < len(known) else (number + REACH + 1, "")
    return (
        before[1] if before[0] >= number - REACH else "",
        after[1] if after[0] <= number + REACH else "",
    )


def _usable(text: PageText | None) -> str:
    return "" if text is None or loops(text.flags) else text.data
