"""One image file as a book: a TIFF of many pages, as scanners save them, or a single page in any format."""

import hashlib
import io
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePath

from django.conf import settings
from django.utils.translation import gettext_noop
from PIL import Image

from books.importers.base import Given, ImportedBook, ImportedPage, ImportRefused
from books.importers.polyglot import is_image

MAX_PAGES = 20_000
MAX_FILE_BYTES = 500_000_000
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
NO_RIGHTS = "An image says nothing about rights: add them before you publish."
# All pages are read from one open file, each from where the directory before it points.
_one_at_a_time = threading.Lock()


class Picture:
    """A single image file, with one page or (TIFF) many."""

    name = "picture"
    title = gettext_noop("TIFF with many pages, or a single image")
    order = 50

    def recognises(self, given: Given) -> bool:
        """What begins as an image does."""
        return given.folder is None and is_image(given.head())

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The one book in it. Its pages are read from the source when they are saved."""
        source_id = f"image:{_digest(given)}"
        pages = _tiff_pages(given) if given.head().startswith(TIFF) else _one_page(given)
        yield ImportedBook(
            title=(Path(given.name).stem or "Untitled")[:1000],
            source_id=source_id,
            source_url=given.url[:2000],
            pages=tuple(pages),
            oddities=(NO_RIGHTS,),
        )


IMPORTER = Picture()


def _digest(given: Given) -> str:
    """The SHA-256 of the file, read piece by piece."""
    found = hashlib.sha256()
    given.file.seek(0)
    while piece := given.file.read(1 << 20):
        found.update(piece)
    given.file.seek(0)
    return found.hexdigest()


def _one_page(given: Given) -> Iterator[ImportedPage]:
    name = PurePath(given.name).name or "page"
    yield ImportedPage(canvas_id="page:1", file_name=name, read=partial(given.all, MAX_FILE_BYTES))


def _tiff_pages(given: Given) -> Iterator[ImportedPage]:
    """The pages of a TIFF; one that has a single page is taken as it is."""
    count = _count(given)
    if count == 1:
        yield from _one_page(given)
        return
    for index in range(count):
        yield ImportedPage(
            canvas_id=f"page:{index + 1}",
            file_name=f"page-{index + 1:04}.tif",
            read=partial(_page, given, index),
        )


def _count(given: Given) -> int:
    """How many pages it has. Raises ImportRefused for a damaged file."""
    with _one_at_a_time:
        given.file.seek(0)
        try:
            with Image.open(given.file, formats=("TIFF",)) as image:
                count = 0
                while count <= MAX_PAGES and _seek(image, count):
                    count += 1
        except Exception as error:
            # Decoders meet bytes made by strangers and fail in every way there is.
            raise ImportRefused("The TIFF is damaged: scan or save it again.") from error
    if not 0 < count <= MAX_PAGES:
        raise ImportRefused(f"The TIFF has no pages, or more than {MAX_PAGES}: import it in parts.")
    return count


def _seek(image: Image.Image, index: int) -> bool:
    try:
        image.seek(index)
    except EOFError:
        return False
    return True


def _page(given: Given, index: int) -> bytes:
    """One page as a TIFF of its own, without loss. Raises ImportRefused."""
    with _one_at_a_time:
        given.file.seek(0)
        try:
            with Image.open(given.file, formats=("TIFF",)) as image:
                image.seek(index)
                width, height = image.size
                if width * height > settings.IMAGE_MAX_PIXELS:
                    raise ImportRefused(
                        f"Page {index + 1} of the TIFF has {width} x {height} pixels, more than IMAGE_MAX_PIXELS "
                        f"allows ({settings.IMAGE_MAX_PIXELS}): scan it smaller."
                    )
                return _alone(image)
        except ImportRefused:
            raise
        except Exception as error:
            raise ImportRefused(f"Page {index + 1} of the TIFF is damaged: scan or save it again.") from error


def _alone(image: Image.Image) -> bytes:
    """Fax compression for black and white, else Deflate; the EXIF orientation is applied by Pillow on loading."""
    image.load()
    plain = image.copy()
    plain.info.clear()
    out = io.BytesIO()
    plain.save(out, "TIFF", compression="group4" if plain.mode == "1" else "tiff_adobe_deflate")
    return out.getvalue()
