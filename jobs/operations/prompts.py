"""Prompts: Markdown with `$variables` (string.Template). Whatever is missing is an error before anything is
sent.
"""

import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from books.languages import name_of

NOTES_FILE = Path(__file__).with_name("notes.json")


class PromptError(ValueError):
    """A prompt that cannot be filled in; the sentence says which variable is at fault."""


def variables(prompt: str) -> set[str]:
    """The names of the variables in a prompt. Raises PromptError for a stray dollar sign."""
    template = Template(prompt)
    if not template.is_valid():
        raise PromptError("The prompt has a $ that starts no variable: write $$ for a dollar sign.")
    return set(template.get_identifiers())


def check(prompt: str, known: set[str]) -> None:
    """Raises PromptError when a prompt is empty or uses a variable that its operation does not have."""
    if not prompt.strip():
        raise PromptError("The prompt is empty: write one, or go back to an older version.")
    if strange := sorted(variables(prompt) - known):
        names = ", ".join(f"${name}" for name in strange)
        allowed = ", ".join(f"${name}" for name in sorted(known))
        raise PromptError(f"The prompt uses {names}, which this operation does not have: use {allowed}.")


def fill(prompt: str, values: dict[str, str]) -> str:
    """The prompt with its variables filled in. Raises PromptError."""
    check(prompt, set(values))
    return Template(prompt).substitute(values).strip()


@cache
def _notes() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(NOTES_FILE.read_text(encoding="utf-8"))
    return found


def note_on(language: str, use: str) -> str:
    """What to mind in pages of a language (`use` is `read` or `translate`); unknown is said as unknown
    (I29).
    """
    notes = _notes()
    entry = notes.get(language) or notes.get(language.split("-")[0]) or {}
    said = entry.get(use, "")
    if not language:
        return notes[""][use]
    return f"The language is {name_of(language)} (ISO 639: {language}). {said}".strip()


def block(name: str, digest: str, text: str) -> str:
    """Text as data between marks that it cannot contain: they carry the beginning of a hash of it."""
    mark = f"{name}_{digest[:12]}"
    return f"<{mark}>\n{text}\n</{mark}>"


def escalated(base: int, escalation: dict[str, Any]) -> int:
    """The output limit of this attempt, in tokens."""
    raised = escalation.get("max_output_tokens")
    return raised if isinstance(raised, int) and raised > 0 else base
