"""The README promises two commands and a price; both are held against what is there."""

import datetime as dt
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from django.core.management import get_commands

from jobs.operations import operation
from jobs.operations.base import Order
from jobs.prices import estimate_order

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
]
WRITTEN = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_and_command_it_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets()
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_it_links_to_is_there(document: Path) -> None:
    links = re.findall(r"(?<!!)\[[^]]*\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.django_db
@pytest.mark.parametrize(("row", "type_"), [("OCR", "batch_ocr"), ("Translation", "batch_translate")])
def test_its_costs_are_those_of_the_price_list(row: str, type_: str) -> None:
    line = re.search(rf"^\| {row} \|(.*)\|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert line
    said = [Decimal(figure.strip(" *")) for figure in line[1].split("|")]
    with time_machine.travel(WRITTEN, tick=False):
        flash, lite = (estimate_order(operation(type_), order(type_, model), 1000) for model in MODELS)
    true = [flash.realtime_usd, lite.realtime_usd, lite.batch_usd]
    # The prompts may grow a little without the table being wrong.
    assert [round(float(one or 0) / float(figure), 1) for one, figure in zip(true, said, strict=True)] == [
        1.0,
        1.0,
        1.0,
    ]


MODELS = ("gemini-3.8-flash", "gemini-3.5-flash-lite")


def order(type_: str, model: str) -> Order:
    return Order(type=type_, language="la", target_language="en", model=model)


def test_make_says_what_there_is() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in said.splitlines()} >= {"run", "test", "lint", "lock", "ci"}
