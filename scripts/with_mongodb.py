"""Run a command with the library in a MongoDB of its own: `python scripts/with_mongodb.py make test`.

The server is the one for tests (scripts/mongod.py) or the system's, a replica set of one on a free port, in a temporary
folder that is removed at the end. The command finds it in LIBRARY_DATABASE_URL.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
from mongod import MONGOD
from pymongo.errors import PyMongoError

START_SECONDS = 30.0
# No test looks at what survives a power cut: writes are answered before they are in the journal.
SPEED = "w=1&journal=false"


def program() -> str:
    """The path of mongod; ends the program where there is none."""
    found = os.environ.get("MONGOD") or (str(MONGOD) if MONGOD.exists() else shutil.which("mongod"))
    return found or sys.exit("There is no mongod here: python scripts/mongod.py installs one for tests.")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def mongodb() -> Iterator[str]:
    """A running replica set of one; yields the address of an empty database."""
    folder, port = Path(tempfile.mkdtemp(prefix="sourcebatch-mongodb-")), free_port()
    (folder / "data").mkdir()
    command = [
        program(), "--dbpath", str(folder / "data"), "--port", str(port), "--bind_ip", "127.0.0.1", "--replSet", "rs0",
        "--unixSocketPrefix", str(folder), "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "64",
    ]  # fmt: skip
    log = (folder / "log").open("wb")
    server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        make_primary(port, server)
        yield f"mongodb://127.0.0.1:{port}/library?replicaSet=rs0&{SPEED}"
    except TimeoutError:
        sys.stderr.write((folder / "log").read_text(errors="replace")[-5000:])
        raise
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def make_primary(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Make the server a replica set of its own and wait until it takes writes. Raises TimeoutError."""
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    until = time.monotonic() + START_SECONDS
    address = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=1000) as client:
        while server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(PyMongoError):
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            time.sleep(0.1)
    raise TimeoutError("MongoDB did not start; the end of its log is above.")


def main(command: list[str]) -> int:
    """Run `command` with LIBRARY_DATABASE_URL set; its exit code."""
    if not command:
        sys.exit(__doc__)
    with mongodb() as url:
        env = {**os.environ, "LIBRARY_DATABASE_URL": url}
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
