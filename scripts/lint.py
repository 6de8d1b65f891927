"""`make lint`: everything that can be said about the code without running it. All steps run; one failure fails."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
MANAGE = [sys.executable, "manage.py"]


def production() -> dict[str, str]:
    """The environment of a serious installation, for `check --deploy`."""
    return {
        "DEBUG": "0", "HTTPS": "1", "SECRET_KEY": secrets.token_urlsafe(60), "ALLOWED_HOSTS": "books.example.org",
        "CSRF_TRUSTED_ORIGINS": "https://books.example.org", "GEMINI_API_KEY": "not-a-key",
    }  # fmt: skip


def steps() -> dict[str, list[str]]:
    """The commands by their names."""
    shell = [".ci/run", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "scripts").glob("*.sh")))]
    templates = [str(path) for path in (ROOT / "templates",) if any(path.rglob("*.html"))]
    found = {
        "ruff": [str(BIN / "ruff"), "check", "."],
        "format": [str(BIN / "ruff"), "format", "--check", "."],
        "mypy": [str(BIN / "mypy"), "."],
        "import-linter": [str(BIN / "lint-imports")],
        "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
        "check --deploy": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    }
    if templates:
        found["djlint"] = [str(BIN / "djlint"), "--lint", "--quiet", *templates]
    if shutil.which("shellcheck"):
        found["shellcheck"] = ["shellcheck", *shell]
    else:
        print(
            "shellcheck is not installed, so the shell scripts are not looked at: apt-get install shellcheck"
        )
    return found


def passes(name: str, command: list[str], folder: str) -> bool:
    """Run one step, one line when it passes and all it says when it does not."""
    started = time.monotonic()
    env = {**os.environ, "DATA_DIR": folder} | (production() if name == "check --deploy" else {})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{name:15}{verdict:8}{time.monotonic() - started:5.1f} s", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the steps named on the command line, or all; 1 when any failed."""
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        results = [
            passes(name, command, folder) for name, command in steps().items() if not wanted or name in wanted
        ]
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
