"""`python -m bench`: everything of TARGETS, side by side, as a table and as docs/benchmarks.md; see `--help`."""

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import report, servers

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "var" / "bench"


@dataclass(frozen=True)
class Sizes:
    """How much of everything is measured."""

    pages: int = 600
    naive_pages: int = 60
    few: int = 500
    many: int = 5000
    rows: int = 20_000
    naive_rows: int = 1000
    megabytes: int = 1000
    books: int = 10_000
    library: int = 1_000_000


SMALL = Sizes(
    pages=24, naive_pages=4, few=10, many=20, rows=60, naive_rows=10, megabytes=5, books=5, library=100
)


class Run:
    """One run: its servers, its folder, what it has found so far by scene."""

    def __init__(self, sizes: Sizes, folder: Path, origin: str, gemini: str) -> None:
        self.sizes, self.folder, self.origin, self.gemini = sizes, folder, origin, gemini
        self.fresh = folder / "fresh"
        self.found: dict[str, Any] = {}
        self.scene("nothing", "nothing", data=self.fresh)
        self.found.clear()

    def scene(
        self, name: str, scene: str, *, data: Path | None = None, before: Sequence[str] = (), **options: Any
    ) -> None:
        """Run a scene in a process of its own; on a fresh database unless `data` names a folder that is kept."""
        began = time.monotonic()
        folder = data or Path(tempfile.mkdtemp(dir=self.folder))
        folder.mkdir(parents=True, exist_ok=True)
        if data is None and not before:
            for file in self.fresh.glob("*.sqlite3"):
                shutil.copy(file, folder)
        command = [*before, sys.executable, "-m", "bench.child", scene, json.dumps(options)]
        env = os.environ | {"DATA_DIR": str(folder), "PYTHONWARNINGS": "ignore"}
        env.pop("DATABASE_URL", None)
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"The scene {name} failed; its error is above.")
        self.found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")


def fast(run: Run) -> None:
    """Pages and lines."""
    sizes, origin = run.sizes, run.origin
    some: dict[str, Any] = {"pages": sizes.pages, "naive_pages": sizes.naive_pages, "origin": origin}
    run.scene("prepare", "prepare", milliseconds=80, **some)
    run.scene("far", "pipeline", gemini_at=run.gemini, milliseconds=80, delay=0.05, **some)
    run.scene("near", "pipeline", gemini_at=run.gemini, milliseconds=0, delay=0.0, **some)
    run.scene("line", "line", times=max(sizes.pages // 4, 5))


def flat(run: Run) -> None:
    """Memory and bytes."""
    sizes = run.sizes
    for pages, name in ((sizes.few, "memory, few"), (sizes.many, "memory, many")):
        run.scene(name, "memory", origin=run.origin, gemini_at=run.gemini, pages=pages)
    run.scene("database", "database", origin=run.origin, pages=sizes.few)
    for method in ("naive", "ours", "limit"):
        run.scene(
            f"upload, {method}", "upload", gemini_at=run.gemini, megabytes=sizes.megabytes, method=method
        )
    for method in ("naive", "ours"):
        options: dict[str, Any] = {
            "origin": run.origin,
            "folder": str(run.folder),
            "megabytes": sizes.megabytes,
        }
        run.scene(f"collect, {method}", "collect", method=method, **options)


def rows(run: Run) -> None:
    """Results into the database."""
    sizes = run.sizes
    run.scene("ingest, SQLite", "ingest", rows=sizes.rows, naive_rows=sizes.naive_rows)
    postgres = [sys.executable, str(ROOT / "scripts" / "with_postgres.py")]
    run.scene("ingest, PostgreSQL", "ingest", before=postgres, rows=sizes.rows, naive_rows=sizes.naive_rows)


def lists(run: Run) -> None:
    """The admin's lists; the large library is made once and kept in var/bench."""
    sizes = run.sizes
    run.scene("admin, small", "admin", books=min(sizes.books, 10), pages=min(sizes.library, 1000))
    kept = KEPT / f"library-{sizes.books}-{sizes.library}" if sizes.library > 10_000 else None
    run.scene("admin, large", "admin", data=kept, books=sizes.books, pages=sizes.library)


PARTS = {"fast": fast, "flat": flat, "rows": rows, "lists": lists}


def machine() -> str:
    """What it ran on."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name = names[0] if names else platform.machine()
    load = "/".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{os.cpu_count()} cores of {name}, {memory:.0f} GB of memory, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load before the run {load}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="a few pages of everything: whether it runs, not how fast"
    )
    parser.add_argument("--only", default="", help=f"some parts, with commas between: {', '.join(PARTS)}")
    parser.add_argument(
        "--write", default="", metavar="FILE", help="write the report there, as docs/benchmarks.md is"
    )
    parser.add_argument(
        "--keep", default="", metavar="FILE", help="keep the figures as JSON; parts not run are taken from it"
    )
    asked = parser.parse_args()
    sizes, began, where = SMALL if asked.small else Sizes(), time.monotonic(), machine()
    parts = asked.only.split(",") if asked.only else list(PARTS)
    kept = Path(asked.keep) if asked.keep else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sourcebatch-bench-")))
        (folder / "gemini").mkdir()
        origin = stack.enter_context(servers.origin(folder))
        run = Run(sizes, folder, origin, stack.enter_context(servers.gemini(folder / "gemini")))
        if kept and kept.exists():
            run.found = json.loads(kept.read_text())
        for part in parts:
            PARTS[part](run)
    if kept:
        kept.write_text(json.dumps(run.found, indent=1))
    table = report.table(run.found)
    print(table)
    minutes = (time.monotonic() - began) / 60
    if asked.write:
        command = "make bench" if not sys.argv[1:] else f"python -m bench {' '.join(sys.argv[1:])}"
        about = f"{dt.date.today():%-d %B %Y}, {where}. `{command}`, {minutes:.0f} minutes."
        report.write(Path(asked.write), about, table, run.found)


if __name__ == "__main__":
    main()
