"""The simulation of a large library ends with all pages done, is the same each time, and knows what binds."""

import importlib.util
import sys
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def simulate() -> Any:
    spec = importlib.util.spec_from_file_location("simulate", ROOT / "scripts" / "simulate.py")
    assert spec is not None and spec.loader is not None
    sys.modules["simulate"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_pages_are_done_and_twice_gives_the_same(simulate: Any) -> None:
    small = simulate.World(books=20, pages=50_000)
    runs = [simulate.Run(small).go() for _ in range(2)]
    assert all(not book.left and not book.ready for run in runs for book in run.books)
    assert simulate.row(runs[0]) == simulate.row(runs[1])


@pytest.mark.parametrize(
    ("limits", "binds"),
    [
        ({"queued_tokens": 3_000_000}, "MAX_ENQUEUED_TOKENS"),
        ({"queued_tokens": 10**9, "open_batches": 2}, "MAX_OPEN_BATCHES"),
        ({"queued_tokens": 0, "file_bytes": 10**9}, "MAX_GEMINI_FILE_BYTES"),
        ({"queued_tokens": 10**9, "creations_a_day": 10}, "creations a day"),
        ({"queued_tokens": 10**9, "hosts": 1}, "image hosts"),
    ],
)
def test_it_names_the_limit_that_binds(simulate: Any, limits: dict[str, Any], binds: str) -> None:
    run = simulate.Run(simulate.World(books=20, pages=100_000, **limits)).go()
    assert simulate.row(run).endswith(f"| {binds} |")


def test_a_batch_is_cut_to_what_may_be_at_gemini_at_all(simulate: Any) -> None:
    tight = simulate.World(books=2, pages=3_000, queued_tokens=100 * 1_400)
    assert tight.pages_a_batch == 100
    run = simulate.Run(tight).go()
    assert len(run.late) == 30
    assert all(not book.left and not book.ready for book in run.books)


def test_the_first_world_has_the_limits_that_are_set(simulate: Any, settings: Settings) -> None:
    settings.MAX_OPEN_BATCHES, settings.MAX_GEMINI_FILE_BYTES = 7, 0
    settings.MAX_ENQUEUED_TOKENS = f"5, {settings.OCR_BATCH_MODEL}=2000000"
    world = simulate.as_set(10, 100)
    assert (world.open_batches, world.file_bytes, world.queued_tokens) == (7, 0, 2_000_000)


def test_a_tighter_limit_takes_longer(simulate: Any) -> None:
    wide, tight = (
        simulate.World(books=20, pages=100_000, queued_tokens=10**9, open_batches=n) for n in (20, 2)
    )
    assert simulate.Run(tight).go().finish > 3 * simulate.Run(wide).go().finish
