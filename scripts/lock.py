"""`make lock`: everything that is installed in the end, with hashes, for Python 3.11 to 3.14.

requirements.lock is for `make run`, with the local stand-in and its OCR engine; requirements-server.lock is what a
server needs, in the same versions.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.lock": ["requirements.txt", "requirements-localgemini.txt"],
    "requirements-server.lock": ["requirements.txt", "--constraint", "requirements.lock", "--no-annotate"],
}


def main() -> int:
    """Resolve the pinned requirements anew."""
    for lock, sources in LOCKS.items():
        command = [
            str(ROOT / ".venv" / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
            "--no-header", "--no-emit-index-url", "--python-version", "3.11", *sources, "--output-file", lock,
        ]  # fmt: skip
        if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
