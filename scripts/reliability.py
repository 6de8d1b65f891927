"""Writes docs/reliability.md: every incident, what holds instead, the tests that say so, and whether they passed.

Runs all tests named `test_iNN_...`, wherever they are, and puts the figures of torture and soak below the table.
Exit code 1 when an incident has no test or a test fails.
"""

import ast
import datetime as dt
import re
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROMISES = ROOT / "tests" / "incidents" / "promises.toml"
FIGURES = ROOT / "tests" / "torture" / "figures.md"
TARGET = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"test_(i\d\d)_")

HEAD = """# Reliability

Each row happened to a system that does this work, and cost somebody pages or money. Each is a test here, driven
through whole jobs over real HTTP against `localgemini` and a hostile image server. Written by `make reliability`
on {date}; do not edit.

| | What happened elsewhere | What holds here | Tests | Result |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Test:
    """One test function and where it is."""

    file: str
    name: str

    @property
    def incident(self) -> str:
        found = NAMED.match(self.name)
        return found[1].upper() if found else ""


def tests() -> list[Test]:
    """Every test function that is named after an incident."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
        found += [Test(str(path.relative_to(ROOT)), name) for name in names if NAMED.match(name)]
    return found


def run(found: list[Test]) -> dict[Test, list[str]]:
    """Run them; the outcome of each case of each test: passed, failed or skipped."""
    outcomes: dict[Test, list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        names = [f"{one.file}::{one.name}" for one in found]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *names],
            cwd=ROOT,
            check=False,
        )
        by_key = {(one.file.removesuffix(".py").replace("/", "."), one.name): one for one in found}
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314
            name = case.get("name", "").partition("[")[0]
            if one := by_key.get((case.get("classname", ""), name)):
                outcomes[one].append(_outcome(case))
    return outcomes


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def row(incident: str, told: dict[str, str], found: list[Test], outcomes: dict[Test, list[str]]) -> str:
    """One line of the table."""
    mine = [one for one in found if one.incident == incident]
    cases = [outcome for one in mine for outcome in outcomes.get(one, ["not run"])]
    good = cases.count("passed")
    result = f"{good} passed" if cases and good == len(cases) else f"**{good} of {len(cases)} passed**"
    links = "<br>".join(f"[{_words(one.name)}](../{one.file})" for one in mine) or "**none**"
    return f"| {incident} | {told['happened']} | {told['promise']} | {links} | {result} |"


def _words(name: str) -> str:
    return NAMED.sub("", name).replace("_", " ")


def main() -> int:
    promises = tomllib.loads(PROMISES.read_text(encoding="utf-8"))
    found = tests()
    outcomes = run(found)
    rows = [row(incident, told, found, outcomes) for incident, told in promises.items()]
    text = HEAD.format(date=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}") + "\n".join(rows) + "\n\n"
    TARGET.write_text(text + FIGURES.read_text(encoding="utf-8"), encoding="utf-8")
    bad = [line for line in rows if "**" in line]
    cases = sum(map(len, outcomes.values()))
    print(f"{len(rows)} incidents, {len(found)} tests, {cases} cases, {len(bad)} rows not all green.")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
