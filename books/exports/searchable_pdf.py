"""Searchable PDF: the scans, with the text of each page invisibly on it.

Where the second reading found a page's lines, the words of the transcription stand on them, and those that it did not
find between them. On other pages lines are spread evenly: a search finds the right page and copies the right words;
what it marks is near the words, not on them.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from books.exports.base import Options
from books.exports.lining import Box, Lined, lined
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
        for page in lined(book, options):
            _page(pdf, page, options)
            yield pdf.take()
        title_pages(pdf, book, options)
        yield close(pdf, book, options)


def _page(pdf: PdfFile, page: Lined, options: Options) -> None:
    leaf = page.leaf
    scan = scan_of(pdf, leaf, options)
    width, height = _size(scan)
    label = fit(" ".join(leaf.page.label.split())) or str(leaf.page.number)
    if scan.sentence:
        content = missing(pdf, scan.sentence, 36, width - 36, height - 36)
    else:
        content = f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /I{scan.number} Do Q\n"
    if page.placed:
        content += _on_the_lines(pdf, page, width, height)
    elif leaf.texts:
        content += _layer(pdf, leaf.texts[0], width, height)
    pdf.page(width, height, content.encode("ascii"), [scan.number] if scan.number else [], label)


def _size(scan: Scan) -> tuple[float, float]:
    if not scan.number:
        return 595.28, LONGEST_SIDE
    scale = LONGEST_SIDE / max(scan.width, scan.height)
    return scan.width * scale, scan.height * scale


def _on_the_lines(pdf: PdfFile, page: Lined, width: float, height: float) -> str:
    """Each line in its box, from edge to edge; `Tz` stretches it, in percent."""
    rtl = page.leaf.transcription is not None and direction_of(page.leaf.transcription.language) == "rtl"
    x_scale, y_scale = width / page.width, height / page.height
    parts = ["BT 3 Tr"]
    for line, (left, top, right, bottom) in zip(page.lines, _filled(page), strict=True):
        shown = drawn(line.words, rtl=rtl)
        size = max(bottom - top, 1) * y_scale * 0.8
        stretch = 100 * (right - left) * x_scale / max(width_of(shown, size), 0.1)
        x, y = left * x_scale, height - bottom * y_scale + 0.25 * size
        place = f"/F {size:.3f} Tf {stretch:.1f} Tz 1 0 0 1 {x:.2f} {y:.2f} Tm"
        parts.append(f"{place} <{pdf.font.encoded(shown)}> Tj")
    return "\n".join([*parts, "100 Tz ET\n"])


def _filled(page: Lined) -> list[Box]:
    """A box for every line: those that have none share the strip between the lines around them."""
    boxes = [line.box for line in page.lines]
    known = [at for at, box in enumerate(boxes) if box]
    found: list[Box] = []
    for at, box in enumerate(boxes):
        if box is None:
            before = max((one for one in known if one < at), default=None)
            after = min((one for one in known if one > at), default=None)
            box = _between(page, at, before, after)
        found.append(box)
    return found


def _between(page: Lined, at: int, before: int | None, after: int | None) -> Box:
    """The part of the strip between two lines that is the line's; the page's edges where there is no line."""
    above = page.lines[before].box if before is not None else None
    below = page.lines[after].box if after is not None else None
    near = above or below or (0, 0, page.width, page.height)
    top, bottom = above[3] if above else 0, below[1] if below else page.height
    first = -1 if before is None else before
    count = (len(page.lines) if after is None else after) - first - 1
    step = max((bottom - top) // count, 2)
    start = top + step * (at - first - 1)
    return near[0], start, near[2], start + min(step, near[3] - near[1])


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
