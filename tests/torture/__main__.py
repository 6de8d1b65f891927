"""`python -m tests.torture`: kill workers at every point of every scenario, then at random moments.

`--sample N` takes N points of all, spread evenly; `--random N` is the number of random kills afterwards;
`--scenario NAME` takes one (may be repeated); `--break adoption` takes a safeguard away, to see it missed.
With DATABASE_URL=postgres://... it runs on that server, else on SQLite. Exit code 1 when something was found.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.database import Database, database_for

if TYPE_CHECKING:
    from tests.torture.harness import Harness


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        database = settle(folder)
        from tests.torture.harness import Harness
        from tests.torture.scenarios import SCENARIOS

        harness = Harness(folder, database, broken=options.break_)
        started = time.monotonic()
        try:
            harness.start()
            _torture(harness, options.scenario or list(SCENARIOS), options)
        finally:
            harness.stop()
        kind = "PostgreSQL" if "postgres" in database.url else "SQLite"
        print(f"{kind}, {time.monotonic() - started:.0f} s. {harness.report}")
    return int(bool(harness.report.findings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many points of all (0: every one)")
    parser.add_argument("--random", type=int, default=0, help="so many kills at random moments afterwards")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--only", default="", help="only points whose name holds this")
    parser.add_argument("--all", action="store_true", help="also moments that look alike from outside")
    parser.add_argument("--break", dest="break_", default="")
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


def settle(folder: Path) -> Database:
    """Settings for this process and all its forks, before anything of Django is imported."""
    (folder / "data").mkdir()
    database = database_for(os.environ.get("DATABASE_URL", ""), folder)
    os.environ |= {
        "DATABASE_URL": database.url,
        "DATA_DIR": str(folder / "data"),
        "DJANGO_SETTINGS_MODULE": "tests.torture.settings",
    }
    import django

    django.setup()
    return database


def _torture(harness: "Harness", names: list[str], options: argparse.Namespace) -> None:
    todo: list[tuple[str, int, list[str]]] = []
    spans: dict[str, float] = {}
    for name in names:
        started = time.monotonic()
        points = harness.count(name)
        spans[name] = time.monotonic() - started
        todo += [
            (name, number, points)
            for number, label in enumerate(points, 1)
            if options.only in label and (options.all or _is_distinct(points, number))
        ]
    step = max(1, len(todo) // options.sample) if options.sample else 1
    for name, number, points in todo[options.seed % step :: step]:
        harness.kill_at(name, number, points)
        if options.verbose:
            print(name, number, points[number - 1], len(harness.report.findings), file=sys.stderr, flush=True)
    seed = options.seed
    until = harness.report.killed + options.random
    while harness.report.killed < until:
        name = names[seed % len(names)]
        harness.kill_randomly(name, min(4, until - harness.report.killed), spans[name] * 0.7, seed)
        seed += 1


def _is_distinct(points: list[str], number: int) -> bool:
    """Just before something is, seen from outside, the same moment as just after what came last."""
    return (
        number == 1
        or not points[number - 1].startswith("before ")
        or points[number - 2].startswith("before ")
    )


if __name__ == "__main__":
    sys.exit(main())
