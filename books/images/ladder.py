"""Which image a page has: the one place that decides it (I40).

A stored file wins. Else the IIIF image service is asked for a suitable size, then for what simpler servers
can do, then the address in the manifest is taken as it is. Each address is tried once, from top to bottom.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from books.images.decode import ImageError, fitted
from books.images.service import Service
from sourcebatch.lib.fetch import shown


class PageLike(Protocol):
    """What a page must tell of its image; `books.models.Page` does."""

    @property
    def image_file(self) -> str: ...
    @property
    def image_url(self) -> str: ...
    @property
    def service(self) -> dict[str, Any]: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


@dataclass(frozen=True)
class Sources:
    """Where a page's image is: the name of a stored file, or addresses in the order of trying."""

    file: str
    urls: tuple[str, ...]
    info_url: str
    announced: tuple[int, int] | None


def sources_of(page: PageLike, side: int) -> Sources:
    """Where the page's image is; its longest side is asked for at `side` pixels. Raises ImageError."""
    if page.image_file:
        return Sources(page.image_file, (), "", None)
    service = Service(page.service, page.width, page.height)
    urls = [*service.steps(side)] if service.id else []
    urls += [page.image_url] if page.image_url else []
    if not urls:
        raise ImageError("This page has no image: give it an image address, or upload one.")
    info = f"{service.id}/info.json" if service.id else ""
    return Sources("", tuple(dict.fromkeys(urls)), info, service.announced())


def refuse_wrong_reply(size: tuple[int, int], announced: tuple[int, int] | None, url: str) -> None:
    """Refuse placeholders and other pages' images. Raises ImageError.

    An image must be larger than 200 pixels unless a smaller one was announced, and have the announced
    proportions within 2 % (or one pixel and a half, which is more for small ones).
    """
    width, height = size
    if max(size) <= 200 and not (announced and max(announced) <= 200):
        raise ImageError(
            f"{shown(url)} gave an image of only {width} x {height} pixels, "
            "probably a placeholder: check the address of this page."
        )
    if announced is None:
        return
    expected = fitted(announced, max(size)) if max(size) < max(announced) else announced
    ratio = (width * expected[1]) / (height * expected[0])
    tolerance = max(0.02, 1.5 / min(width, height))
    if not 1 / (1 + tolerance) <= ratio <= 1 + tolerance:
        raise ImageError(
            f"{shown(url)} gave an image of {width} x {height} pixels, but {announced[0]} x {announced[1]} "
            "was announced, which has other proportions: check that it shows this page."
        )
