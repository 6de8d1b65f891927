"""Tesseract as an engine: its command, started anew for each image."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache

from langcodes import Language
from langcodes.tag_parser import LanguageTagError

from books.languages import script_of
from books.second_reading.engines import EngineError
from books.second_reading.layout import Line, in_order

NICENESS = "15"
VERSION = ("tesseract", "--version")
LISTING = ("tesseract", "--list-langs")


class Tesseract:
    """On one thread and at low priority."""

    def __init__(self) -> None:
        self.name = f"tesseract {_version()}"

    def scripts(self, language: str) -> Sequence[str]:
        """That of the language where its data is installed, else Latin."""
        return (script_of(language) or "Latn",) if _data_for(language) in languages() else ("Latn",)

    def read(self, jpeg: bytes, language: str, seconds: float) -> list[Line]:
        """Its table of words, as lines."""
        data = _data_for(language)
        data = data if data in languages() else ("lat" if "lat" in languages() else "eng")
        command = ["nice", "-n", NICENESS, "tesseract", "stdin", "stdout", "-l", data, "tsv"]
        try:
            done = subprocess.run(  # noqa: S603  a command of ours, the language from its own list
                command, input=jpeg, capture_output=True, timeout=seconds, check=False,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                f"The engine was killed after {seconds:.0f} s: the page is too slow to read."
            ) from error
        if done.returncode:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
            raise EngineError(f"The engine could not read the image: {last}")
        return in_order(_lines(done.stdout.decode(errors="replace")))

    def close(self) -> None:
        """Nothing of it stays."""


@cache
def languages() -> frozenset[str]:
    """The languages whose data Tesseract has here, by its names for them."""
    told = subprocess.run(LISTING, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return frozenset(told.split("\n")[1:]) - {"", "osd"}


@cache
def _version() -> str:
    told = subprocess.run(VERSION, capture_output=True, text=True, check=False)  # noqa: S603
    return (told.stdout or told.stderr).split("\n")[0].removeprefix("tesseract ")


@cache
def _data_for(language: str) -> str:
    """Tesseract's name for a language: its ISO 639-2/T code."""
    try:
        return Language.get(language).to_alpha3(variant="T") if language else ""
    except (LanguageTagError, LookupError):
        return ""


def _lines(table: str) -> list[Line]:
    """The words of Tesseract's TSV, joined by its own lines."""
    words: dict[tuple[str, ...], list[Line]] = {}
    for row in table.split("\n")[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and cells[11].strip():
            left, top, width, height = map(int, cells[6:10])
            word = Line(left, top, left + width, top + height, cells[11], float(cells[10]) / 100)
            words.setdefault(tuple(cells[1:5]), []).append(word)
    return [line for row in words.values() for line in in_order(row)]
