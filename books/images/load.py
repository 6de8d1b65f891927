"""From a page to its image: the stored file, or the first address of its ladder that gives one."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage

from books.images.decode import ImageError
from books.images.ladder import PageLike, Sources, refuse_wrong_reply, sources_of
from books.images.normal import PageImage, normalise, thumbnail
from books.images.service import Service, read_service
from books.images.whole import fetch_whole
from sourcebatch.lib.fetch import FetchError, as_done, fetch, shown

P = TypeVar("P", bound=PageLike)
R = TypeVar("R")

# Masters may be large; beyond this a stored file is not read into memory.
STORED_MAX_BYTES = 500_000_000
INFO_MAX_BYTES = 1_000_000
# Answers after which another size of the same image may still be had.
_TRY_NEXT = frozenset({400, 403, 404, 405, 406, 410, 414, 415, 422, 500, 501, 502})


def load(page: PageLike) -> PageImage:
    """The page's image as it is sent. Raises ImageError, which says whether another try later may help."""
    half = _half(page)

    def normalised(raw: bytes, announced: tuple[int, int] | None, url: str) -> PageImage:
        return _normalised(raw, announced, url, half)

    # A half of a spread is half as wide: the whole is asked for twice as large.
    return _from_sources(page, settings.IMAGE_MAX_SIDE * (2 if half else 1), normalised)


def thumbnail_of(page: PageLike, side: int = 240) -> bytes:
    """A small JPEG of the page, fetched small where the library can do that. Raises ImageError."""

    def small(raw: bytes) -> bytes:
        return thumbnail(raw, side, max_pixels=settings.IMAGE_MAX_PIXELS, half=half)

    half = _half(page)
    # Twice the side: a server that rounds down still gives enough.
    return _from_sources(page, side * 2, lambda raw, announced, url: small(raw))


def load_many(pages: Iterable[P], *, workers: int = 16) -> Iterator[tuple[P, PageImage | ImageError]]:
    """Each page with its image or why it has none, as they end. `pages` is read only as needed."""

    def one(page: P) -> PageImage | ImageError:
        try:
            return load(page)
        except ImageError as error:
            return error

    def size(result: PageImage | ImageError) -> int:
        return len(result.data) if isinstance(result, PageImage) else 0

    return as_done(pages, one, workers=workers, size=size)


def _half(page: PageLike) -> str:
    """Which half of a spread this page is, if it is one."""
    return str(page.service.get("half") or "")


def _normalised(raw: bytes, announced: tuple[int, int] | None, url: str, half: str) -> PageImage:
    image = normalise(raw, max_side=settings.IMAGE_MAX_SIDE, max_pixels=settings.IMAGE_MAX_PIXELS, half=half)
    if url:
        refuse_wrong_reply((image.original_width, image.original_height), announced, url)
    return image


_Make = Callable[[bytes, tuple[int, int] | None, str], R]


def _from_sources(page: PageLike, side: int, make: _Make[R]) -> R:
    sources = sources_of(page, side)
    if sources.file:
        return make(_stored(sources.file), None, "")
    # Both halves of a spread want the same image, mostly at the same moment.
    climb = _Climb(make, fetch_whole if _half(page) else _body)
    if (result := climb.over(sources)) is not None:
        return result
    better = _with_info(page, sources, side)
    if better is not None and (result := climb.over(better)) is not None:
        return result
    raise climb.given_up()


def _body(url: str) -> bytes:
    return fetch(url).body


def _stored(name: str) -> bytes:
    """The bytes of an uploaded or locally kept image."""
    try:
        if default_storage.size(name) > STORED_MAX_BYTES:
            raise ImageError(f"The stored image {name} is too large to be read: upload a smaller one.")
        with default_storage.open(name, "rb") as file:
            return bytes(file.read())
    except (OSError, SuspiciousFileOperation) as error:
        raise ImageError(f"The stored image {name} cannot be read: upload it again.") from error


class _Climb(Generic[R]):
    """Tries addresses one after another, each once, and remembers what was wrong with them."""

    def __init__(self, make: "_Make[R]", fetch_body: Callable[[str], bytes]) -> None:
        self.make = make
        self.fetch_body = fetch_body
        self.reasons: dict[str, ImageError | FetchError] = {}

    def over(self, sources: Sources) -> R | None:
        """What the first good address gives, or None. Raises ImageError where only waiting helps."""
        for url in sources.urls:
            if url in self.reasons:
                continue
            try:
                return self.make(self.fetch_body(url), sources.announced, url)
            except ImageError as error:
                self.reasons[url] = error
            except FetchError as error:
                self.reasons[url] = error
                if error.status not in _TRY_NEXT:
                    raise self.given_up() from error
        return None

    def given_up(self) -> ImageError:
        """One error for all that was tried."""
        errors = list(self.reasons.values())
        waits = [error.retry_after for error in errors if error.retry_after]
        return ImageError(
            self._sentence(),
            retryable=any(error.retryable for error in errors),
            retry_after=max(waits, default=None),
            urls=tuple(shown(url) for url in self.reasons),
            crowded=any(error.crowded for error in errors),
        )

    def _sentence(self) -> str:
        """The only reason, or all of them with their addresses."""
        if len(self.reasons) == 1:
            ((url, error),) = self.reasons.items()
            return error.sentence if isinstance(error, FetchError) else f"{error.sentence} ({shown(url)})"
        tried = "; ".join(f"{shown(url)}: {_short(error)}" for url, error in self.reasons.items())
        return f"No address of this page gave its image. Tried {tried}."


def _short(error: ImageError | FetchError) -> str:
    """A reason for a list of reasons."""
    if isinstance(error, FetchError) and error.status:
        return f"answered {error.status}"
    return error.sentence.rstrip(".")


def _with_info(page: PageLike, sources: Sources, side: int) -> Sources | None:
    """The ladder again with what the image service says of itself; asked only when all else has failed."""
    if not sources.info_url:
        return None
    try:
        told = json.loads(fetch(sources.info_url, max_bytes=INFO_MAX_BYTES, accept="application/json").body)
    except (FetchError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    service = Service({**page.service, **read_service(told)}, 0, 0)
    return Sources("", tuple(service.steps(side)), "", service.announced())
