""".env.example lists every setting with its true default, and nothing else."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONLY_FOR_MAKE_RUN = {"PORT", "HOST", "ADMIN_PASSWORD", "WEB_PROCESSES", "WEB_THREADS"}
# Their defaults are computed from other settings.
COMPUTED = {"DATA_DIR", "DATABASE_URL"}


def in_settings() -> dict[str, str]:
    """Name and default, spelled as in an environment, of every `env.str(...)` and its like in the settings."""
    tree = ast.parse((ROOT / "sourcebatch" / "settings.py").read_text(encoding="utf-8"))
    return dict(setting(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and reads_env(node))


def reads_env(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "env"


def setting(call: ast.Call) -> tuple[str, str]:
    name = str(ast.literal_eval(call.args[0]))
    default = next(word.value for word in call.keywords if word.arg == "default")
    return name, "" if name in COMPUTED else spelled(ast.literal_eval(default))


def spelled(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, list) else str(default)


def in_example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^# ([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_it_lists_every_setting_and_no_other() -> None:
    assert set(in_example()) - ONLY_FOR_MAKE_RUN == set(in_settings())


def test_its_defaults_are_the_true_ones() -> None:
    example = in_example()
    defaults = {name: value for name, value in in_settings().items() if name not in COMPUTED}
    assert {name: example[name] for name in defaults} == defaults


def test_every_block_of_settings_is_explained() -> None:
    blocks = re.findall(r"(?:^#.*\n)+", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    unexplained = [block for block in blocks if re.match(r"# [A-Z_]+=", block)]
    assert unexplained == []
