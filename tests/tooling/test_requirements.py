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


def test_the_lock_has_the_same_versions_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {
        normal(name): version
        for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", lock, re.MULTILINE)
    }
    pins = [match for name in FILES[:2] for line in lines(name) if (match := PIN.match(line))]
    wanted = {normal(match[1]): match[3] for match in pins}
    assert {name: locked.get(name) for name in wanted} == wanted, "run make lock"
    assert lock.count("==") <= lock.count("--hash=")
