"""Tables: of page images, which make books, or of manifests, which are offered one by one. CSV, TSV or XLSX.

A table of images has a column `image_url` (or `image`, `url`) and may have `page_number`, `label`, and for the books
`source_id`, `title`, `author`, `language`, `year`, `rights`, `attribution`, `source_url`. Rows with the same
`source_id` (or title) are one book. A table of manifests has a column `manifest`.
"""

import csv
import hashlib
import io
import posixpath
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop
from lxml import etree

from books.importers.base import Given, ImportedBook, ImportedPage, ImportRefused, language_code
from books.importers.iiif_text import year_in

MAX_BYTES = 50_000_000
MAX_ROWS = 200_000
MAX_UNPACKED = 100_000_000
Row = dict[str, str]

# What columns are called, in the words of those who make such tables.
COLUMNS = {
    "manifest": {"manifest", "manifest_url", "iiif", "iiif_manifest", "manifest url", "iiif manifest"},
    "image_url": {
        "image_url",
        "image",
        "url",
        "image url",
        "image_address",
        "bild",
        "bild-url",
        "image-url",
        "scan",
    },
    "page_number": {"page_number", "page", "number", "no", "nr", "seite", "page number", "position", "order"},
    "label": {"label", "folio", "page_label", "name", "bezeichnung"},
    "source_id": {"source_id", "book_id", "identifier", "id", "signatur", "shelfmark", "source id"},
    "title": {"title", "book", "book_title", "titel", "titre"},
    "author": {"author", "autor", "auteur", "creator", "verfasser"},
    "language": {"language", "sprache", "langue", "lang"},
    "year": {"year", "date", "jahr", "année"},
    "rights": {"rights", "license", "licence", "lizenz"},
    "attribution": {"attribution", "credit"},
    "source_url": {"source_url", "source", "link"},
}


class Table:
    """Tables of images or of manifests."""

    name = "table"
    title = gettext_noop("CSV or XLSX table of image addresses or manifests")
    order = 20

    def recognises(self, given: Given) -> bool:
        """By its name; an XLSX file by what is in it as well."""
        if given.suffix in (".csv", ".tsv"):
            return True
        return given.suffix == ".xlsx" and given.head().startswith(b"PK\x03\x04")

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The books in a table of images. Raises ImportRefused, for a table of manifests with what it offers."""
        raw = given.all(MAX_BYTES)
        rows = _named(_xlsx(raw) if given.suffix == ".xlsx" else _csv(raw))
        offers = tuple(
            (row["manifest"], row.get("title") or row["manifest"]) for row in rows if row.get("manifest")
        )
        if offers:
            raise ImportRefused(
                f"This is a table of {len(offers)} manifests: import them one by one.", offers=offers
            )
        return books_of(rows, Path(given.name).stem or "Untitled", given.url)


IMPORTER = Table()


def books_of(rows: list[Row], name: str, url: str) -> Iterator[ImportedBook]:
    """The books of a table of images: one for each source identifier or title, in the order of the table."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for number, row in enumerate(rows, 2):
        groups.setdefault(row.get("source_id") or row.get("title") or "", []).append((number, row))
    if not any(row.get("image_url") for row in rows):
        raise ImportRefused("The table has no column image_url (or manifest) with addresses in it: add one.")
    return (book for group in groups.values() if (book := _book(group, name, url)).pages)


def _book(rows: list[tuple[int, Row]], name: str, url: str) -> ImportedBook:
    oddities: list[str] = []
    pages = list(_pages(rows, oddities))
    told = {key: next((row[key] for _, row in rows if row.get(key)), "") for key in COLUMNS}
    return ImportedBook(
        title=(told["title"] or name)[:1000],
        author=told["author"][:500],
        language=language_code(told["language"])[0],
        year=year_in(told["year"]),
        source_id=(told["source_id"] or _fingerprint(told["title"], pages))[:500],
        source_url=(told["source_url"] or url)[:2000],
        rights=told["rights"][:2000],
        attribution=told["attribution"],
        pages=tuple(pages),
        oddities=tuple(oddities),
    )


def _pages(rows: list[tuple[int, Row]], oddities: list[str]) -> Iterator[ImportedPage]:
    """The pages, by their number where every row has one, else in the order of the table."""
    if all(row.get("page_number", "").isdecimal() for _, row in rows):
        rows = sorted(rows, key=lambda each: int(each[1]["page_number"]))
    for number, row in rows:
        url = row.get("image_url", "")
        if not _is_web_address(url):
            oddities.append(f"Row {number} is left out: {url[:100] or 'nothing'} is no address of an image.")
            continue
        # An address that the table repeats is told apart by its place when it is saved.
        yield ImportedPage(canvas_id=url[:1000], label=row.get("label", "")[:200], image_url=url)


def _fingerprint(title: str, pages: Iterable[ImportedPage]) -> str:
    """The same title and first image are the same book, so a longer table of it adds its new pages."""
    first = next((page.image_url for page in pages), "")
    return f"table:{hashlib.sha256(f'{title} {first}'.encode()).hexdigest()}"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and len(url) <= 2000


def _named(rows: Iterator[list[str]]) -> list[Row]:
    """Rows by our names of their columns; a table without a head line is one of addresses in its first column."""
    first = next(rows, [])
    if first and _is_web_address(first[0]):
        kind = "manifest" if first[0].endswith(("manifest", "manifest.json")) else "image_url"
        return [{kind: row[0]} for row in [first, *rows] if row and row[0]]
    names = [_column(cell) for cell in first]
    return [
        {name: cell for name, cell in zip(names, row, strict=False) if name and cell}
        for row in rows
        if any(row)
    ]


def _column(cell: str) -> str:
    word = cell.strip().lower()
    return next((name for name, words in COLUMNS.items() if word in words), "")


def _csv(raw: bytes) -> Iterator[list[str]]:
    """Rows of a CSV in UTF-8, UTF-16 or, failing that, Windows' old code page; by comma, semicolon or tab."""
    text = _decoded(raw)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for count, row in enumerate(reader):
            if count > MAX_ROWS:
                raise ImportRefused(f"The table has more than {MAX_ROWS} rows: split it.")
            yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise ImportRefused("The table cannot be read as CSV: save it again as CSV in UTF-8.") from error


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


# --- XLSX: the first sheet, without a library for the rest of the format ---------------------------------------

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def _xlsx(raw: bytes) -> Iterator[list[str]]:
    """Rows of the first sheet, as text."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as book:
            if sum(info.file_size for info in book.infolist()) > MAX_UNPACKED:
                raise ImportRefused("The table is too large: save it as CSV.")
            strings = _shared_strings(book)
            with book.open(_first_sheet(book)) as sheet:
                yield from _rows(sheet, strings)
    except (
        zipfile.BadZipFile,
        KeyError,
        etree.XMLSyntaxError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise ImportRefused("The XLSX file cannot be read: save it as CSV.") from error


def _first_sheet(book: zipfile.ZipFile) -> str:
    sheets = sorted(name for name in book.namelist() if posixpath.dirname(name) == "xl/worksheets")
    if not sheets:
        raise KeyError("xl/worksheets")
    return min(sheets, key=lambda name: (len(name), name))


def _elements(file: IO[bytes], tag: str) -> Iterator[etree._Element]:
    """Elements as they are read, each forgotten afterwards; no entities, no network."""
    for _, element in etree.iterparse(
        file, tag=_NS + tag, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    ):
        yield element
        element.clear()


def _shared_strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    with book.open("xl/sharedStrings.xml") as file:
        return ["".join(part.text or "" for part in item.iter(_NS + "t")) for item in _elements(file, "si")]


def _rows(sheet: IO[bytes], strings: list[str]) -> Iterator[list[str]]:
    for count, row in enumerate(_elements(sheet, "row")):
        if count > MAX_ROWS:
            raise ImportRefused(f"The table has more than {MAX_ROWS} rows: split it.")
        cells: list[str] = []
        for cell in row.iter(_NS + "c"):
            at = _place(cell.get("r", ""), len(cells))
            cells += [""] * (min(at, 200) - len(cells))
            cells.append(_cell(cell, strings).strip())
        yield cells


def _place(reference: str, default: int) -> int:
    """The column of a reference such as C7, counted from 0."""
    letters = "".join(letter for letter in reference if letter.isalpha())
    if not (letters.isascii() and letters.isupper() and len(letters) <= 3):
        return default
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _cell(cell: etree._Element, strings: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(_NS + "t"))
    value = cell.findtext(_NS + "v") or ""
    if cell.get("t") == "s":
        return strings[int(value)] if value.isdecimal() and int(value) < len(strings) else ""
    return value.removesuffix(".0")
