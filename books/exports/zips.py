"""A ZIP of the book in several formats at once."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from books.exports.base import Options
from books.exports.zipping import Entry, zipped
from books.models import Book

FORMATS = ("txt", "markdown", "jsonl", "csv", "tei", "epub", "iiif")


class Zip:
    """Everything but the PDF files, which are large."""

    name = "zip"
    label = gettext_noop("ZIP: all texts in all formats")
    extension = "zip"
    mime = "application/zip"
    order = 5
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The archive in pieces, made while it is sent."""
        yield from zipped(entries(book, options))


def entries(book: Book, options: Options, folder: str = "") -> Iterator[Entry]:
    """The files of one book."""
    # Here and not above: that package imports this module when it looks for formats.
    from books.exports import exporter, file_name

    for name in FORMATS:
        yield Entry(folder + file_name(book, name), exporter(name).write(book, options))


EXPORTER = Zip()
