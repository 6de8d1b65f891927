"""A sample of what `make torture` tries in full: workers killed at moments found by instrumentation (I16)."""

import os
import subprocess
import sys

import pytest

from tests.incidents.site import ROOT


def torture(*options: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests.torture` on the database that this run of the tests uses."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHONWARN", "DJANGO"))
    }
    kept.pop("DATA_DIR", None)
    return subprocess.run(
        [sys.executable, "-m", "tests.torture", *options],
        cwd=ROOT, env=kept | {"PYTHONDEVMODE": ""}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip


@pytest.mark.slow
def test_i16_workers_killed_at_a_sample_of_all_moments_lose_double_and_repay_nothing() -> None:
    ended = torture("--sample", "24", "--random", "4")
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
    assert "Nothing was lost, doubled or paid twice." in ended.stdout


@pytest.mark.slow
def test_i16_the_same_kills_find_a_product_that_does_not_look_before_it_sends_again() -> None:
    """Negative control: without adoption by display name a batch is paid twice, and the harness says so."""
    ended = torture(
        "--scenario",
        "files",
        "--only",
        "after POST batchGenerateContent",
        "--sample",
        "1",
        "--break",
        "adoption",
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr[-2000:]
    assert "requests were paid again" in ended.stdout
