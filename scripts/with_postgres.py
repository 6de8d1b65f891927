"""Run a command with a PostgreSQL of its own: `python scripts/with_postgres.py make test`.

The server runs as an unprivileged user on a free port, in a temporary folder that is removed at the end. The
command finds it in DATABASE_URL. Needs the server's programs: apt-get install postgresql.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 30.0
# No test looks at what survives a power cut; without syncing the suite takes a third less time.
SPEED = [
    "-c",
    "fsync=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "max_connections=200",
]


def programs() -> Path:
    """The folder with initdb and postgres, the newest if there are several."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not found and not folders:
        sys.exit(
            "PostgreSQL's server is not installed: apt-get install postgresql (or brew install postgresql)."
        )
    return Path(found).parent if found else folders[-1]


def unprivileged() -> str | None:
    """Whom the server runs as when we are root, as which it refuses to start; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A running server; yields the address of an empty database."""
    user, port, bins = unprivileged(), free_port(), programs()
    folder = Path(tempfile.mkdtemp(prefix="sourcebatch-postgres-"))
    if user:
        shutil.chown(folder, user)
    make: list[str | Path] = [
        bins / "initdb",
        "--pgdata",
        folder / "data",
        "--username",
        "test",
        "--auth",
        "trust",
        "--encoding",
        "UTF8",
    ]
    log = (folder / "log").open("wb")
    try:
        subprocess.run([*make, "--no-sync"], user=user, cwd=folder, check=True, stdout=log, stderr=log)
        serve: list[str | Path] = [
            bins / "postgres",
            "-D",
            folder / "data",
            "-p",
            str(port),
            "-k",
            folder,
            *SPEED,
        ]
        server = subprocess.Popen(
            serve, user=user, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for(port, server)
            yield f"postgres://test@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    except (subprocess.CalledProcessError, TimeoutError):
        sys.stderr.write((folder / "log").read_text(errors="replace"))
        raise
    finally:
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Until the server takes connections. Raises TimeoutError."""
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL did not start; its log is above.")


def main(command: list[str]) -> int:
    """Run `command` with DATABASE_URL set; its exit code."""
    if not command:
        sys.exit(__doc__)
    with postgres() as url:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
