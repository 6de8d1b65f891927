"""A person's correction survives every way of writing over it that the product has.

The writers are read from the code: every place that calls books.texts to write, or makes rows of page texts itself.
Each has a scenario here that drives it over a correction; a new writer without one fails the first test.
"""

import ast
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from books import reading, texts
from books.deposits import NewBook, NewPage, deposit
from books.models import Book, Kind, Page, PageText, Source
from books.reading import Edit
from books.texts import NewText
from jobs import gemini, lifecycle
from jobs.lifecycle import Conflict, process_now
from jobs.mongodb.bring import bring
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
ROOT = Path(settings.BASE_DIR)
WRITES = {"write", "write_many", "restore"}
MAKES = {"create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "save"}
TEXT_COLUMNS = {"data", "source", "is_current", "text_sha256"}
# Writes rows of any model; who calls it for texts is a writer.
PRIMITIVES = {"sourcebatch/lib/db.py:update_many"}
CORRECTED = "Arma uirumque cano, Troiae qui primus ab oris."


# --- Which writers there are -----------------------------------------------------------------------------------------


def writers() -> set[str]:
    """Every function outside of books/texts.py that writes page texts, as `path:function`."""
    found: set[str] = set()
    for app in ("books", "jobs", "sourcebatch"):
        for path in sorted((ROOT / app).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name and name != "books/texts.py":
                found |= {
                    f"{name}:{where}" for where in _writing(ast.parse(path.read_text(encoding="utf-8")))
                }
    return found


def _writing(tree: ast.Module) -> Iterator[str]:
    direct = {
        alias.asname or alias.name
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "books.texts"
        for alias in node.names if alias.name in WRITES
    }  # fmt: skip
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
            if any(_writes(call, direct) for call in calls):
                yield function.name


def _writes(call: ast.Call, direct: set[str]) -> bool:
    if isinstance(call.func, ast.Name):
        rows = call.func.id == "update_many" and any(
            f"'{column}'" in ast.unparse(call) for column in TEXT_COLUMNS
        )
        return rows or call.func.id in direct or (call.func.id == "PageText" and _has_content(call))
    if not isinstance(call.func, ast.Attribute):
        return False
    on, what = ast.unparse(call.func.value), call.func.attr
    if what == "update":
        return any(keyword.arg in TEXT_COLUMNS for keyword in call.keywords)
    makes = what in MAKES and ("PageText" in on or on.startswith("model."))
    return makes or (what in WRITES and on in ("texts", "books.texts"))


def _has_content(call: ast.Call) -> bool:
    """Whether the row made has more than a key, which stands for one that is there."""
    return any(keyword.arg not in ("pk", "id") for keyword in call.keywords)


# --- How each of them comes upon a correction ------------------------------------------------------------------------


def correct(page: Page) -> PageText:
    """A person's words, as the reading room keeps them."""
    current = page.current(Kind.OCR)
    edit = Edit(Kind.OCR, CORRECTED, current.pk if current else "")
    saved = reading.save(page, edit, author="anna")
    assert saved is not None
    return saved


def machine(page: Page, data: str = "Arma virumqve cano") -> PageText:
    return texts.write(page, NewText(Kind.OCR, data, Source.MACHINE, model="gemini-3.5-flash-lite")).text


def a_page() -> Page:
    page: Page = make_book(1).pages.get()
    machine(page)
    return page


def batch(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """The person corrects while the batch is at Gemini."""
    page = a_page()
    job = order_ocr(page.book, overwrite="machine")
    while not job.batches.exists():
        lifecycle.advance(job.pk, TESTER)
    correct(page)
    run(job)
    return page


def copied_answer(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """The person writes before the answer to the very same request of another book is copied."""
    first = make_book(1)
    run(order_ocr(first))
    second = Book.objects.create(title=first.title, language=first.language)
    with default_storage.open(first.pages.get().image_file) as image:
        name = default_storage.save(f"tests/{second.pk}/1.jpg", ContentFile(image.read()))
    page = Page.objects.create(book=second, number=1, image_file=name)
    job = order_ocr(second)
    correct(page)
    run(job)
    assert page.texts.filter(source=Source.MACHINE, is_current=False, cost_micro_usd=0).count() == 1
    return page


def at_once(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """The person corrects while the one call is under way."""
    page, ask = a_page(), gemini.generate

    def meanwhile(*args: Any) -> Any:
        correct(page)
        return ask(*args)

    patch.setattr(gemini, "generate", meanwhile)
    result = process_now("batch_ocr", page_id=page.pk, overwrite="machine", actor=TESTER)
    assert not result.saved
    with pytest.raises(Conflict):
        process_now("batch_ocr", page_id=page.pk, overwrite="machine", actor=TESTER)
    return page


def sent_again(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """The book is posted again with a text of its own."""
    book, _ = deposit(_with_text("Arma"), by="script")
    page = book.pages.get()
    correct(page)
    deposit(_with_text("Other words"), by="script")
    return page


def _with_text(ocr: str) -> NewBook:
    return NewBook({"title": "Aeneis"}, "urn:1", [NewPage(1, "https://example.org/1.jpg", ocr=ocr)])


def library_import(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """An export from before the correction comes in, with rows that are not here any more."""
    page = a_page()
    place = Path(settings.DATA_DIR) / "before.zip"
    place.unlink(missing_ok=True)
    call_command("export_library", place, stdout=io.StringIO())
    PageText.objects.all().delete()
    correct(page)
    call_command("import_library", place, stdout=io.StringIO())
    assert page.texts.count() == 2
    return page


def mongodb_era(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    """The old system's page comes over again."""
    page = make_book(1).pages.get()
    correct(page)

    class Old:
        def documents(self, collection: str) -> Iterator[dict[str, Any]]:
            if collection == "pages":
                ocr = {"data": "Arma virumqve", "model": "gemini-2.5-flash"}
                yield {"id": page.pk, "book_id": page.book_id, "page_number": 1, "ocr": ocr}

    bring(Old())
    return page


def made_up_library(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    page = a_page()
    correct(page)
    call_command("demo_library", books=1, pages=3, beside_real_books=True, stdout=io.StringIO())
    return page


def another_person(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    page = a_page()
    mine = correct(page)
    reading.save(page, Edit(Kind.OCR, "Better words", mine.pk), author="bert")
    return page


def restored(local: LocalGemini, patch: pytest.MonkeyPatch) -> Page:
    page = a_page()
    older = page.current(Kind.OCR)
    correct(page)
    assert older is not None
    reading.restore(older, author="bert")
    return page


Scenario = Callable[[LocalGemini, pytest.MonkeyPatch], Page]
# By writer; with whether a person asked for it, so that their words are current and the correction is history.
SCENARIOS: dict[str, tuple[Scenario, bool]] = {
    "books/deposits.py:_text": (sent_again, False),
    "books/exports/library_import.py:_table": (library_import, False),
    "books/reading.py:_keep": (another_person, True),
    "books/reading.py:_restored": (restored, True),
    "jobs/demo/library.py:_texts": (made_up_library, False),
    "jobs/lifecycle/chunk.py:_keep_texts": (batch, False),
    "jobs/lifecycle/prepare.py:_write_copies": (copied_answer, False),
    "jobs/lifecycle/realtime.py:_kept": (at_once, False),
    "jobs/mongodb/bring.py:_texts": (mongodb_era, False),
}


def test_every_writer_of_page_texts_is_known_here() -> None:
    assert writers() - PRIMITIVES == set(SCENARIOS)


def test_a_new_writer_would_be_seen() -> None:
    writing = {
        "f": "from books.texts import write_many as w\ndef f(x):\n    w(x)",
        "g": "def g(x):\n    PageText.objects.filter(a=1).update(data=x)",
        "h": "def h(x):\n    PageText(data=x).save()",
        "i": "def i(x):\n    texts.write(x, x)",
        "j": "def j(x):\n    update_many(x, ('data',))",
    }
    for name, code in writing.items():
        assert set(_writing(ast.parse(code))) == {name}
    assert not set(_writing(ast.parse("def k(x):\n    x.update(number=1)\n    update_many(x, ('ink',))")))


@pytest.mark.parametrize("writer", sorted(SCENARIOS))
def test_a_persons_correction_survives(
    writer: str, local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, asked_for = SCENARIOS[writer]
    page = scenario(local, monkeypatch)
    kept = page.texts.get(source=Source.HUMAN, data=CORRECTED, author="anna")
    assert kept.is_current is not asked_for
    assert page.texts.filter(kind=Kind.OCR, is_current=True).count() == 1
