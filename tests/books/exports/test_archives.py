"""ZIP and BagIt, and the library as a whole: out, in again, and nothing lost."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import bagit
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from books.exports import Options, export
from books.exports.library import TABLES, columns
from books.models import Book, Page, PageText, SampleJudgement
from books.review import draw_sample
from books.second_reading.models import SecondReading
from tests.books.exports.conftest import write


def rows() -> dict[str, list[dict[str, Any]]]:
    """The library, row by row and column by column."""
    return {
        name: list(model._default_manager.order_by("pk").values(*columns(model)))
        for name, (model, _) in TABLES.items()
    }


def emptied() -> None:
    for model in (SampleJudgement, PageText, Page, Book):
        model._default_manager.all().delete()


@pytest.fixture
def out(book: Book, tmp_path: Path) -> Path:
    """The library, exported."""
    draw_sample(book, "ocr", 3, by="anna")
    lines = [[10, 20, 300, 40, "Arma", 0.9]]
    SecondReading.objects.create(
        page=book.pages.get(number=2), book=book, engine="rapidocr 3.10.0", lines=lines
    )
    call_command("export_library", tmp_path / "library.zip", stdout=io.StringIO())
    return tmp_path / "library.zip"


def come_in(place: Path) -> str:
    said = io.StringIO()
    call_command("import_library", place, stdout=said)
    return said.getvalue()


def test_a_zip_holds_every_text_format(book: Book) -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(export(book, "zip", Options())))) as archive:
        assert archive.testzip() is None
        endings = sorted(name.rpartition(".")[2] for name in archive.namelist())
        assert endings == ["csv", "epub", "json", "jsonl", "md", "txt", "xml"]
        name = next(name for name in archive.namelist() if name.endswith(".txt"))
        assert "THOMAE MORI" in archive.read(name).decode() or "THO" in archive.read(name).decode()


def test_a_bag_is_valid_and_holds_texts_record_and_scans(book: Book, tmp_path: Path) -> None:
    Page.objects.create(book=book, number=30, image_url="http://127.0.0.1:9/30.jpg")
    with zipfile.ZipFile(io.BytesIO(b"".join(export(book, "bagit", Options())))) as archive:
        archive.extractall(tmp_path)
    [folder] = tmp_path.iterdir()
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert bag.info["External-Description"] == book.title and "publicdomain" in bag.info["Rights"]
    assert "by a machine" in bag.info["Internal-Sender-Description"]
    assert len(list((folder / "data" / "scans").glob("*.jpg"))) == 17
    assert "30\thttp://127.0.0.1:9/30.jpg" in (folder / "data" / "scans" / "missing.txt").read_text()
    versions = (folder / "data" / "record" / "page_texts.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(versions) == PageText.objects.filter(page__book=book).count() > 30
    (folder / "data" / "scans" / "00001.jpg").write_bytes(b"changed")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(folder)).validate()


def test_the_library_comes_back_as_it_was(out: Path) -> None:
    before = rows()
    files = _stored()
    emptied()
    for name in files:
        default_storage.delete(name)
    said = come_in(out)
    assert rows() == before
    assert _stored() == files
    assert f"{len(before['page_texts'])} page texts" in said and f"{len(files)} files" in said


def _stored() -> dict[str, bytes]:
    """The stored images by name."""
    found: dict[str, bytes] = {}
    for name in Page.objects.exclude(image_file="").values_list("image_file", flat=True):
        with default_storage.open(name) as file:
            found[name] = file.read()
    return found


def test_twice_changes_nothing(out: Path) -> None:
    before = rows()
    said = come_in(out)
    assert rows() == before
    tables = (
        "books",
        "pages",
        "page texts",
        "glossary terms",
        "sample judgements",
        "second readings",
        "files",
    )
    assert f"Added: {', '.join(f'0 {name}' for name in tables)}." in said and "other" not in said


def test_a_page_that_was_read_here_meanwhile_keeps_its_reading(book: Book, out: Path) -> None:
    SecondReading.objects.all().delete()
    page = book.pages.get(number=2)
    SecondReading.objects.create(page=page, book=book, engine="tesseract 5", text="Here.")
    come_in(out)
    assert SecondReading.objects.get().text == "Here."


def test_what_was_corrected_here_since_stays(book: Book, out: Path) -> None:
    page = book.pages.get(number=5)
    PageText.objects.filter(page=page).delete()
    write(page, "Written here meanwhile.", source="human", model="")
    Book.objects.filter(pk=book.pk).update(title="Another title")
    said = come_in(out)
    assert "1 are here with other content" in said and book.pk in said
    current = page.current("ocr")
    assert current is not None and current.data == "Written here meanwhile."
    assert PageText.objects.filter(page=page, kind="ocr").count() == 2
    assert Book.objects.get(pk=book.pk).title == "Another title"


def test_a_folder_serves_as_well_as_a_zip(book: Book, tmp_path: Path) -> None:
    call_command("export_library", tmp_path / "library", stdout=io.StringIO())
    before = rows()
    emptied()
    come_in(tmp_path / "library")
    assert rows() == before


def test_what_is_no_library_is_refused_in_a_sentence(out: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(CommandError, match="This is no library export"):
        come_in(other)
    with pytest.raises(CommandError, match="cannot be read"):
        come_in(tmp_path / "missing")
    with pytest.raises(CommandError, match="there already"):
        call_command("export_library", out)


def test_damaged_and_clashing_exports_are_refused(book: Book, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.unpack_archive(out, folder)
    pages = folder / "pages.jsonl"
    good = pages.read_bytes()
    pages.write_bytes(good + b'{"id": 1')
    with pytest.raises(CommandError, match=r"line 19 of pages\.jsonl"):
        come_in(folder)
    pages.write_bytes(good)
    emptied()
    Book.objects.create(title="Another", source_id=book.source_id)
    with pytest.raises(CommandError, match="the same source identifier"):
        come_in(folder)
    about = folder / "library.json"
    about.write_text(json.dumps({"format": "sourcebatch-library", "version": 99}))
    with pytest.raises(CommandError, match="version 99"):
        come_in(folder)


def test_files_that_no_page_names_stay_out(out: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("files/../../evil.txt", "evil")
        archive.writestr("files/evil.txt", "evil")
    come_in(out)
    assert not default_storage.exists("evil.txt")
