"""What is installed is pinned, explained, and the same as what is locked."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ["requirements.txt", "requirements-localgemini.txt", "requirements-dev.txt"]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(\[[^]]+\])?==(\S+)\s+# (.+)$")


def normal(name: str) -> str:
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "-r "))]


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_pinned_and_says_why(name: str) -> None:
    assert [line for line in lines(name) if not PIN.match(line)] == []


LOCKED = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    """The versions that a lock names."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.count("==") <= text.count("--hash="), name
    return {normal(package): version for package, version in LOCKED.findall(text)}


@pytest.mark.parametrize(
    ("lock", "files"), [("requirements.lock", FILES[:2]), ("requirements-server.lock", FILES[:1])]
)
def test_a_lock_has_the_same_versions_with_hashes(lock: str, files: list[str]) -> None:
    pins = [match for name in files for line in lines(name) if (match := PIN.match(line))]
    wanted = {normal(match[1]): match[3] for match in pins}
    found = locked(lock)
    assert {name: found.get(name) for name in wanted} == wanted, "run make lock"


def test_a_server_runs_the_same_versions_without_the_stand_ins_engine() -> None:
    server, everything = locked("requirements-server.lock"), locked("requirements.lock")
    assert server.items() <= everything.items(), "run make lock"
    assert "rapidocr" not in server
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    # pip does not take hashes from a constraints file: the lock itself must be what is installed.
    assert "--require-hashes -r requirements-server.lock" in dockerfile
