"""The simulation of a large library ends with all pages done, is the same each time, and knows what binds."""

import importlib.util
import sys
from typing import Any

import pytest

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
        ({"queued_tokens": 3_000_000}, "tokens enqueued"),
        ({"queued_tokens": 10**9, "open_batches": 2}, "open batches"),
        ({"queued_tokens": 10**9, "creations_a_day": 10}, "creations a day"),
        ({"queued_tokens": 10**9, "hosts": 1}, "image hosts"),
    ],
)
def test_it_names_the_limit_that_binds(simulate: Any, limits: dict[str, Any], binds: str) -> None:
    run = simulate.Run(simulate.World(books=20, pages=100_000, **limits)).go()
    assert simulate.row(run).endswith(f"| {binds} |")


def test_a_tighter_limit_takes_longer(simulate: Any) -> None:
    wide, tight = (
        simulate.World(books=20, pages=100_000, queued_tokens=10**9, open_batches=n) for n in (20, 2)
    )
    assert simulate.Run(tight).go().finish > 3 * simulate.Run(wide).go().finish
