"""Exports: one format is one module of this package, registered by being there.

A module takes part by having an `EXPORTER`; the API, the admin, the public pages and the commands then offer it.
"""

import importlib
import pkgutil
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import chain

from django.utils.text import slugify

from books.exports.base import Exporter, ExportRefused, Options
from books.models import Book

__all__ = ["ExportRefused", "Exporter", "Options", "export", "exporter", "exporters", "file_name"]


@cache
def exporters() -> dict[str, Exporter]:
    """All formats by name, in the order in which people are offered them."""
    found = [
        one
        for module in pkgutil.iter_modules(__path__, f"{__name__}.")
        if (one := getattr(importlib.import_module(module.name), "EXPORTER", None)) is not None
    ]
    return {one.name: one for one in sorted(found, key=lambda one: (one.order, one.name))}


def exporter(name: str) -> Exporter:
    """The format of that name. Raises ExportRefused."""
    if name not in exporters():
        raise ExportRefused(f"There is no format {name[:40]!r}: choose one of {', '.join(exporters())}.")
    return exporters()[name]


def export(book: Book, name: str, options: Options) -> Iterator[bytes]:
    """The book in a format, in pieces. Raises ExportRefused here, not when the pieces are read."""
    pieces = exporter(name).write(book, options)
    # The first piece is made now: what cannot be exported is refused before anything is sent.
    return chain([next(pieces)], pieces)


def file_name(book: Book, name: str) -> str:
    """`epigrammata-clarissimi-tei.xml`: the title in plain letters, the format's name where its ending is common."""
    form = exporter(name)
    title = slugify(unicodedata.normalize("NFKD", book.title))[:50].strip("-") or book.pk
    plain = form.extension == form.name
    return f"{title}.{form.extension}" if plain else f"{title}-{form.name}.{form.extension}"
