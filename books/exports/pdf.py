"""PDF for reading: the scan on the left, transcription and translation on the right; A4, landscape."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_noop
from PIL import Image

from books import page_images
from books.exports.base import Leaf, Options, leaves
from books.exports.images import address_of, is_here
from books.exports.pdf_file import PdfFile
from books.exports.pdf_lines import Text, columns, content, fitted, wrapped
from books.exports.provenance import about, notice, sentence
from books.exports.trees import fit, lines
from books.images import ImageError
from books.languages import direction_of, name_of
from books.models import Book, Kind, PageText

WIDTH, HEIGHT, MARGIN = 841.89, 595.28, 36.0
MIDDLE = WIDTH / 2
SIZES = (10.0, 9.0, 8.0, 7.0)


@dataclass(frozen=True)
class Scan:
    """A page's scan in the file, with its size in pixels; or a sentence on why it is not there."""

    number: int = 0
    width: int = 0
    height: int = 0
    sentence: str = ""


class Pdf:
    """One spread for a page, more where the text is long. The text can be searched and copied."""

    name = "pdf"
    label = gettext_noop("PDF, scan and text facing")
    extension = "pdf"
    mime = "application/pdf"
    order = 70
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The file in pieces, a page in each."""
        pdf = PdfFile()
        title_pages(pdf, book, options)
        yield pdf.take()
        for leaf in leaves(book, options):
            _spread(pdf, leaf, options)
            yield pdf.take()
        yield close(pdf, book, options)


def title_pages(pdf: PdfFile, book: Book, options: Options) -> None:
    """What the file is, on as many pages as that takes."""
    told = [Text(fit(book.title), direction_of(book.language) == "rtl", 1.6), Text("")]
    for label, value in about(book, options)[1:]:
        told += [Text(label, scale=0.8, grey=True), Text(fit(value)), Text("")]
    for page in columns(wrapped(told, WIDTH - 4 * MARGIN, 10.0), HEIGHT - 4 * MARGIN):
        drawn = content(page, pdf.font, 2 * MARGIN, WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN)
        pdf.page(WIDTH, HEIGHT, drawn.encode("ascii"), label="about")


def close(pdf: PdfFile, book: Book, options: Options) -> bytes:
    """The end of the file, with what viewers show of it."""
    return pdf.close(fit(book.title), fit(book.author), notice(options), book.language or "und")


def scan_of(pdf: PdfFile, leaf: Leaf, options: Options) -> Scan:
    """Put a page's scan into the file. Nothing is fetched from other servers unless the options say so."""
    if not options.fetch and not is_here(leaf.page):
        return Scan(sentence=f"The scan is at {address_of(leaf.page, options.address)}")
    try:
        jpeg = page_images.image_bytes(leaf.page)
    except ImageError as error:
        return Scan(sentence=f"There is no scan here. {error.sentence}")
    with Image.open(io.BytesIO(jpeg)) as image:
        width, height = image.size
    return Scan(pdf.image(jpeg, width, height), width, height)


def missing(pdf: PdfFile, said: str, left: float, right: float, top: float) -> str:
    """The sentence that stands where a scan would."""
    return content(wrapped([Text(fit(said), grey=True)], right - left, 9.0), pdf.font, left, right, top)


def _spread(pdf: PdfFile, leaf: Leaf, options: Options) -> None:
    scan = scan_of(pdf, leaf, options)
    left, right, top = MIDDLE + MARGIN / 3, WIDTH - MARGIN, HEIGHT - MARGIN
    label = fit(" ".join(leaf.page.label.split())) or str(leaf.page.number)
    texts = [Text(f"Page {fit(' '.join(str(leaf.page).split()))}", scale=0.8, grey=True), Text("")]
    texts += [text for one in leaf.texts for text in _texts(leaf, one)] or [_nothing(leaf)]
    for page in fitted(texts, right - left, HEIGHT - 2 * MARGIN, SIZES):
        drawn = _scan(pdf, scan) + content(page, pdf.font, left, right, top)
        pdf.page(WIDTH, HEIGHT, drawn.encode("ascii"), [scan.number] if scan.number else [], label)


def _texts(leaf: Leaf, text: PageText) -> Iterator[Text]:
    translation = text.kind == Kind.TRANSLATION
    code = text.target_language if translation else text.language
    title = f"Translation into {name_of(code)}" if translation else "Transcription"
    yield Text(title if translation or not code else f"{title}, {name_of(code)}", scale=0.8, grey=True)
    rtl = direction_of(code) == "rtl"
    yield from (Text(line, rtl) for line in lines(text.data))
    yield Text(sentence(text, stale=leaf.is_stale(text)), scale=0.65, grey=True)
    yield Text("")


def _nothing(leaf: Leaf) -> Text:
    return Text("Blank page." if leaf.page.blank else "No text.", grey=True)


def _scan(pdf: PdfFile, scan: Scan) -> str:
    """The scan as large as the left half allows, in its middle."""
    room_x, room_y = MIDDLE - MARGIN * 4 / 3, HEIGHT - 2 * MARGIN
    if scan.sentence:
        return missing(pdf, scan.sentence, MARGIN, MARGIN + room_x, HEIGHT - MARGIN)
    scale = min(room_x / scan.width, room_y / scan.height)
    width, height = scan.width * scale, scan.height * scale
    x, y = MARGIN + (room_x - width) / 2, MARGIN + (room_y - height)
    return f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {y:.2f} cm /I{scan.number} Do Q\n"


EXPORTER = Pdf()
