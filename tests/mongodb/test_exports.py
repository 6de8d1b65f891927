"""The library moves from SQL to MongoDB and back without losing a column; exports, redo and figures work there."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from books.exports.library import TABLES
from books.models import Book
from tests.books.exports.conftest import book
from tests.mongodb.conftest import Manage

__all__ = ["book"]
pytestmark = [pytest.mark.mongodb, pytest.mark.slow]
FIGURES = "from jobs.statistics import statistics as s; f = s(); print(f.pages['count'], len(f.makings), f.spending)"

LOOK_OVER = (
    "from books.looking_over import library as look; print(look(lambda: False)); print(look(lambda: False))"
)


def tables(place: Path) -> dict[str, list[bytes]]:
    with zipfile.ZipFile(place) as archive:
        return {name: archive.read(f"{name}.jsonl").splitlines() for name in TABLES}


def test_what_leaves_sql_arrives_in_mongodb_and_leaves_it_the_same(
    book: Book, tmp_path: Path, replica_set: str, manage: Callable[[str], Manage]
) -> None:
    there, here = tmp_path / "sql.zip", tmp_path / "mongodb.zip"
    call_command("export_library", there)
    run = manage(replica_set.replace("/library?", "/exported?"))
    for words in (("migrate",), ("migrate", "--database", "library"), ("import_library", str(there))):
        done = run(*words)
        assert done.returncode == 0, done.stderr
    assert "17 files" not in done.stdout and "12 files" in done.stdout
    assert "Added: 0 books, 0 pages, 0 page texts" in run("import_library", str(there)).stdout
    assert run("export_library", str(here)).returncode == 0
    assert tables(here) == tables(there)

    for name, shown in (
        ("txt", "Ἐν ἀρχῇ"),
        ("tei", "publicdomain"),
        ("csv", "translation_de"),
        ("iiif", "supplementing"),
    ):
        done = run("export_book", book.pk, name, "-o", "-")
        assert done.returncode == 0 and shown in done.stdout, done.stderr
    done = run("redo", "ocr", "--prompt", "ocr-1", "--dry-run")
    assert "1 jobs, 14 pages" in done.stdout, done.stderr
    done = run("shell", "-v", "0", "-c", FIGURES)
    assert done.stdout.startswith("17 "), done.stderr
    done = run("shell", "-v", "0", "-c", LOOK_OVER)
    assert "Looked over 1 books" in done.stdout and "Looked over 0 books" in done.stdout, done.stderr
    done = run("second_reading", "--seconds", "10")
    assert done.returncode == 0 and ("a second time" in done.stdout or "second reading" in done.stdout), (
        done.stderr
    )
