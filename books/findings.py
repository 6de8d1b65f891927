"""What is odd about the images of a book's pages: one and the same image on neighbours, two pages in one image."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from books.images.spread import is_wide
from books.models import Book, Page

COLUMNS = ("pk", "number", "image_sha256", "width", "height", "service", "blank")


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about one page; `kind` is `same` or `wide`."""

    page_id: str
    number: int
    kind: str
    sentence: str


def of_book(book: Book) -> list[Finding]:
    """What is odd about the images of its visible pages, in the order of their numbers; one query."""
    rows = Page.objects.visible().filter(book=book).order_by("number").only(*COLUMNS)
    return [*_found(rows.iterator(chunk_size=1000))]


def of_page(page: Page) -> list[Finding]:
    """What is odd about the image of this page, looking at it and at its neighbours."""
    pages = Page.objects.visible().filter(book_id=page.book_id).only(*COLUMNS)
    before = list(pages.filter(number__lt=page.number).order_by("-number")[:1])
    after = list(pages.filter(number__gt=page.number).order_by("number")[:1])
    return [finding for finding in _found([*before, page, *after]) if finding.page_id == page.pk]


def _found(pages: Iterable[Page]) -> list[Finding]:
    """Pages must come in the order of their numbers."""
    found: list[Finding] = []
    last: Page | None = None
    for page in pages:
        # A placeholder of the library's, or a page scanned twice. Images are known once they were read.
        if last is not None and page.image_sha256 and page.image_sha256 == last.image_sha256:
            found += [_same(last, page), _same(page, last)]
        if is_wide(page.width, page.height) and not page.service.get("half"):
            found.append(
                Finding(page.pk, page.number, "wide", _("Wider than high: perhaps two pages in one image."))
            )
        last = page
    # Three in a row: the middle one is said to be the same as one of them, once.
    unique = {(one.page_id, one.kind): one for one in found}
    return sorted(unique.values(), key=lambda one: (one.number, one.kind))


def _same(page: Page, other: Page) -> Finding:
    said = _("The very same image as page %(number)s: perhaps a placeholder, or scanned twice.")
    return Finding(page.pk, page.number, "same", said % {"number": other.number})
