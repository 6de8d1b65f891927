"""Just enough of gettext's text format to check our translations without gettext's programs."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d)\])?)\s+(".*")$')


@dataclass
class Entry:
    """One string with its translations: one, or one for each plural form."""

    msgid: str = ""
    plural: str = ""
    context: str = ""
    fuzzy: bool = False
    forms: list[str] = field(default_factory=list)


def read(path: Path) -> list[Entry]:
    """All entries but the header; obsolete ones (`#~`) are left out."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    entries = [_entry(block.splitlines()) for block in blocks if "msgid" in block]
    return [entry for entry in entries if entry.msgid]


def _entry(lines: list[str]) -> Entry:
    entry, parts = Entry(), dict[str, str]()
    name = ""
    for line in lines:
        if line.startswith("#"):
            entry.fuzzy |= line.startswith("#,") and "fuzzy" in line
            continue
        found = _LINE.match(line)
        if found:
            name = found[1]
        parts[name] = parts.get(name, "") + ast.literal_eval(found[3] if found else line)
    entry.msgid, entry.plural = parts.get("msgid", ""), parts.get("msgid_plural", "")
    entry.context = parts.get("msgctxt", "")
    entry.forms = [text for key, text in sorted(parts.items()) if key.startswith("msgstr")]
    return entry
