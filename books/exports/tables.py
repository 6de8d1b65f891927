"""CSV: a row for each page, for spreadsheets. (Not called csv: that is Python's own module.)"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain

from django.utils.translation import gettext_noop

from books.exports.base import Leaf, Options, leaves, translated_into
from books.exports.provenance import WARNING, plain_note, sentence
from books.models import Book, PageText

BOM = "\ufeff"
# Spreadsheets take cells that begin so for formulas, and run them.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ROWS_PER_PIECE = 100


class Csv:
    """UTF-8 with a byte order mark, by which spreadsheets know it; texts as stored, with the tags of docs/tags.md."""

    name = "csv"
    label = gettext_noop("CSV table")
    extension = "csv"
    mime = "text/csv; charset=utf-8"
    order = 40
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """A head line, then a row for each page."""
        languages = translated_into(book, options)
        whole = [
            book.title,
            book.author,
            book.source_url,
            plain_note(book.rights),
            plain_note(book.attribution),
        ]
        rows = (_row(leaf, languages, options, whole) for leaf in leaves(book, options))
        yield from _pieces(chain([_head(languages, options)], rows))


def defused(cell: str) -> str:
    """The cell so that no spreadsheet runs it: an apostrophe before what would be a formula."""
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(FORMULA) else cell


def _pieces(rows: Iterator[Sequence[str]]) -> Iterator[bytes]:
    out = io.StringIO(BOM, newline="")
    out.seek(0, io.SEEK_END)
    writer = csv.writer(out)
    for count, row in enumerate(rows):
        writer.writerow([defused(cell) for cell in row])
        if count % ROWS_PER_PIECE == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    if rest := out.getvalue():
        yield rest.encode()


def _head(languages: Sequence[str], options: Options) -> list[str]:
    texts = ["transcription", "transcription_made"] if options.transcription else []
    for code in languages:
        texts += [f"translation_{code}", f"translation_{code}_made"]
    book = ["book", "author", "source", "rights", "attribution", "notice"]
    return ["page", "label", "blank", "image", *texts, *book]


def _row(leaf: Leaf, languages: Sequence[str], options: Options, whole: Sequence[str]) -> list[str]:
    page = leaf.page
    translations = {text.target_language: text for text in leaf.translations}
    texts = [leaf.transcription] if options.transcription else []
    texts += [translations.get(code) for code in languages]
    cells = chain.from_iterable(_cells(leaf, text) for text in texts)
    blank = "yes" if page.blank else "no"
    return [str(page.number), page.label, blank, page.image_url, *cells, *whole, WARNING]


def _cells(leaf: Leaf, text: PageText | None) -> tuple[str, str]:
    return (text.data, sentence(text, stale=leaf.is_stale(text))) if text else ("", "")


EXPORTER = Csv()
