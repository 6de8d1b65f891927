"""ALTO, hOCR and the searchable PDF with the lines that the real engine found, against places drawn by people."""

import io
import lzma
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pikepdf
import pytest
from lxml import etree, html

from books.exports import ExportRefused, Options, export
from books.models import Book
from books.second_reading import run
from books.second_reading.models import SecondReading
from tests.books.exports.conftest import GREEK, HEBREW, WORSE
from tests.conftest import ROOT
from tests.second_reading.conftest import Remembered, write

SCHEMAS = ROOT / "tests" / "books" / "exports" / "schemas"
TRUTH = ROOT.parent / "shared" / "material" / "more-epigrammata-1520"
NS = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}


@cache
def schema() -> Any:
    """ALTO's schema, with the XLink that it imports from the web taken from here."""

    class Here(etree.Resolver):
        def resolve(self, url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]
            here: Any = self
            return here.resolve_filename(str(SCHEMAS / "xlink.xsd"), context) if "xlink" in url else None

    parser = etree.XMLParser()
    parser.resolvers.add(Here())
    text = lzma.decompress((SCHEMAS / "alto-4-3.xsd.xz").read_bytes())
    return etree.XMLSchema(etree.fromstring(text, parser))


@pytest.fixture
def read(book: Book, engine: Remembered) -> Book:
    """The sample book, read a second time; then two pages more, and one whose image has changed since."""
    run.one_book(book, engine, run.Done(), lambda: False)
    for number, data, language in ((13, GREEK, "grc"), (14, HEBREW, "he"), (15, WORSE, "la")):
        write(
            book.pages.create(number=number, image_url=f"https://example.org/{number}.jpg?a=1;b=2"),
            data,
            language=language,
        )
    SecondReading.objects.filter(page__book=book, page__number=12).update(image_sha256="another")
    return book


def pages(book: Book, **options: Any) -> dict[str, Any]:
    """The ALTO files by name, all of which must be valid."""
    with zipfile.ZipFile(io.BytesIO(b"".join(export(book, "alto", Options(**options))))) as archive:
        found = {name: etree.fromstring(archive.read(name)) for name in archive.namelist()}
    for root in found.values():
        assert schema().validate(root), str(schema().error_log)[:2000]
    return found


def lines(root: Any) -> list[Any]:
    return list(root.iterfind(".//a:TextLine", NS))


def said(element: Any) -> str:
    return " ".join(one.get("CONTENT") for one in element.iterfind("a:String", NS))


def test_every_page_is_valid_alto_with_all_its_words(read: Book) -> None:
    found = pages(read, address="https://books.example.org")
    assert list(found) == [f"{number:05}.xml" for number in range(1, 16)]
    first = found["00001.xml"]
    assert said(lines(first)[3]) in " ".join(read.pages.get(number=1).current("ocr").data.split())  # type: ignore[union-attr]
    description = "".join(first.find("a:Description", NS).itertext())
    for told in (
        "by a machine",
        "gemini-3.5-flash-lite",
        "may be wrong",
        "publicdomain",
        "rapidocr 3.",
        "pixel",
    ):
        assert told in description
    letters = [len("".join(said(line) for line in lines(root))) for root in found.values()]
    assert min(letters[:12]) > 600 and "λόγος" in said(lines(found["00013.xml"])[1])
    hebrew = found["00014.xml"].find(".//a:TextBlock", NS)
    assert hebrew.get("BASEDIRECTION") == "rtl" and hebrew.get("LANG") == "he"
    assert found["00015.xml"].find(".//a:Page", NS).get("PRINTED_IMG_NR") == "7"


def test_a_broken_file_is_found_out(read: Book) -> None:
    root = pages(read)["00001.xml"]
    lines(root)[0].set("HPOS", "left")
    assert not schema().validate(root)


@pytest.mark.skipif(not TRUTH.is_dir(), reason="the sample book's ALTO is not beside the project")
def test_lines_stand_where_people_drew_them(read: Book) -> None:
    """In the ground truth each line has a place in pixels of the scan as it came."""
    shares, wrong, count = [], 0, 0
    for name, root in list(pages(read).items())[:11]:
        truth: Any = etree.parse(TRUTH / f"page_{name[3:5]}.alto.xml").getroot()
        scale = float(root.find(".//a:Page", NS).get("HEIGHT")) / float(
            truth.find(".//a:Page", NS).get("HEIGHT")
        )
        drawn = {said(line): line for line in lines(truth)}
        placed = [line for line in lines(root) if line.get("VPOS")]
        shares.append(len(placed) / len(lines(root)))
        for line in placed:
            if (true := drawn.get(said(line))) is not None:
                middle = float(line.get("VPOS")) + float(line.get("HEIGHT")) / 2
                top, height = float(true.get("VPOS")) * scale, float(true.get("HEIGHT")) * scale
                wrong += not top - height * 0.3 < middle < top + height * 1.3
                count += 1
    assert min(shares) > 0.85 and median(shares) > 0.95
    assert count > 250 and wrong <= 0.02 * count


def test_what_has_no_place_gets_none_and_the_file_says_so(read: Book) -> None:
    found = pages(read)
    for name in ("00012.xml", "00013.xml"):
        assert not found[name].xpath("//*[@VPOS]")
        assert "is not known" in "".join(found[name].find("a:Description", NS).itertext())
    write(read.pages.get(number=2), read.pages.get(number=2).current("ocr").data + "\nzzz qqq xxx")  # type: ignore[union-attr]
    root = pages(read)["00002.xml"]
    assert said(lines(root)[-1]) == "zzz qqq xxx" and lines(root)[-1].get("VPOS") is None
    assert re.search(r"; \d+ lines were not found and have no place", "".join(root.itertext()))


def test_words_share_the_line_from_left_to_right(read: Book) -> None:
    line = lines(pages(read)["00003.xml"])[5]
    boxes = [(float(one.get("HPOS")), float(one.get("WIDTH"))) for one in line.iterfind("a:String", NS)]
    assert boxes == sorted(boxes) and boxes[0][0] == float(line.get("HPOS"))
    assert sum(boxes[-1]) == pytest.approx(float(line.get("HPOS")) + float(line.get("WIDTH")), abs=1)


def test_a_translation_has_no_lines_on_the_page(read: Book) -> None:
    for name in ("alto", "hocr"):
        with pytest.raises(ExportRefused, match="choose the transcription"):
            export(read, name, Options(text="translation"))


def test_hocr_is_accepted_by_its_checker_and_says_the_same(read: Book, tmp_path: Path) -> None:
    path = tmp_path / "book.html"
    path.write_bytes(b"".join(export(read, "hocr", Options(address="https://books.example.org"))))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "hocr_spec.cli", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ERROR" not in done.stdout and "[OK]" in done.stdout, done.stdout[:2000] + done.stderr[-1000:]
    root: Any = html.fromstring(path.read_bytes())
    assert len(root.find_class("ocr_page")) == 15 and len(root.find_class("ocr_line")) > 280
    facts = {meta.get("name"): meta.get("content") for meta in root.iter("meta")}
    assert "may be wrong" in str(facts["DC.notice"]) and facts["ocr-langs"] == "la"
    alto = pages(read)["00003.xml"]
    [bbox] = [one.get("title") for one in root.find_class("ocr_line") if one.get("id") == "line_3_0_5"]
    box = lines(alto)[5]
    left, top, right, bottom = (int(edge) for edge in str(bbox).split()[1:])
    assert (left, top, right - left, bottom - top) == tuple(
        int(box.get(n)) for n in ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    )
    assert '<script>alert("1")' in root.text_content() and not root.xpath("//script")


def pdftotext(how: str, path: Path) -> bytes:
    """What it finds on the third page."""
    command = ["pdftotext", how, "-f", "3", "-l", "3", str(path), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="apt-get install poppler-utils")
def test_the_searchable_pdf_has_its_words_on_the_lines(read: Book, tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(b"".join(export(read, "searchable-pdf", Options())))
    with pikepdf.open(path) as pdf:
        assert pdf.check_pdf_syntax() == []
        height = float(pdf.pages[2].mediabox[3])
    boxes: Any = html.fromstring(pdftotext("-bbox-layout", path))
    words = [(one.text, float(one.get("ymin")), float(one.get("ymax"))) for one in boxes.iter("word")]
    root = pages(read)["00003.xml"]
    scale = height / float(root.find(".//a:Page", NS).get("HEIGHT"))
    near = 0
    for line in lines(root):
        middle = (float(line.get("VPOS") or -99) + float(line.get("HEIGHT") or 0) / 2) * scale
        near += any(text in said(line).split() and low - 3 < middle < high + 3 for text, low, high in words)
    assert near >= 0.9 * len(lines(root))
    plain = pdftotext("-layout", path).decode()
    own = " ".join(" ".join(said(line) for line in lines(root)).split())
    assert sum(word in plain for word in own.split()) > 0.95 * len(own.split())
