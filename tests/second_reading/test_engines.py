"""The engines of this machine: they read, they can be killed, and their absence is one sentence."""

import shutil
import sys

import pytest
from pytest_django.fixtures import Settings

from books.management.commands.import_sample import FOLDER
from books.second_reading import compare, engines
from books.second_reading.engines import Engine, EngineError
from books.second_reading.layout import Line, in_order
from tests.second_reading.conftest import transcription

SCAN = (FOLDER / "page_02.jpg").read_bytes()


def differs(lines: list[Line], number: int) -> float:
    text, share = compare.of_text(transcription(number), ("Latn",))
    found = compare.disagreement(
        text, compare.of_reading("\n".join(one.text for one in lines), ("Latn",)), share
    )
    assert found is not None
    return found


def test_rapidocr_reads_a_page_with_the_place_of_each_line(rapid: Engine) -> None:
    lines = rapid.read(SCAN, "la", 120)
    assert rapid.name.startswith("rapidocr 3.")
    assert differs(lines, 2) < 0.12
    assert [one.top for one in lines] == sorted(one.top for one in lines)
    assert all(0 <= one.left < one.right and 0 <= one.top < one.bottom for one in lines)
    assert all(0.5 <= one.confidence <= 1 for one in lines)


def test_it_is_killed_when_a_page_takes_too_long_and_reads_the_next(rapid: Engine) -> None:
    with pytest.raises(EngineError, match="killed after 0 s"):
        rapid.read(SCAN, "la", 0.05)
    assert rapid.read(SCAN, "la", 120)


def test_what_is_no_image_is_said_and_the_next_page_read(rapid: Engine) -> None:
    with pytest.raises(EngineError, match="could not read the image") as error:
        rapid.read(b"no image", "la", 60)
    assert not error.value.broken
    assert rapid.read(SCAN, "la", 120)


def test_an_engine_that_cannot_start_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with engines.running("rapidocr") as engine, pytest.raises(EngineError, match="ended by itself") as error:
        engine.read(SCAN, "la", 60)
    assert error.value.broken


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="no tesseract here")
def test_tesseract_reads_a_page_too() -> None:
    with engines.running("tesseract") as engine:
        lines = engine.read(SCAN, "la", 120)
        assert engine.name.startswith("tesseract ") and engine.scripts("he") in (("Latn",), ("Hebr",))
        assert differs(lines, 2) < 0.5
        with pytest.raises(EngineError, match="could not read the image"):
            engine.read(b"no image", "la", 60)
        with pytest.raises(EngineError, match="killed after 0 s"):
            engine.read(SCAN, "la", 0.05)


def test_the_settings_choose(settings: Settings) -> None:
    settings.SECOND_READING = "auto"
    assert engines.chosen() == ("rapidocr", "")
    settings.SECOND_READING = "off"
    assert engines.chosen() == ("", "Second readings are switched off (SECOND_READING=off).")
    settings.SECOND_READING = "glyptograph"
    assert "set SECOND_READING to auto, off, rapidocr or tesseract" in engines.chosen()[1]


def test_absence_is_one_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setenv("PATH", "")
    assert engines.chosen() == ("", "No local OCR engine is installed: pages get no second reading.")
    settings.SECOND_READING = "tesseract"
    assert "tesseract, which is not installed" in engines.chosen()[1]


def line(left: int, top: int, text: str, width: int = 300, height: int = 20) -> Line:
    return Line(left, top, left + width, top + height, text, 0.9)


def test_columns_are_read_one_after_the_other_under_a_heading() -> None:
    left = [line(0, 100 + 30 * row, f"left {row}") for row in range(8)]
    right = [line(400, 105 + 30 * row, f"right {row}") for row in range(8)]
    heading = line(100, 0, "heading", width=500)
    found = [one.text for one in in_order([*right, heading, *left])]
    assert found == ["heading", *(f"left {row}" for row in range(8)), *(f"right {row}" for row in range(8))]


def test_pieces_of_a_line_become_one_and_a_margin_is_no_column() -> None:
    rows = [line(0, 30 * row, f"{row}") for row in range(12)]
    note = line(400, 62, "note", width=80)
    found = in_order([*rows, note])
    assert [one.text for one in found][2] == "2 note" and len(found) == 12
    assert (found[2].left, found[2].right) == (0, 480)
    assert in_order([]) == []
