"""The optional local copy of page images: a book that can still be read when its library cannot be reached."""

import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from books import images
from books.models import Book, Page
from books.second_reading.models import Inspection

# So many pages are asked for at once; the fetcher keeps its manners for each host.
CHUNK = 50


@dataclass
class Kept:
    """What was done: numbers of pages; `failed` says for each page number why it has no copy."""

    copied: int = 0
    left: int = 0
    failed: dict[int, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """For the person who asked."""
        said = f"Kept a copy of {self.copied} page images."
        if self.failed:
            number, reason = next(iter(self.failed.items()))
            said += f" {len(self.failed)} could not be had; the first, page {number}: {reason}"
        return said + (f" {self.left} are still to come." if self.left else "")


def without_copy(book: Book) -> QuerySet[Page]:
    """The book's visible pages whose image is only at its library."""
    return book.pages.filter(hidden=False, image_file="").exclude(image_url="").order_by("number")


def keep(book: Book, *, seconds: float = float("inf")) -> Kept:
    """Store a copy of each image that is not stored yet: the very bytes that are shown and sent to a model.

    The address stays on the page. Ends after about `seconds`; calling it again goes on.
    """
    until, kept = time.monotonic() + seconds, Kept()
    rows = list(without_copy(book))
    while rows and time.monotonic() < until:
        chunk, rows = rows[:CHUNK], rows[CHUNK:]
        for page, found in images.load_many(chunk):
            if isinstance(found, images.ImageError):
                kept.failed[page.number] = found.sentence
            else:
                kept.copied += _store(page, found)
    kept.left = len(rows)
    # Images that are here now can be read a second time.
    Inspection.objects.filter(book=book).update(readings_at=None)
    return kept


def _store(page: Page, image: images.PageImage) -> bool:
    """Store one image under a name of its own content, unless the page has got one meanwhile."""
    name = str(PurePosixPath("images") / page.book_id / f"{page.number:06}-{image.sha256[:12]}.jpg")
    saved = default_storage.save(name, ContentFile(image.data))
    mine = Page.objects.filter(pk=page.pk, image_file="", image_url=page.image_url)
    if mine.update(image_file=saved, image_sha256=image.sha256, ink=image.ink):
        return True
    default_storage.delete(saved)
    return False
