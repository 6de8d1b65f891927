"""A page's image and thumbnail as a browser gets them: made once by `images.load`, kept in file storage.

What is shown is byte for byte what a model is sent. The name under which an image is kept holds a hash of
where it comes from and of what was last read: a new image, or a new reading, is never mistaken for the old.
"""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image

from books import images
from books.images import ImageError
from books.models import Page

THUMBNAIL_SIDE = 240
# Seconds for which a page without an image is not tried again: a list of a hundred of them must not hang.
FAILURE_KEPT = 300
# So few thumbnails are fetched from libraries at once; the rest of a list gets placeholders meanwhile.
_fetching = threading.BoundedSemaphore(2)


class LaterPlease(ImageError):
    """Enough thumbnails are being fetched at this moment."""


@dataclass(frozen=True)
class Facts:
    """What is shown of a page, as far as it is here already: bytes and pixels."""

    size: int
    width: int
    height: int


def image_version(page: Page) -> str:
    """16 hexadecimal digits that change whenever the page's image may have changed."""
    return _digits(page, [page.image_sha256, settings.IMAGE_MAX_SIDE])


def thumbnail_version(page: Page) -> str:
    """The same for its thumbnail, which need not be made anew because somebody has read the image."""
    return _digits(page, [THUMBNAIL_SIDE])


def _digits(page: Page, more: list[Any]) -> str:
    told = [page.image_file, page.image_url, page.service, *more]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def image_address(page: Page) -> str:
    """Where a browser gets the page's image; may be kept for ever."""
    return f"{reverse('page-image', args=[page.pk])}?v={image_version(page)}"


def thumbnail_address(page: Page) -> str:
    """Where a browser gets the page's thumbnail; may be kept for ever."""
    return f"{reverse('page-thumbnail', args=[page.pk])}?v={thumbnail_version(page)}"


def image_bytes(page: Page) -> bytes:
    """The JPEG that a model is sent, fetched once. Raises ImageError, then for minutes without trying."""
    return _kept_or_made(page, _image_name, _load)


def thumbnail_bytes(page: Page) -> bytes:
    """A JPEG of at most 240 pixels a side. Raises ImageError, LaterPlease when too many are being fetched."""
    return _kept_or_made(page, _thumbnail_name, _small)


def facts(page: Page) -> Facts | None:
    """Size of the image that is shown. A stored file is looked at now, one at a library only when it is shown."""
    try:
        raw = image_bytes(page) if page.image_file else _kept(_image_name(page))
    except ImageError:
        return None
    if raw is None:
        return None
    with Image.open(io.BytesIO(raw)) as image:
        return Facts(len(raw), *image.size)


def _image_name(page: Page) -> str:
    return f"page-images/{page.pk}/{image_version(page)}.jpg"


def _thumbnail_name(page: Page) -> str:
    return f"thumbnails/{page.pk}/{thumbnail_version(page)}.jpg"


def _kept_or_made(page: Page, name: Callable[[Page], str], make: Callable[[Page], bytes]) -> bytes:
    """The stored bytes, or new ones which are stored; a failure is remembered for a while."""
    if (kept := _kept(name(page))) is not None:
        return kept
    failure = f"no-image:{page.pk}:{image_version(page)}"
    if sentence := cache.get(failure):
        raise ImageError(sentence, retryable=True, retry_after=FAILURE_KEPT)
    try:
        raw = make(page)
    except LaterPlease:
        raise
    except ImageError as error:
        cache.set(failure, error.sentence, FAILURE_KEPT)
        raise
    # Asked for again: loading may have told what the image's hash is.
    _keep(name(page), raw)
    return raw


def _kept(name: str) -> bytes | None:
    try:
        with default_storage.open(name, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def _keep(name: str, raw: bytes) -> None:
    """Store under that very name; the copy of somebody who was slower is dropped."""
    saved = default_storage.save(name, ContentFile(raw))
    if saved != name:
        default_storage.delete(saved)


def _load(page: Page) -> bytes:
    """Load the image and note its hash with the page, by which a text made from another one is found out."""
    image = images.load(page)
    if page.image_sha256 != image.sha256:
        page.image_sha256 = image.sha256
        Page.objects.filter(pk=page.pk).update(image_sha256=image.sha256)
    return image.data


def _small(page: Page) -> bytes:
    """From the image that is here already; else from its file, or from the library in a small size."""
    here = _kept(_image_name(page))
    if here is not None:
        return images.thumbnail(here, THUMBNAIL_SIDE)
    if page.image_file:
        return images.thumbnail_of(page, THUMBNAIL_SIDE)
    if not _fetching.acquire(blocking=False):
        raise LaterPlease("Other thumbnails are being fetched: reload in a moment.", retryable=True)
    try:
        return images.thumbnail_of(page, THUMBNAIL_SIDE)
    finally:
        _fetching.release()
