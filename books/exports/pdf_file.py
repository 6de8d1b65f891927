"""PDF files written from front to back: each page leaves as soon as it is made, so a book of any size is a stream.

What a page refers to and only the end of the book tells (which letters the font must have) is written last.
"""

import zlib
from collections.abc import Sequence

from books.exports.pdf_font import Font
from books.exports.zipping import Drain

Number = int


class PdfFile:
    """Objects by number, pages in order. Lengths are points (1/72 inch), the origin is at the bottom left."""

    def __init__(self) -> None:
        self.drain = Drain()
        self.drain.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self.offsets: dict[Number, int] = {}
        self.pages: list[Number] = []
        self.labels: list[str] = []
        self.tree = self.reserve()
        self.font = Font()
        self.font_number = self.reserve()

    def reserve(self) -> Number:
        """The number of an object that is written later."""
        number = len(self.offsets) + 1
        self.offsets[number] = 0
        return number

    def add(self, body: str, number: Number | None = None) -> Number:
        """Write an object."""
        return self._object(body.encode("ascii"), number)

    def stream(
        self, data: bytes, entries: str = "", number: Number | None = None, *, packed: bool = True
    ) -> Number:
        """Write an object with bytes, compressed unless they are already."""
        if packed:
            data, entries = zlib.compress(data), f"{entries} /Filter /FlateDecode"
        head = f"<< {entries} /Length {len(data)} >>\nstream\n".encode("ascii")
        return self._object(head + data + b"\nendstream", number)

    def _object(self, body: bytes, number: Number | None) -> Number:
        number = number or self.reserve()
        self.offsets[number] = self.drain.tell()
        self.drain.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        return number

    def image(self, jpeg: bytes, width: int, height: int) -> Number:
        """An upright RGB JPEG, as it is."""
        entries = (
            f"/Type /XObject /Subtype /Image /Width {width} /Height {height} "
            "/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
        )
        return self.stream(jpeg, entries, packed=False)

    def page(
        self, width: float, height: float, content: bytes, images: Sequence[Number] = (), label: str = ""
    ) -> None:
        """A page; in its content images are called /I and their number, the font is /F."""
        drawn = self.stream(content)
        named = " ".join(f"/I{number} {number} 0 R" for number in images)
        self.pages.append(
            self.add(
                f"<< /Type /Page /Parent {self.tree} 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
                f"/Contents {drawn} 0 R /Resources << /Font << /F {self.font_number} 0 R >> "
                f"/XObject << {named} >> >> >>"
            )
        )
        self.labels.append(label)

    def take(self) -> bytes:
        """What can be sent now."""
        return self.drain.take()

    def close(self, title: str, author: str, subject: str, language: str) -> bytes:
        """The end of the file: fonts, the list of pages, where each object is."""
        self._font()
        kids = " ".join(f"{number} 0 R" for number in self.pages)
        self.add(f"<< /Type /Pages /Count {len(self.pages)} /Kids [{kids}] >>", self.tree)
        labels = " ".join(f"{index} << /P {words(label)} >>" for index, label in enumerate(self.labels))
        root = self.add(
            f"<< /Type /Catalog /Pages {self.tree} 0 R /PageLabels << /Nums [{labels}] >> "
            f"/Lang {words(language)} /ViewerPreferences << /DisplayDocTitle true >> >>"
        )
        info = self.add(
            f"<< /Title {words(title)} /Author {words(author)} /Subject {words(subject)} "
            f"/Producer {words('Sourcebatch')} >>"
        )
        self._index(root, info)
        return self.take()

    def _font(self) -> None:
        font = self.font
        file = self.stream(font.file())
        gids = self.stream(font.cid_to_gid())
        unicode = self.stream(font.to_unicode())
        descriptor = self.add(font.descriptor(file))
        descendant = self.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{font.name} /CIDSystemInfo "
            "<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {descriptor} 0 R /W [{font.widths()}] /CIDToGIDMap {gids} 0 R >>"
        )
        self.add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{font.name} /Encoding /Identity-H "
            f"/DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>",
            self.font_number,
        )

    def _index(self, root: Number, info: Number) -> None:
        start = self.drain.tell()
        lines = [f"xref\n0 {len(self.offsets) + 1}\n0000000000 65535 f \n"]
        lines += [f"{self.offsets[number]:010} 00000 n \n" for number in sorted(self.offsets)]
        lines.append(
            f"trailer\n<< /Size {len(self.offsets) + 1} /Root {root} 0 R /Info {info} 0 R >>\n"
            f"startxref\n{start}\n%%EOF\n"
        )
        self.drain.write("".join(lines).encode("ascii"))


def words(text: str) -> str:
    """A string of any letters as PDF writes it."""
    return f"<FEFF{text.encode('utf-16-be', 'replace').hex().upper()}>"
