"""hOCR: the transcription as HTML with the place of each line and word on its scan, as OCR programs exchange it."""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from books.exports.base import ExportRefused, Options
from books.exports.images import address_of, size_of
from books.exports.lining import Box, Lined, Placed, lined, words_of
from books.exports.provenance import about
from books.exports.trees import fit
from books.languages import direction_of
from books.models import Book, PageText

CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_lang ocrp_dir"


class Hocr:
    """hOCR 1.2, well-formed. A line whose place is not known stands in its paragraph without a class."""

    name = "hocr"
    label = "hOCR"
    extension = "html"
    mime = "text/html; charset=utf-8"
    order = 56
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The document in pieces, a page in each."""
        if not options.transcription:
            raise ExportRefused("hOCR describes the printed page: choose the transcription, or both texts.")
        yield _head(book, options).encode()
        for page in lined(book, options):
            yield "".join(_page(page, options)).encode()
        yield b"</body>\n</html>\n"


def _head(book: Book, options: Options) -> str:
    told = {
        "ocr-system": "Sourcebatch", "ocr-capabilities": CAPABILITIES,
        "ocr-number-of-pages": str(book.pages.filter(hidden=False).count()), "ocr-langs": book.language or "unknown",
    }  # fmt: skip
    facts = [*told.items(), *((f"DC.{label.lower()}", value) for label, value in about(book, options))]
    metas = "\n".join(f'<meta name="{_said(name)}" content="{_said(value)}" />' for name, value in facts)
    language = _said(book.language or "und")
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8" />\n'
        f"<title>{_said(book.title)}</title>\n{metas}\n</head>\n<body>\n"
    )


def _page(page: Lined, options: Options) -> Iterator[str]:
    number = page.leaf.page.number
    width, height = (page.width, page.height) if page.width else size_of(page.leaf.page)
    scan = address_of(page.leaf.page, options.address).replace(";", "%3B").replace('"', "%22")
    size = f"; bbox 0 0 {width} {height}" if width else ""
    title = f'image "{scan}"; ppageno {number - 1}{size}'
    yield f'<div class="ocr_page" id="page_{number}" title="{_said(title)}">\n'
    yield f"<!-- {_said(page.sentence()).replace('--', '- -')} -->\n"
    for block, lines in groupby(page.lines, lambda line: line.block):
        yield from _block(f"{number}_{block}", list(lines), page.leaf.transcription)
    yield "</div>\n"


def _block(name: str, lines: list[Placed], text: PageText | None) -> Iterator[str]:
    language = text.language if text else ""
    code = f' lang="{_said(language)}" dir="{direction_of(language)}"' if language else ""
    yield f'<div class="ocr_carea" id="block_{name}"><p class="ocr_par"{code}>\n'
    yield from (_line(f"{name}_{at}", line) for at, line in enumerate(lines))
    yield "</p></div>\n"


def _line(name: str, line: Placed) -> str:
    if line.box is None:
        return f"<span>{_said(line.words)}</span><br />\n"
    words = " ".join(
        f'<span class="ocrx_word" title="{_bbox(box)}">{_said(word)}</span>'
        for word, box in words_of(line)
        if box
    )
    return f'<span class="ocr_line" id="line_{name}" title="{_bbox(line.box)}">{words}</span><br />\n'


def _bbox(box: Box) -> str:
    return "bbox {} {} {} {}".format(*box)


def _said(words: str) -> str:
    return escape(fit(words))


EXPORTER = Hocr()
