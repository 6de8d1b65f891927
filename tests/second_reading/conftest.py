"""The sample book as a model would have read it, and the real engine's readings of its pages, made once."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from books import texts
from books.management.commands.import_sample import FOLDER, import_sample
from books.models import Book, Kind, Page, PageText, Source
from books.second_reading import engines
from books.second_reading.engines import Engine
from books.second_reading.layout import Line
from books.texts import NewText


class Remembered:
    """RapidOCR, which reads each image once for all tests; `asked` counts what one test had read."""

    def __init__(self, engine: Engine, readings: dict[bytes, list[Line]]) -> None:
        self.name = engine.name
        self.scripts = engine.scripts
        self.engine, self.readings = engine, readings
        self.asked = 0

    def read(self, jpeg: bytes, language: str, seconds: float) -> list[Line]:
        self.asked += 1
        if jpeg not in self.readings:
            self.readings[jpeg] = self.engine.read(jpeg, language, 120)
        return self.readings[jpeg]

    def close(self) -> None:
        """The engine stays for the next test."""


@pytest.fixture(scope="session")
def reader() -> Iterator[tuple[Engine, dict[bytes, list[Line]]]]:
    with engines.running("rapidocr") as engine:
        yield engine, {}


@pytest.fixture
def engine(reader: tuple[Engine, dict[bytes, list[Line]]]) -> Remembered:
    return Remembered(*reader)


@pytest.fixture
def rapid() -> Iterator[Engine]:
    with engines.running("rapidocr") as engine:
        yield engine


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    """As an installation has it."""
    settings.SECOND_READING = "auto"


def transcription(number: int) -> str:
    """The sample page as people transcribed it."""
    return (FOLDER / f"page_{number:02}.gt.txt").read_text(encoding="utf-8")


def write(page: Page, data: str, **more: Any) -> PageText:
    made: dict[str, Any] = {
        "model": "gemini-3.5-flash-lite",
        "source": Source.MACHINE,
        "language": "la",
    } | more
    return texts.write(page, NewText(kind=Kind.OCR, data=data, **made), overwrite="human").text


@pytest.fixture
def book(db: None) -> Book:
    """Twelve pages, each with the right text as if a model had read it."""
    made, _ = import_sample()
    for page in made.pages.order_by("number"):
        PageText.objects.filter(page=page).delete()
        write(page, transcription(page.number))
    made.recount()
    return made
