"""Tables of images and of manifests, as spreadsheets write them."""

import io
import zipfile

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from books.importers import Given, ImportedBook, ImportRefused, read
from books.importers.writer import save
from books.models import Book

CSV = (
    "source_id,title,author,language,year,page_number,label,image_url\n"
    "ms1,Ars,Horatius,Latin,1520,2,1v,https://img.example/2.jpg\n"
    "ms1,Ars,Horatius,Latin,1520,1,1r,https://img.example/1.jpg\n"
    "ms2,Odes,,ger,,1,A,https://img.example/a.jpg\n"
)


def books_in(raw: bytes, name: str = "table.csv") -> list[ImportedBook]:
    """The books in a table."""
    return list(read(Given(name=name, file=io.BytesIO(raw))))


def test_a_table_of_images_makes_books() -> None:
    one, two = books_in(CSV.encode())
    assert (one.title, one.author, one.language, one.year, one.source_id) == (
        "Ars",
        "Horatius",
        "la",
        1520,
        "ms1",
    )
    assert [(page.label, page.image_url[-5:]) for page in one.pages] == [("1r", "1.jpg"), ("1v", "2.jpg")]
    assert (two.title, two.language, two.year, len(two.pages)) == ("Odes", "de", None, 1)


@pytest.mark.parametrize(
    "raw",
    [
        CSV.encode("utf-8-sig"), CSV.encode("utf-16"), CSV.replace(",", ";").encode(),
        CSV.replace(",", "\t").encode(),
        CSV.replace("\n", "\r\n").encode(), CSV.replace("title", " Titel ").encode(),
        CSV.replace("Ars", "Ärs").encode("cp1252"),
    ],
)  # fmt: skip
def test_spreadsheets_write_it_in_many_ways(raw: bytes) -> None:
    assert [len(book.pages) for book in books_in(raw)] == [2, 1]
    assert books_in(raw)[0].title in ("Ars", "Ärs")


def test_addresses_alone_are_a_book() -> None:
    (book,) = books_in(b"https://img.example/1.jpg\nhttps://img.example/2.jpg\n", "Ars.csv")
    assert (book.title, len(book.pages)) == ("Ars", 2)
    longer = books_in(
        b"https://img.example/1.jpg\nhttps://img.example/2.jpg\nhttps://img.example/3.jpg", "Ars.csv"
    )
    assert longer[0].source_id == book.source_id


def test_rows_without_an_address_are_left_out_and_told() -> None:
    (book,) = books_in(b"url,label\nhttps://img.example/1.jpg,1\nfile:///etc/passwd,2\n,3\n")
    assert [page.label for page in book.pages] == ["1"]
    assert book.oddities[0].startswith("Row 3 is left out: file:///etc/passwd")
    assert len(book.oddities) == 2


@pytest.mark.parametrize(
    "raw",
    [b"manifest,title\nhttps://lib.example/1,One\nhttps://lib.example/2,\n",
     b"https://lib.example/1/manifest\nhttps://lib.example/2/manifest\n"],
)  # fmt: skip
def test_a_table_of_manifests_offers_them(raw: bytes) -> None:
    with pytest.raises(ImportRefused, match="a table of 2 manifests") as caught:
        books_in(raw)
    assert [url[:21] for url, _ in caught.value.offers] == ["https://lib.example/1", "https://lib.example/2"]


@pytest.mark.parametrize("raw", [b"", b"a,b\n1,2\n", b"image_url\n", b"\x00", b"title\nArs\n"])
def test_a_table_without_addresses_is_refused(raw: bytes) -> None:
    with pytest.raises(ImportRefused, match="no column image_url"):
        books_in(raw)


@property_of(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    for name in ("x.csv", "x.tsv"):
        try:
            books_in(raw, name)
        except ImportRefused as refused:
            assert refused.sentence.endswith(".")


def xlsx(rows: list[list[str]], shared: bool = True) -> bytes:
    """A workbook with one sheet, as small as the format allows."""
    words = sorted({cell for row in rows for cell in row})
    ns = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

    def cell(at: str, word: str) -> str:
        if shared:
            return f'<c r="{at}" t="s"><v>{words.index(word)}</v></c>'
        return f'<c r="{at}" t="inlineStr"><is><t>{word}</t></is></c>'

    lines = "".join(
        f"<row>{''.join(cell(f'{chr(65 + x)}{y}', word) for x, word in enumerate(row) if word)}</row>"
        for y, row in enumerate(rows, 1)
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {ns}><sheetData>{lines}</sheetData></worksheet>"
        )
        items = "".join(f"<si><t>{word}</t></si>" for word in words)
        book.writestr("xl/sharedStrings.xml", f"<sst {ns}>{items}</sst>")
    return out.getvalue()


@pytest.mark.parametrize("shared", [True, False])
def test_an_xlsx_table_is_read(shared: bool) -> None:
    rows = [["title", "author", "image_url"], ["Ars", "", "https://img.example/1.jpg"]]
    (book,) = books_in(xlsx(rows, shared), "table.xlsx")
    assert (book.title, book.author, book.pages[0].image_url) == ("Ars", "", "https://img.example/1.jpg")


def test_an_xlsx_table_that_is_damaged_is_refused() -> None:
    with pytest.raises(ImportRefused, match="save it as CSV"):
        books_in(xlsx([["url"], ["https://img.example/1.jpg"]])[:-40], "table.xlsx")


def test_entities_in_an_xlsx_table_are_not_followed() -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as workbook:
        workbook.writestr(
            "xl/worksheets/sheet1.xml",
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
            '<c t="inlineStr"><is><t>https://img.example/&e;</t></is></c></row></sheetData></worksheet>',
        )
    (book,) = books_in(raw.getvalue(), "table.xlsx")
    assert book.pages[0].image_url == "https://img.example/"


@pytest.mark.django_db
def test_a_table_is_saved_and_again_adds_only_what_is_new() -> None:
    for _ in range(2):
        for book in books_in(CSV.encode()):
            save(book, actor="ann")
    assert [(book.title, book.pages_count) for book in Book.objects.order_by("title")] == [
        ("Ars", 2),
        ("Odes", 1),
    ]
    longer = CSV + "ms2,Odes,,ger,,2,B,https://img.example/b.jpg\n"
    reports = [save(book, actor="ann") for book in books_in(longer.encode())]
    assert [report.added for report in reports] == [0, 1]
