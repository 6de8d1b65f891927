"""Importers: one kind of source is one module of this package, registered by being there.

A module takes part by having an `IMPORTER`; nothing else has to know of it.
"""

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from books.importers.archive_org import IDENTIFIER, manifest_address, resolved
from books.importers.base import Given, ImportedBook, ImportedPage, Importer, ImportRefused
from books.importers.polyglot import refuse_polyglots
from books.importers.spreads import note_spreads
from books.importers.storable import storable
from sourcebatch.lib.fetch import FetchError, fetch

__all__ = [
    "Given",
    "ImportRefused",
    "ImportedBook",
    "ImportedPage",
    "Importer",
    "fetched",
    "importers",
    "opened",
    "read",
    "recognise",
]

FETCHED_MAX_BYTES = 60_000_000
ACCEPT = "application/ld+json, application/json;q=0.9, */*;q=0.1"


@cache
def importers() -> tuple[Importer, ...]:
    """All importers, in the order in which they are asked."""
    found = [
        importer
        for module in pkgutil.iter_modules(__path__, f"{__name__}.")
        if (importer := getattr(importlib.import_module(module.name), "IMPORTER", None)) is not None
    ]
    return tuple(sorted(found, key=lambda importer: (importer.order, importer.name)))


def recognise(given: Given) -> Importer:
    """The importer for this source. Raises ImportRefused when there is none."""
    for importer in importers():
        if importer.recognises(given):
            return importer
    kinds = ", ".join(importer.title for importer in importers())
    raise ImportRefused(
        f"{given.name or given.url or 'This'} is nothing that can be imported. Possible are: {kinds}."
    )


def read(given: Given) -> Iterator[ImportedBook]:
    """The books of a source, whatever its kind. Raises ImportRefused.

    Pages with `read` are valid only until the next book is asked for: save each book inside the loop.
    """
    refuse_polyglots(given)
    return (note_spreads(storable(book)) for book in recognise(given).read(given))


@contextmanager
def opened(place: str) -> Iterator[Given]:
    """A source from an address, a file or folder on this machine, or the Internet Archive's identifier.

    Open for as long as its pages are read. For the operator's command line only: what a stranger names must be
    an address or an upload. Raises ImportRefused.
    """
    path = Path(place)
    if address := _address(place, path):
        yield fetched(address)
        return
    if path.is_dir():
        yield Given(name=path.name, folder=path)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise ImportRefused(f"{place} cannot be read ({error.strerror}): check the path.") from error
    with file:
        yield Given(name=path.name, file=file)


def _address(place: str, path: Path) -> str:
    """The address that is meant, if one is: `archive:` may be left out where no file of that name is there."""
    if place.startswith(("http://", "https://")):
        return place
    if place.startswith("archive:"):
        return manifest_address(place.removeprefix("archive:"))
    bare = IDENTIFIER.fullmatch(place) and not path.suffix and not path.exists()
    return manifest_address(place) if bare else ""


def fetched(url: str) -> Given:
    """A source from an address; a page of the Internet Archive stands for its manifest.

    Raises ImportRefused with the reason why it could not be had.
    """
    url = resolved(url)
    try:
        got = fetch(url, max_bytes=FETCHED_MAX_BYTES, accept=ACCEPT)
    except FetchError as error:
        # Jobs come back to a page by themselves, an import does not.
        said = re.sub(r"(it|this) is tried again later", "try again later", error.sentence)
        raise ImportRefused(said, retryable=error.retryable) from error
    return Given(name=url.partition("?")[0].rpartition("/")[2], url=url, file=io.BytesIO(got.body))
