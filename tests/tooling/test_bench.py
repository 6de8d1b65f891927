"""`make bench` runs: not how fast anything is, only that every figure comes to be and is judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import report

ROOT = Path(__file__).resolve().parents[2]
MARK = "<!-- end of the run -->"


def rates(**per_second: float) -> dict[str, Any]:
    return {name: {"per_second": rate, "cpu_ms": 1.0, "seconds": 1.0} for name, rate in per_second.items()}


def test_a_small_run_tells_every_figure_of_pages_memory_and_rows(tmp_path: Path) -> None:
    written, kept = tmp_path / "benchmarks.md", tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "--small", "--only", "fast,flat", "--write", str(written)]
    subprocess.run([*command, "--keep", str(kept)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    found = json.loads(kept.read_text())
    assert {"prepare", "far", "near", "line", "memory, many", "database", "upload, limit"} <= set(found)
    assert all(one["per_second"] > 0 for one in found["near"].values() if "per_second" in one)
    assert found["near"]["calls"]["create"] == 1
    told = written.read_text()
    assert told.count("\n| ") == 1 + len(list(report.rows(found)))
    assert "Whole pipeline, no latency" in told and "python -m bench --small" in told


def test_a_target_is_met_or_not_by_what_was_measured() -> None:
    met = {"ingest, SQLite": rates(naive=100, ours=400, limit=9000)}
    missed = {"ingest, SQLite": rates(naive=100, ours=399, limit=9000)}
    assert report.table(met).endswith("| >= 4 x row at a time (4.0) | yes |")
    assert report.table(missed).endswith("| >= 4 x row at a time (4.0) | **no** |")


def test_what_people_wrote_below_the_figures_stays(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Benchmarks\n\nold\n\n{MARK}\n\n## Why\n\nBecause.\n")
    report.write(path, "New day.", "| new |", {})
    assert path.read_text() == f"# Benchmarks\n\nNew day.\n\n| new |\n\n{MARK}\n\n## Why\n\nBecause.\n"
