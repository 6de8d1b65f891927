"""Which OCR engine reads a second time: RapidOCR or Tesseract, whichever is on this machine and wanted."""

import importlib.util
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from django.conf import settings

from books.second_reading.layout import Line

OFF = "off"
NAMES = ("rapidocr", "tesseract")


class EngineError(Exception):
    """Why an image was not read, in a sentence. After a `broken` engine the next image may need a new one."""

    def __init__(self, sentence: str, *, broken: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence[:500]
        self.broken = broken


class Engine(Protocol):
    """Reads images. `name` has its version; the process behind it lives from the first image to `close`."""

    name: str

    def scripts(self, language: str) -> Sequence[str]:
        """The scripts that it reads on a page in this language, by ISO 15924 code."""

    def read(self, jpeg: bytes, language: str, seconds: float) -> list[Line]:
        """The lines in the order of reading; killed after so many seconds. Raises EngineError."""

    def close(self) -> None:
        """End its process."""


def installed() -> list[str]:
    """The engines that this machine has, the better one first."""
    rapid = all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))
    return [name for name, there in zip(NAMES, (rapid, shutil.which("tesseract")), strict=True) if there]


def chosen() -> tuple[str, str]:
    """The engine that the settings and this machine give, or an empty name; and a sentence on why there is none."""
    wanted = str(settings.SECOND_READING)
    if wanted == OFF:
        return "", "Second readings are switched off (SECOND_READING=off)."
    there = installed()
    if wanted == "auto":
        return (
            (there[0], "")
            if there
            else ("", "No local OCR engine is installed: pages get no second reading.")
        )
    if wanted in there:
        return wanted, ""
    if wanted not in NAMES:
        return "", f"There is no engine {wanted!r}: set SECOND_READING to auto, off, {' or '.join(NAMES)}."
    return "", f"SECOND_READING names {wanted}, which is not installed: pages get no second reading."


@contextmanager
def running(name: str) -> Iterator[Engine]:
    """An engine by name, ended when it is no longer needed."""
    # Here and not above: both modules take their words from this one.
    from books.second_reading.rapid_engine import RapidOcr
    from books.second_reading.tesseract import Tesseract

    engine: Engine = RapidOcr() if name == "rapidocr" else Tesseract()
    try:
        yield engine
    finally:
        engine.close()
