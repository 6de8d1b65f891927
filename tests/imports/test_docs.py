"""docs/importing.md says what is there: every kind of source, every limit as it is in the code."""

from pathlib import Path

from django.conf import settings

from books import tasks
from books.admin import import_page
from books.importers import FETCHED_MAX_BYTES, folder, iiif, importers, pdf, picture
from books.management.commands.import_book import Command

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
NAMED = {"iiif": "IIIF manifest", "mets": "METS", "folder": "Folder or ZIP", "pdf": "PDF", "table": "CSV, TSV, XLSX",
         "picture": "TIFF"}  # fmt: skip


def test_every_importer_has_its_line() -> None:
    assert {importer.name for importer in importers()} == set(NAMED)
    assert all(f"| {name} |" in PAGE for name in NAMED.values())


def test_the_limits_are_those_of_the_code() -> None:
    assert f"| {FETCHED_MAX_BYTES // 1_000_000} MB |" in PAGE
    assert f"`UPLOAD_MAX_BYTES`, {settings.UPLOAD_MAX_BYTES // 10**9} GB" in PAGE
    assert f"From {import_page.IN_BACKGROUND // 10**6} MB on a worker" in PAGE
    assert f"| {folder.MAX_FILE_BYTES // 10**6} MB; " in PAGE
    assert f"| {iiif.MAX_PAGES:,} by manifest, {pdf.MAX_PAGES:,} by PDF or TIFF |" in PAGE
    assert pdf.MAX_PAGES == picture.MAX_PAGES
    assert f"| {import_page.MOST_OFFERS:,} in the admin, {tasks.MOST_BOOKS:,} by a worker |" in PAGE
    assert f"| {tasks.TIMEOUT // 60} minutes" in PAGE


def test_the_options_that_are_named_exist() -> None:
    options = {option for action in Command().create_parser("manage.py", "import_book")._actions
               for option in action.option_strings}  # fmt: skip
    assert {"--all", "--dry-run", "--title", "--language", "--split-spreads"} <= options
    assert all(name in PAGE for name in ("--all", "--dry-run", "--split-spreads"))
