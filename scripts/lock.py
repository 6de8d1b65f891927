"""`make lock`: requirements.lock, everything that is installed in the end, with hashes, for Python 3.11 to 3.14."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Resolve the pinned requirements anew."""
    command = [
        str(ROOT / ".venv" / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-header", "--no-emit-index-url", "--python-version", "3.11",
        "requirements.txt", "requirements-localgemini.txt", "--output-file", "requirements.lock",
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
