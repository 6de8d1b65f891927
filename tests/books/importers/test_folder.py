"""Folders and archives of page images: natural order, metadata beside them, and no tricks."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from books.importers import Given, ImportedBook, ImportRefused, read
from books.importers.folder import natural
from books.importers.writer import save
from books.models import Book
from tests.support import pages

PAGE = pages.printed(1, 300, 400)


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return out.getvalue()


def book_in(raw: bytes, name: str = "scans.zip") -> ImportedBook:
    """The book in an archive, with its pages read while it is open."""
    for book in read(Given(name=name, file=io.BytesIO(raw))):
        assert all(page.read is not None and page.read() for page in book.pages)
        return book
    raise AssertionError("no book")


def refusal(raw: bytes) -> str:
    """With which sentence an archive is refused."""
    with pytest.raises(ImportRefused) as caught:
        book_in(raw)
    return caught.value.sentence


def files_of(book: ImportedBook) -> list[str]:
    """The paths of the pages, in order."""
    return [page.canvas_id.removeprefix("file:") for page in book.pages]


def test_i45_page2_comes_before_page10() -> None:
    names = ["page10.jpg", "page2.jpg", "Page1.JPG", "page2b.jpg", "cover.png"]
    made = dict.fromkeys(names, PAGE)
    assert files_of(book_in(packed(made))) == [
        "cover.png",
        "Page1.JPG",
        "page2.jpg",
        "page2b.jpg",
        "page10.jpg",
    ]


@pytest.mark.parametrize(
    "order",
    [
        ["1", "2", "10"],
        ["a1b2", "a1b10", "a2b1"],
        ["vol1/10.jpg", "vol2/1.jpg", "vol10/1.jpg"],
        ["007", "8", "09"],
    ],
)
def test_natural_order(order: list[str]) -> None:
    order.reverse()
    assert sorted(order, key=natural) == order[::-1]


@property_of(st.lists(st.text(max_size=8)))
def test_natural_order_never_fails(names: list[str]) -> None:
    ordered = sorted(names, key=natural)
    assert sorted(ordered) == sorted(names)


def test_a_book_json_tells_what_the_book_is() -> None:
    told = {
        "title": "Epigrammata", "author": "Thomas More", "language": "Latin", "year": 1520, "rights": "PDM",
        "source_id": "e-rara:74397", "direction": "right-to-left", "place": "Basel",
    }  # fmt: skip
    labels = "file,label\n1.jpg,f. 1r\n2.jpg,f. 1v\n"
    raw = packed(
        {"book.json": json.dumps(told).encode(), "pages.csv": labels.encode(), "1.jpg": PAGE, "2.jpg": PAGE}
    )
    book = book_in(raw)
    assert (book.title, book.author, book.language, book.year) == ("Epigrammata", "Thomas More", "la", 1520)
    assert (book.source_id, book.rights, book.direction) == ("e-rara:74397", "PDM", "right-to-left")
    assert [page.label for page in book.pages] == ["f. 1r", "f. 1v"]
    assert ("place", "Basel") in book.metadata
    assert book.oddities == ()


@pytest.mark.parametrize(
    "told", [b"not json", b"[1]", b"\xff\xfe", b'{"title": 7, "year": "x", "language": []}']
)
def test_a_strange_book_json_is_no_obstacle(told: bytes) -> None:
    book = book_in(packed({"book.json": told, "1.jpg": PAGE}))
    assert (book.title, book.year, book.language) == ("scans", None, "")


def test_the_same_files_are_the_same_book() -> None:
    one, two = packed({"1.jpg": PAGE}), packed({"1.jpg": PAGE}, zipfile.ZIP_STORED)
    assert book_in(one).source_id == book_in(two, "other.zip").source_id
    assert book_in(one).source_id != book_in(packed({"1.jpg": PAGE + b"x"})).source_id


def test_what_is_no_image_is_left_out_and_told() -> None:
    book = book_in(packed({"1.jpg": PAGE, "2.jpg": b"<html>no</html>", "notes.txt": b"x", "3.jpg": b""}))
    assert files_of(book) == ["1.jpg"]
    assert len(book.oddities) == 2
    assert "2.jpg is left out" in book.oddities[0]


def test_what_systems_leave_behind_is_left_out() -> None:
    names = ["1.jpg", ".hidden.jpg", "__MACOSX/._1.jpg", "a/.DS_Store", ".git/2.jpg"]
    assert files_of(book_in(packed(dict.fromkeys(names, PAGE)))) == ["1.jpg"]


def test_several_folders_are_told() -> None:
    book = book_in(packed({"b/1.jpg": PAGE, "a/2.jpg": PAGE}))
    assert files_of(book) == ["a/2.jpg", "b/1.jpg"]
    assert "2 folders" in book.oddities[0]


@pytest.mark.parametrize("name", ["../1.jpg", "a/../../1.jpg", "/etc/1.jpg", "C:/1.jpg"])
def test_paths_that_lead_out_are_refused(name: str) -> None:
    assert "leads out of it" in refusal(packed({"1.jpg": PAGE, name: PAGE}))


def test_backslashes_are_refused() -> None:
    raw = packed({"1.jpg": PAGE, "a_b_1.jpg": PAGE}).replace(b"a_b_1.jpg", b"..\\b1.jpg"[:9])
    assert "leads out of it" in refusal(raw)


def test_links_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("1.jpg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "link" in refusal(out.getvalue())


def test_bombs_are_refused_before_anything_is_unpacked() -> None:
    assert "far more than an image" in refusal(packed({"1.jpg": bytes(30_000_000)}))


def test_files_that_overlap_are_refused() -> None:
    raw = bytearray(packed({"1.jpg": PAGE, "2.jpg": PAGE}, zipfile.ZIP_STORED))
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<I", 10)
    assert "overlap" in refusal(bytes(raw))


def test_a_password_is_asked_to_be_left_out() -> None:
    raw = bytearray(packed({"1.jpg": PAGE}))
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(bytes(raw))


@pytest.mark.parametrize("raw", [b"PK\x03\x04", b"PK\x03\x04" + b"x" * 500, packed({"1.jpg": PAGE})[:-30]])
def test_a_damaged_archive_is_refused(raw: bytes) -> None:
    assert "damaged" in refusal(raw)


@property_of(st.integers(0, 10_000), st.integers(0, 255))
def test_no_damage_to_an_archive_raises_anything_else(place: int, value: int) -> None:
    raw = bytearray(SMALL)
    raw[place % len(raw)] = value
    try:
        book_in(bytes(raw))
    except ImportRefused as refused:
        assert refused.sentence.endswith(".")


SMALL = packed({"1.jpg": pages.printed(1, 40, 60), "book.json": b'{"title": "Small"}'})


def test_an_archive_without_images_is_refused() -> None:
    assert "no page images" in refusal(packed({"readme.txt": b"hello"}))
    assert "no page images" in refusal(packed({}))


def test_a_folder_is_read_like_an_archive(tmp_path: Path) -> None:
    (tmp_path / "Ars").mkdir()
    for name in ("page10.jpg", "page9.jpg"):
        (tmp_path / "Ars" / name).write_bytes(PAGE)
    (book,) = read(Given(folder=tmp_path / "Ars"))
    assert (book.title, files_of(book)) == ("Ars", ["page9.jpg", "page10.jpg"])


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(PAGE)
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(ImportRefused, match="leads out of the folder"):
        list(read(Given(folder=tmp_path / "scans")))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="not a folder"):
        list(read(Given(folder=tmp_path / "nowhere")))


@pytest.mark.django_db
def test_an_archive_is_saved_with_its_images() -> None:
    raw = packed({f"page{number}.jpg": pages.printed(number) for number in (1, 2, 10)})
    for book in read(Given(name="scans.zip", file=io.BytesIO(raw))):
        save(book, actor="ann")
    made = Book.objects.get()
    assert made.pages_count == 3
    names = made.pages.order_by("number").values_list("image_file", flat=True)
    assert [name.rpartition("/")[2] for name in names] == ["page1.jpg", "page2.jpg", "page10.jpg"]
