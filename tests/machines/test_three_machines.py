"""Three machines work; one dies, one is cut off: the third does all the work, and nothing is done twice."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.machines import network
from tests.support import s3
from tests.support.localgemini import LocalGemini, gemini, gemini_process
from tests.worker.conftest import children, runs, until

__all__ = ["gemini", "gemini_process"]
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BOOKS, PAGES = 6, 8


@dataclass
class Machine:
    """`manage.py worker` with a folder of its own."""

    folder: Path
    env: dict[str, str]
    within: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> "Machine":
        self.folder.mkdir()
        command = [
            *self.within,
            sys.executable,
            str(ROOT / "manage.py"),
            "worker",
            "--respawn",
            "--grace",
            "5",
        ]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.env | {"DATA_DIR": str(self.folder)}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return self

    def tree(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:
            found += children(pid)
        return found

    def die(self) -> None:
        """As when the power goes: every process at once."""
        for pid in self.tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


@dataclass
class Site:
    """What the machines share: a database, a store, a Gemini."""

    folder: Path
    database: str
    store: str
    gemini: LocalGemini

    def env(self, ports: dict[int, int] | None = None) -> dict[str, str]:
        """The environment of a machine; `ports` leads through relays at the cable's end."""

        def seen(address: str) -> str:
            port = urlsplit(address).port
            return (
                address.replace(f"127.0.0.1:{port}", f"{network.HERE}:{ports[port]}")
                if ports and port
                else address
            )

        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("REDIS_URL", "LIBRARY_DATABASE_URL")
        }
        bucket, _, rest = self.store.partition("?endpoint=")
        server, _, region = rest.partition("&")
        return kept | {
            "DJANGO_SETTINGS_MODULE": "tests.machines.settings", "SECRET_KEY": "shared", "PYTHONPATH": str(ROOT),
            "DATABASE_URL": seen(self.database), "STORAGE_URL": f"{bucket}?endpoint={seen(server)}&{region}",
            "GEMINI_BASE_URL": seen(self.gemini.url), "DATA_DIR": str(self.folder), "PYTHONDEVMODE": "",
            "PYTHONWARNINGS": "", "LOG_LEVEL": "INFO", "NO_PROXY": "*",
        }  # fmt: skip

    def ask(self, *words: str) -> Any:
        command = [sys.executable, "-m", "tests.machines.programs", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.env(), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)


@pytest.fixture
def site(tmp_path: Path, gemini: LocalGemini) -> Iterator[Site]:
    if not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("there is no PostgreSQL here (apt-get install postgresql)")
    with ExitStack() as stack:
        database = stack.enter_context(_with_postgres().postgres())
        # What a machine that is cut off had locked is free after three seconds, not after a minute.
        database += "?options=" + quote("-c idle_in_transaction_session_timeout=3s")
        server = stack.enter_context(s3.running(tmp_path / "s3.log"))
        made = Site(tmp_path / "here", database, s3.bucket(server, "books"), gemini)
        made.folder.mkdir()
        migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
        subprocess.run(migrate, cwd=ROOT, env=made.env(), check=True, timeout=180)
        yield made


def _with_postgres() -> Any:
    spec = importlib.util.spec_from_file_location("with_postgres", ROOT / "scripts" / "with_postgres.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(bool(network.impossible()), reason=network.impossible() or "it is possible")
def test_one_machine_dies_and_one_is_cut_off_and_the_third_does_the_work(
    site: Site, tmp_path: Path, gemini: LocalGemini
) -> None:
    jobs = site.ask("order", str(BOOKS), str(PAGES))
    gemini.hold()
    with ExitStack() as stack:
        cable = stack.enter_context(network.cable())
        relays = {port: network.Relay(port) for port in _ports(site)}
        for relay in relays.values():
            stack.callback(relay.close)
        far = site.env({port: relay.port for port, relay in relays.items()})
        far["FETCH_ALLOWED_HOSTS"] = network.HERE
        doomed = Machine(tmp_path / "doomed", site.env())
        lonely = Machine(tmp_path / "lonely", far, ("ip", "netns", "exec", cable.namespace))
        steady = Machine(tmp_path / "steady", site.env())
        for machine in (lonely, doomed):
            stack.callback(machine.start().die)
        store = relays[_port(site.store.partition("endpoint=")[2])]
        until(lambda: store.received > 100_000, "the far machine reads and writes in the store", 120)
        until(lambda: site.ask("seen")["jobs"].get("processing"), "jobs are under way", 60)

        cable.pull()
        doomed.die()
        stack.callback(steady.start().die)
        gemini.release()
        until(
            lambda: site.ask("seen")["jobs"] == {"completed": BOOKS}, "the third machine has done it all", 240
        )

        cable.plug_in()
        passed = store.received + relays[_port(site.database)].received
        until(
            lambda: store.received + relays[_port(site.database)].received > passed,
            "the far machine is back",
            120,
        )
        for machine in (lonely, steady):
            machine.process.terminate()
        for machine in (lonely, steady):
            assert machine.process.wait(60) == 0, (machine.folder / "log").read_text()[-3000:]
            assert not any(map(runs, machine.tree()))
    assert site.ask("ended") == {"jobs": {"completed": BOOKS}, "texts": BOOKS * PAGES}
    assert gemini.sent()["keys_twice"] == {}
    assert gemini.sent()["total"] == BOOKS * PAGES
    assert len(jobs) == BOOKS
    # What the machines shared was in the store; each folder has nothing that another one would miss.
    assert not list(tmp_path.glob("*/files/segments"))


def _ports(site: Site) -> set[int]:
    return {_port(site.database), _port(site.store.partition("endpoint=")[2]), _port(site.gemini.url)}


def _port(address: str) -> int:
    port = urlsplit(address.partition("&")[0]).port
    assert port is not None
    return port
