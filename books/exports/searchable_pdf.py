"""Searchable PDF: the scans, with the text of each page invisibly on it.

Where on the page a line stands is not known (no line boxes are kept): lines are spread evenly over the page. A search
finds the right page and copies the right words; what it marks is near the words, not on them.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from books.exports.base import Leaf, Options, leaves
from books.exports.pdf import Scan, close, missing, scan_of, title_pages
from books.exports.pdf_file import PdfFile
from books.exports.pdf_font import drawn, width_of
from books.exports.trees import fit, lines
from books.languages import direction_of
from books.models import Book, Kind, PageText

LONGEST_SIDE = 842.0
# Of each side of the page, outside of which nothing is printed as a rule.
EDGE = 0.07


class SearchablePdf:
    """Pages in the proportions of the scans. The transcription is searched, or a translation if only that is wanted."""

    name = "searchable-pdf"
    label = gettext_noop("PDF, searchable scans")
    extension = "pdf"
    mime = "application/pdf"
    order = 71
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The file in pieces, a page in each; what it is stands at its end, so that pages keep their numbers."""
        pdf = PdfFile()
        for leaf in leaves(book, options):
            _page(pdf, leaf, options)
            yield pdf.take()
        title_pages(pdf, book, options)
        yield close(pdf, book, options)


def _page(pdf: PdfFile, leaf: Leaf, options: Options) -> None:
    scan = scan_of(pdf, leaf, options)
    width, height = _size(scan)
    label = fit(" ".join(leaf.page.label.split())) or str(leaf.page.number)
    if scan.sentence:
        content = missing(pdf, scan.sentence, 36, width - 36, height - 36)
    else:
        content = f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /I{scan.number} Do Q\n"
    if leaf.texts:
        content += _layer(pdf, leaf.texts[0], width, height)
    pdf.page(width, height, content.encode("ascii"), [scan.number] if scan.number else [], label)


def _size(scan: Scan) -> tuple[float, float]:
    if not scan.number:
        return 595.28, LONGEST_SIDE
    scale = LONGEST_SIDE / max(scan.width, scan.height)
    return scan.width * scale, scan.height * scale


def _layer(pdf: PdfFile, text: PageText, width: float, height: float) -> str:
    """The text's lines from top to bottom, each as wide as the page at most; `3 Tr` draws nothing."""
    code = text.target_language if text.kind == Kind.TRANSLATION else text.language
    rtl = direction_of(code) == "rtl"
    shown = [drawn(line, rtl=rtl) for line in lines(text.data) if line.strip()]
    step = height * (1 - 2 * EDGE) / max(len(shown), 1)
    room = width * (1 - 2 * EDGE)
    parts = ["BT 3 Tr"]
    for index, line in enumerate(shown):
        size = min(step * 0.8, 12.0, 12.0 * room / max(width_of(line, 12.0), 1.0))
        x = width * (1 - EDGE) - width_of(line, size) if rtl else width * EDGE
        y = height * (1 - EDGE) - step * (index + 0.8)
        parts.append(f"/F {size:.3f} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm <{pdf.font.encoded(line)}> Tj")
    return "\n".join([*parts, "ET\n"])


EXPORTER = SearchablePdf()
