"""PDF files: a page that is one embedded JPEG gives that JPEG as it is, every other page is rendered."""

import hashlib
import io
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw as pdfium

from books.importers.base import Given, ImportedBook, ImportedPage, ImportRefused
from books.importers.iiif_text import year_in
from books.importers.polyglot import ZIP_HEAD

# Longest side in pixels of a rendered page: more than is ever sent, so that it can be read closely.
RENDERED_SIDE = 2500
MAX_PAGES = 20_000
# An embedded scan counts as the page when it covers nearly all of it.
COVERS = 0.9
# PDFium knows no threads.
_one_at_a_time = threading.Lock()


class Pdf:
    """Scans and other pages from a PDF file."""

    name = "pdf"
    title = "PDF"
    order = 30

    def recognises(self, given: Given) -> bool:
        """What begins as a PDF does; a little rubbish before that is common."""
        head = given.head()[:1024]
        # A PDF packed without compression stands near the beginning of its archive.
        return given.folder is None and b"%PDF-" in head and not head.startswith(ZIP_HEAD)

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The one book in it. Its pages are taken or rendered when they are saved."""
        digest = _digest(given)
        try:
            with _one_at_a_time:
                document = pypdfium2.PdfDocument(given.file)
        except pypdfium2.PdfiumError as error:
            raise ImportRefused(_refusal(str(error))) from error
        try:
            yield _book(document, Path(given.name).stem, f"pdf:{digest}")
        finally:
            with _one_at_a_time:
                document.close()


IMPORTER = Pdf()


def _digest(given: Given) -> str:
    """The SHA-256 of the file, read piece by piece; afterwards it stands at its beginning again."""
    found = hashlib.sha256()
    given.file.seek(0)
    while piece := given.file.read(1 << 20):
        found.update(piece)
    given.file.seek(0)
    return found.hexdigest()


def _refusal(reason: str) -> str:
    if "password" in reason.lower():
        return "The PDF is protected with a password: save it without."
    return "The PDF is damaged: open it in a reader, save it anew and try again."


def _book(document: pypdfium2.PdfDocument, name: str, source_id: str) -> ImportedBook:
    with _one_at_a_time:
        count = len(document)
        told = document.get_metadata_dict(skip_empty=True)
        labels = [document.get_page_label(index) or "" for index in range(min(count, MAX_PAGES))]
    if not 0 < count <= MAX_PAGES:
        raise ImportRefused(f"The PDF has {count} pages: between 1 and {MAX_PAGES} can be imported.")
    pages = (
        ImportedPage(
            canvas_id=f"page:{index + 1}",
            label=label[:200],
            file_name=f"page-{index + 1:04}.jpg",
            read=partial(_page, document, index),
        )
        for index, label in enumerate(labels)
    )
    return ImportedBook(
        title=(told.get("Title", "").strip() or name or "Untitled")[:1000],
        author=told.get("Author", "").strip()[:500],
        # The file's own dates say when it was made, not when the book was printed.
        year=year_in(told.get("Title", "")),
        source_id=source_id,
        metadata=tuple((key, str(value)[:5000]) for key, value in told.items()),
        pages=tuple(pages),
        oddities=("A PDF says nothing about rights: add them before you publish.",),
    )


def _page(document: pypdfium2.PdfDocument, index: int) -> bytes:
    """The image of one page: its scan as it is embedded, or the page rendered as JPEG."""
    with _one_at_a_time:
        try:
            page = document[index]
            try:
                return _scan(page) or _rendered(page)
            finally:
                page.close()
        except (pypdfium2.PdfiumError, OSError, ValueError) as error:
            raise ImportRefused(
                f"Page {index + 1} of the PDF is damaged: save the PDF anew and try again."
            ) from error


def _scan(page: pypdfium2.PdfPage) -> bytes | None:
    """The JPEG that is this page, if it is one, unturned and uncut."""
    images = list(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    if len(images) != 1 or page.get_rotation() or images[0].get_filters() != ["DCTDecode"]:
        return None
    left, bottom, right, top = images[0].get_bounds()
    width, height = page.get_size()
    matrix = images[0].get_matrix()
    turned = matrix.a <= 0 or matrix.d <= 0 or abs(matrix.b) > 0.01 or abs(matrix.c) > 0.01
    if turned or (right - left) * (top - bottom) < COVERS * width * height:
        return None
    return bytes(images[0].get_data())


def _rendered(page: pypdfium2.PdfPage) -> bytes:
    scale = RENDERED_SIDE / max(*page.get_size(), 1)
    bitmap = page.render(scale=scale)
    try:
        out = io.BytesIO()
        bitmap.to_pil().convert("RGB").save(out, "JPEG", quality=90)
        return out.getvalue()
    finally:
        bitmap.close()
