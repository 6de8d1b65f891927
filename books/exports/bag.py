"""BagIt (RFC 8493) for archives: texts in several formats, the record with every version, the scans that are here.

The bag is made by the Library of Congress's own library, in a temporary folder, and sent as a ZIP from there.
"""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import bagit
from django.utils.translation import gettext_noop

from books import page_images
from books.exports.base import Options, leaves
from books.exports.images import is_here
from books.exports.library import book_record
from books.exports.provenance import how_made, notice, plain_note
from books.exports.trees import fit
from books.exports.zipping import Entry, zipped
from books.exports.zips import entries
from books.images import ImageError
from books.models import Book
from sourcebatch.lib.clock import now

PIECE = 1_000_000


class Bag:
    """Needs room on the disk, not in memory. Not for the public: the record names people and hidden pages."""

    name = "bagit"
    label = gettext_noop("BagIt bag for archives")
    extension = "zip"
    mime = "application/zip"
    order = 90
    public = False

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The bag, zipped. Scans elsewhere are fetched if the options say so; those that fail are named in a file."""
        with tempfile.TemporaryDirectory(prefix="bag-") as folder:
            bag = Path(folder) / f"sourcebatch-{book.pk}"
            bag.mkdir()
            yield from zipped(_filled(bag, book, options))


def _filled(bag: Path, book: Book, options: Options) -> Iterator[Entry]:
    for entry in chain(entries(book, options, "texts/"), book_record(book, "record/"), _scans(book, options)):
        _save(bag / entry.path, entry.pieces)
    bagit.make_bag(str(bag), _info(book, options), checksums=["sha256", "sha512"])
    for path in sorted(bag.rglob("*")):
        if path.is_file():
            packed = path.suffix != ".jpg"
            yield Entry(f"{bag.name}/{path.relative_to(bag)}", _read(path), packed)


def _scans(book: Book, options: Options) -> Iterator[Entry]:
    missing: list[str] = []
    for leaf in leaves(book, options):
        if not options.fetch and not is_here(leaf.page):
            missing.append(f"{leaf.page.number}\t{leaf.page.image_url}\tnot stored here")
            continue
        try:
            yield Entry(f"scans/{leaf.page.number:05}.jpg", [page_images.image_bytes(leaf.page)])
        except ImageError as error:
            missing.append(f"{leaf.page.number}\t{leaf.page.image_url}\t{error.sentence}")
    if missing:
        yield Entry("scans/missing.txt", ["\n".join([*missing, ""]).encode()])


def _save(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(pieces)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _info(book: Book, options: Options) -> dict[str, str]:
    """bag-info.txt: one line for each value."""
    told = {
        "External-Identifier": book.source_id or book.pk, "External-Description": book.title,
        "Internal-Sender-Identifier": book.pk, "Bagging-Date": f"{now():%Y-%m-%d}",
        "Source-Address": book.source_url, "Rights": plain_note(book.rights),
        "Attribution": plain_note(book.attribution),
        "Internal-Sender-Description": " ".join([*how_made(book, options), notice(options)]),
    }  # fmt: skip
    return {name: " ".join(fit(value).split()) for name, value in told.items() if value}


EXPORTER = Bag()
