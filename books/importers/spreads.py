"""Two pages in one image: noticed by the image's proportions, and on request made into a left and a right page.

Both halves keep the whole image as theirs: the cut is made when the image is read (`books.images.spread`), so
nothing of the original is lost. It can be asked for only when a book first comes in, because page numbers never
change afterwards.
"""

import io
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from books.images.spread import HALVES, is_wide
from books.importers.base import ImportedBook, ImportedPage

RIGHT_TO_LEFT = "right-to-left"
SHOWN = 10


def note_spreads(book: ImportedBook) -> ImportedBook:
    """The same book, with a sentence about the pages that look like spreads."""
    wide = [str(number) for number, page in enumerate(book.pages, 1) if is_wide(page.width, page.height)]
    if not wide:
        return book
    shown = ", ".join(wide[:SHOWN]) + (f" and {len(wide) - SHOWN} more" if len(wide) > SHOWN else "")
    which = "Page" if len(wide) == 1 else "Pages"
    said = (
        f"{which} {shown}: wider than high, perhaps two pages in one image; they can be split when importing."
    )
    return replace(book, oddities=(*book.oddities, said))


def split(book: ImportedBook) -> ImportedBook:
    """The same book with each wide image as two pages, in the order of reading."""
    halves = HALVES[::-1] if book.direction == RIGHT_TO_LEFT else HALVES
    pages = tuple(part for page in book.pages for part in _parts(page, halves))
    return replace(book, pages=pages, split_spreads=True)


def _parts(page: ImportedPage, halves: tuple[str, ...]) -> Iterator[ImportedPage]:
    if not is_wide(*_size(page)):
        yield page
        return
    for half in halves:
        label = f"{page.label} ({half})" if page.label else ""
        service = {**page.service, "half": half}
        yield replace(page, canvas_id=f"{page.canvas_id[:980]}#{half}", label=label, service=service)


def _size(page: ImportedPage) -> tuple[int, int]:
    """As the source tells it; an image that comes with the source is asked itself, by its header."""
    if page.read is None or page.width:
        return page.width, page.height
    try:
        with Image.open(io.BytesIO(page.read())) as image:
            return image.size
    except Exception:
        # What is wrong with the image is said when it is read as a page; here it is one page.
        return 0, 0
