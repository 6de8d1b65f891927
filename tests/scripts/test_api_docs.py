"""docs/api.md: every example is run, and answers with the keys that are shown."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sourcebatch.openapi import document
from tests.admin.test_import_page import manifest
from tests.scripts.conftest import ROOT, Environment
from tests.support.localgemini import LocalGemini
from tests.support.origin import Answer, Origin

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
MARK = "--- example {} ---"


def examples() -> list[tuple[str, Any]]:
    """Each `bash` block with the `json` block that follows it, if one does."""
    blocks = re.findall(r"^```bash\n(.*?)^```$(?:\n\n^```json\n(.*?)^```$)?", PAGE, re.MULTILINE | re.DOTALL)
    return [(code, json.loads(shown) if shown else None) for code, shown in blocks]


def assert_has(answer: Any, shown: Any, where: str) -> None:
    """Every key that is shown is there, at every depth; lists are compared by their first items."""
    if isinstance(shown, dict):
        assert isinstance(answer, dict), where
        for key, value in shown.items():
            assert key in answer, f"{where} has no {key}: {answer}"
            assert_has(answer[key], value, f"{where}.{key}")
    if isinstance(shown, list):
        assert isinstance(answer, list), where
        assert bool(shown) <= bool(answer), f"{where} is empty"
        if shown:
            assert_has(answer[0], shown[0], f"{where}[0]")


@pytest.mark.slow
def test_every_example_works_and_answers_what_is_shown(
    environment: Environment, at_gemini: LocalGemini, origin: Origin, tmp_path: Path
) -> None:
    origin.answers["/manifest.json"] = Answer(manifest(2))
    parts = [f"printf '\\n{MARK.format(n)}\\n'\n{code}" for n, (code, _) in enumerate(examples())]
    script = "set -euo pipefail\n" + "\n".join(parts).replace("https://example.org", origin.url)
    done = subprocess.run(
        ["bash", "-s"], input=script, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    outputs = re.split(r"--- example \d+ ---\n", done.stdout)[1:]
    for (code, shown), output in zip(examples(), outputs, strict=True):
        if shown is not None:
            assert_has(json.loads(output), shown, code)


def test_there_are_examples_and_the_comparison_can_fail() -> None:
    assert len(examples()) > 12
    assert sum(shown is not None for _, shown in examples()) > 8
    for shown in ({"a": {"b": 1}}, [{"a": 1}]):
        with pytest.raises(AssertionError):
            assert_has({"a": {}} if isinstance(shown, dict) else [], shown, "it")


def test_every_call_is_described() -> None:
    for path, methods in document()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in PAGE


def test_every_status_is_described() -> None:
    statuses = {
        status
        for methods in document()["paths"].values()
        for one in methods.values()
        for status in one["responses"]
    }
    described = re.findall(r"\b\d{3}\b", PAGE)
    assert statuses <= {*described}
