"""Where a page's image is and how large it is, as far as exports tell it."""

from typing import Any
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image, UnidentifiedImageError

from books import page_images
from books.models import Page

# Where nobody knows the size of an image: the proportions of a sheet of paper, as a guess.
GUESSED = (1000, 1414)


def address_of(page: Page, base: str) -> str:
    """Where readers find the scan: at its library, else at this installation (`base`, without slash at the end)."""
    if page.image_url:
        return quote(page.image_url, safe="%/:=&?~#+!$,;'@()*[]")
    return base + reverse("page-image", args=[page.pk])


def size_of(page: Page) -> tuple[int, int]:
    """Width and height in pixels of the scan; (0, 0) where nobody has looked at it yet."""
    if page.width and page.height:
        return page.width, page.height
    facts = page_images.facts(page)
    if facts is not None:
        return facts.width, facts.height
    return _stored_size(page.image_file) if page.image_file else (0, 0)


def _stored_size(name: str) -> tuple[int, int]:
    """From the head of a stored file, without decoding it."""
    try:
        with default_storage.open(name, "rb") as file, Image.open(file) as image:
            turned: Any = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else image.size
    except (OSError, SuspiciousFileOperation, UnidentifiedImageError, Image.DecompressionBombError):
        return 0, 0


def is_here(page: Page) -> bool:
    """Whether the scan can be had without asking another server."""
    return bool(page.image_file) or page_images.facts(page) is not None
