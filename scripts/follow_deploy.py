"""Follow docs/deploy.md line by line on a clean place of this machine, and write at its end what happened.

`python scripts/follow_deploy.py [--write]`. Its blocks for the user sourcebatch are run as an unprivileged user, in a
folder and with a PostgreSQL of their own; what is for root is checked (shell, systemd units) and not done. Web server
and worker are started by the very commands of the units. Needs root, PostgreSQL's server and a package index.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from with_postgres import free_port, postgres

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "deploy.md"
USER = "nobody"
BLOCK = re.compile(
    r"(As root|As sourcebatch|Then as root)[^\n]*(?:\n(?!```)[^\n]*)*?\n```sh\n(.*?)```", re.DOTALL
)
MARK = "<!-- the last run -->\n"


def blocks() -> Iterator[tuple[bool, str]]:
    """Each block of shell, and whether it is for root."""
    for found in BLOCK.finditer(DOCUMENT.read_text(encoding="utf-8")):
        yield "root" in found[1], found[2]


class Place:
    """A clean place: two folders, a database, and the environment of a fresh login."""

    def __init__(self, folder: Path, database: str) -> None:
        self.port, self.folder = free_port(), folder
        self.site, self.data = folder / "srv", folder / "lib"
        self.database = database
        for one in (folder, self.site, self.data):
            one.mkdir(exist_ok=True)
            shutil.chown(one, USER)
        # A copy of its own: git does not read one that belongs to somebody else.
        self.repository = folder / "repository.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(self.repository)], check=True)
        subprocess.run(["chown", "-R", USER, str(self.repository)], check=True)
        self.log: list[str] = []

    def here(self, text: str) -> str:
        """The document's places as those of this machine."""
        text = text.replace("postgres:///sourcebatch?host=/var/run/postgresql", self.database)
        text = text.replace("/srv/sourcebatch", str(self.site)).replace(
            "/var/lib/sourcebatch", str(self.data)
        )
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")

    def environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
            if name in os.environ
        }
        return kept | {
            "HOME": str(self.data), "LANG": "C.UTF-8", "REPOSITORY": str(self.repository), "PORT": str(self.port),
        }  # fmt: skip

    def run(self, script: str) -> None:
        """One block, as the user, ending at its first line that fails."""
        began = time.monotonic()
        command = ["bash", "-euo", "pipefail", "-c", self.here(script)]
        done = subprocess.run(
            command, cwd=self.data, env=self.environment(), user=USER, group="nogroup", extra_groups=[],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        first = script.strip().splitlines()[-1]
        if done.returncode:
            sys.exit(f"This block failed:\n{script}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        self.log.append(f"ok {time.monotonic() - began:4.0f} s  ... {first[:90]}")
        print(self.log[-1], flush=True)

    def serve(self, unit: str) -> "subprocess.Popen[bytes]":
        """Start what a unit starts, as it starts it."""
        text = self.here((self.site / "deploy" / unit).read_text(encoding="utf-8"))
        command = re.findall(r"^ExecStart=(.*)$", text, re.M)[0]
        with (self.folder / f"{unit}.log").open("wb") as log:
            return subprocess.Popen(
                command.split(), cwd=self.site, env=self.environment(), user=USER, group="nogroup", extra_groups=[],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def for_root(self, script: str) -> None:
        """Checked, not done: nobody else's machine is changed."""
        subprocess.run(["bash", "-n", "-c", script], check=True)
        self.log.append(f"checked   ... {script.strip().splitlines()[-1][:90]}")
        if "systemctl enable" in script and shutil.which("systemd-analyze"):
            self.verify_units()

    def verify_units(self) -> None:
        units = self.folder / "units"
        units.mkdir()
        for path in sorted((ROOT / "deploy").glob("*.service")):
            (units / path.name).write_text(
                self.here(path.read_text(encoding="utf-8")).replace("User=sourcebatch\n", "")
            )
        done = subprocess.run(
            ["systemd-analyze", "verify", *map(str, sorted(units.glob("*.service")))],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        ours = [line for line in done.stderr.splitlines() if "sourcebatch" in line]
        if ours:
            sys.exit("\n".join(ours))
        self.log.append("checked   ... systemd-analyze verify deploy/*.service")


def healthy(place: Place) -> None:
    """Until web server and worker are there; ends the program when they do not come."""
    until = time.monotonic() + 120
    command = ["curl", "-fsS", "-H", "Host: books.example.org", f"http://127.0.0.1:{place.port}/health"]
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > until:
            logs = "".join(path.read_text()[-2000:] for path in place.folder.glob("*.log"))
            sys.exit(f"The site did not become healthy:\n{logs}")
        time.sleep(1)


def follow(place: Place) -> None:
    """All blocks in order; the site starts where the document starts it and is told to stop at the end."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for for_root, script in blocks():
            if not for_root:
                place.run(script)
                continue
            place.for_root(script)
            if "enable --now" in script:
                running = [place.serve(f"sourcebatch-{name}.service") for name in ("web", "worker")]
                healthy(place)
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(60) for process in running]
    place.log.append(f"web and worker ended on SIGTERM with {codes[0]} and {codes[1]}")


def main() -> int:
    """0 when everything in the document worked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what happened at the end of the document")
    write = parser.parse_args().write
    if os.geteuid() != 0:
        sys.exit("Run this as root: it becomes another user for what the document does as sourcebatch.")
    with tempfile.TemporaryDirectory(prefix="sourcebatch-deploy-") as folder, postgres() as database:
        Path(folder).chmod(0o755)
        place = Place(Path(folder) / "clean", database)
        began = time.monotonic()
        follow(place)
        place.log.append(f"{time.monotonic() - began:.0f} s in all, on Python {sys.version.split()[0]}")
    print("\n".join(place.log))
    if write:
        text = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
        DOCUMENT.write_text(
            f"{text}\n\n{MARK}\n## The last run\n\n```\n" + "\n".join(place.log) + "\n```\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
