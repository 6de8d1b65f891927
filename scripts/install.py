"""Build .venv and install what `run` or `dev` needs; done in a moment when nothing has changed.

Run by any Python from 3.11 on, with the standard library alone. The stamp in .venv holds a hash of the
requirement files and of the interpreter, so a second run installs nothing.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FILES = {
    "run": ["requirements.lock"],
    "dev": ["requirements-dev.txt", "requirements.txt", "requirements-localgemini.txt"],
}


def fingerprint(kind: str) -> str:
    """A hash of everything that decides what is installed."""
    version = subprocess.run([PYTHON, "--version"], capture_output=True, check=True).stdout
    contents = b"".join((ROOT / name).read_bytes() for name in FILES[kind])
    return hashlib.sha256(version + contents).hexdigest()


def works() -> bool:
    """Whether .venv has a Python that starts and is new enough."""
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pip_install(kind: str) -> None:
    """Install the requirement files of `kind`; ends the program with a sentence when that fails."""
    wanted = [part for name in FILES[kind] for part in ("-r", str(ROOT / name))]
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        # What people run is checked by hash; developers' tools are pinned only.
        *(["--require-hashes"] if kind == "run" else []),
        *wanted,
    ]
    if subprocess.run(command, check=False).returncode:
        sys.exit(
            "pip could not install what Sourcebatch needs: the lines above say why. Mend that and try again."
        )


def wait_for_others() -> None:
    """Until the program ends, nobody else installs into this folder: two at once spoil each other's .venv."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting for another make, which installs here ...", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)


def main(kind: str) -> None:
    """Make .venv fit for `kind`, which is `run` or `dev`."""
    wait_for_others()
    if not works():
        print(f"Building {VENV.name} with Python {sys.version.split()[0]} ...", flush=True)
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    stamp = VENV / f"installed-{kind}"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != fingerprint(kind):
        print("Installing what Sourcebatch needs: a few minutes the first time ...", flush=True)
        pip_install(kind)
        stamp.write_text(fingerprint(kind), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
