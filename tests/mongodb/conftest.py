"""A real mongod for the tests that need one, alone or as a replica set of one member."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymongo
import pytest

from tests.conftest import mongod
from tests.support.localgemini import LocalGemini, gemini, gemini_process
from tests.support.ports import kept_port
from tests.worker.conftest import until

__all__ = ["gemini", "gemini_process"]
ROOT = Path(__file__).resolve().parents[2]
Manage = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[int]:
    """A mongod on a free port; yields the port."""
    (folder / "data").mkdir(parents=True)
    with kept_port() as port:
        command = [
            str(mongod()), "--dbpath", str(folder / "data"), "--port", str(port), "--bind_ip", "127.0.0.1",
            "--unixSocketPrefix", str(folder), "--wiredTigerCacheSizeGB", "0.25", *options,
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until(lambda: _answers(port), "mongod answers")
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database on a replica set of one."""
    with running(tmp_path_factory.mktemp("replica-set"), "--replSet", "rs0") as port:
        with pymongo.MongoClient[dict[str, object]](
            f"mongodb://127.0.0.1:{port}/?directConnection=true"
        ) as client:
            member = {"_id": 0, "host": f"127.0.0.1:{port}"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            until(lambda: client.admin.command("hello")["isWritablePrimary"], "the replica set has a primary")
        yield f"mongodb://127.0.0.1:{port}/library?replicaSet=rs0"


@pytest.fixture
def manage(tmp_path: Path, gemini: LocalGemini) -> Callable[[str], Manage]:
    """`manage(url)("migrate")`: the product's commands with its library in that MongoDB."""

    def with_library(url: str) -> Manage:
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
            "DJANGO_SETTINGS_MODULE": "sourcebatch.settings", "DATA_DIR": str(tmp_path), "LIBRARY_DATABASE_URL": url,
            "GEMINI_API_KEY": gemini.key, "GEMINI_BASE_URL": gemini.url, "POLL_FIRST_SECONDS": "0.2",
            "PYTHONDEVMODE": "",
        }  # fmt: skip

        def call(*words: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, "manage.py", *words]
            return subprocess.run(
                command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
            )

        return call

    return with_library
