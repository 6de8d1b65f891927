"""`make run`: from an empty folder to a site that answers, and nothing left when it is told to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from localgemini.server import listen
from scripts import run as run_script
from tests.support.ports import kept_port
from tests.worker.conftest import children, runs, until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("worker")]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


class Run:
    """`scripts/run.py` as make starts it, on a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.kept = run_script.keep_port(0)
        self.port = self.kept.getsockname()[1]
        self.log = folder / "run.log"
        dropped = (
            "DATABASE_URL",
            "GEMINI_API_KEY",
            "GEMINI_BASE_URL",
            "ADMIN_PASSWORD",
            "PYTHONWARNINGS",
            "PYTHONDEVMODE",
        )
        env = {name: value for name, value in os.environ.items() if name not in dropped}
        env |= {
            "DJANGO_SETTINGS_MODULE": "sourcebatch.settings",
            "DATA_DIR": str(folder / "data"),
            "PORT": str(self.port),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "scripts/run.py"], cwd=ROOT, env=env | settings, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        until(
            lambda: self.process.poll() is not None or "Ctrl-C stops" in self.said(),
            "the address is printed",
            180,
        )
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)


@pytest.fixture
def start_run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts runs and leaves none behind."""
    started: list[Run] = []

    def start(**settings: str) -> Run:
        started.append(Run(tmp_path, **settings))
        return started[-1]

    yield start
    for run in started:
        for pid in tree(run.process.pid):
            if runs(pid):
                os.kill(pid, signal.SIGKILL)
        run.process.wait(10)
        run.kept.close()


def stop(run: Run, number: int) -> list[int]:
    """Tell it to stop; the processes that were there. Fails when it takes long or some stay."""
    pids = tree(run.process.pid)
    assert len(pids) > 8
    run.process.send_signal(number)
    assert run.process.wait(60) == 0
    until(lambda: not any(runs(pid) for pid in pids), "all its processes are gone")
    return pids


def test_it_starts_answers_and_stops_and_does_nothing_twice(start_run: Callable[..., Run]) -> None:
    first = start_run()
    password = re.search(r"password (\S+) \(shown this once\)", first.said())
    assert password
    assert first.get("/admin/login/").status_code == 200
    log_in(first, password[1])
    until(lambda: first.get("/health").status_code == 200, "a worker has shown up")
    stop(first, signal.SIGTERM)

    second = start_run()
    for done_before in ("shown this once", "Installing", "Collecting", "Imported"):
        assert done_before not in second.said()
    log_in(second, password[1])
    stop(second, signal.SIGINT)


def log_in(run: Run, password: str) -> None:
    """Log in as a browser does; fails when the password is not the right one."""
    with requests.Session() as browser:
        page = browser.get(f"http://127.0.0.1:{run.port}/admin/login/", timeout=10)
        form = {
            "username": "admin",
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        answer = browser.post(page.url, data=form, timeout=10, allow_redirects=False)
        assert answer.status_code == 302


def test_a_given_password_works_and_is_not_shown(start_run: Callable[..., Run]) -> None:
    run = start_run(ADMIN_PASSWORD="a-password-of-mine-7")
    log_in(run, "a-password-of-mine-7")
    assert "a-password-of-mine-7" not in run.said()


def refused(folder: Path, **settings: str) -> str:
    """What a run says that ends at once, in one sentence and with 1."""
    env = {
        **os.environ,
        "DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "sourcebatch.settings",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "scripts/run.py"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stderr.strip()
    assert said.count("\n") == 0
    return said


def test_the_port_of_the_stand_in_is_kept_for_it_until_it_listens() -> None:
    with run_script.keep_port(0) as first:
        free = first.getsockname()[1]
    with run_script.keep_port(free) as kept:
        assert kept.getsockname()[1] == free
        # Another run, and any program that asks for a port, gets another one.
        with run_script.keep_port(free) as second:
            assert second.getsockname()[1] != free
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", free))
        with listen("127.0.0.1", free) as stand_in:
            stand_in.listen()
            assert stand_in.getsockname()[1] == free


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(tmp_path, PORT=str(port))
    assert said == f"Port {port} is in use: stop the other program, or say PORT={port + 1} make run."


@pytest.mark.parametrize("port", ["abc", "80000", "-1", "²"])
def test_a_port_that_is_none_is_one_sentence(tmp_path: Path, port: str) -> None:
    assert refused(tmp_path, PORT=port).startswith(f"PORT is {port!r}, which is no port")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with kept_port() as port:
        said = refused(tmp_path / "file" / "data", PORT=str(port), PYTHONWARNINGS="ignore")
    assert said.startswith("Sourcebatch cannot write what it keeps (") and str(tmp_path) in said


def test_a_second_run_on_the_same_data_is_refused_and_the_first_goes_on(
    start_run: Callable[..., Run], tmp_path: Path
) -> None:
    run = start_run()
    with kept_port() as port:
        said = refused(tmp_path / "data", PORT=str(port), PYTHONWARNINGS="ignore")
    assert said.startswith(f"Sourcebatch runs with the data in {tmp_path / 'data'} already")
    assert f"http://127.0.0.1:{run.port}/admin/, process {run.process.pid}" in said
    assert run.get("/admin/login/").status_code == 200


def test_a_closed_terminal_ends_everything(start_run: Callable[..., Run]) -> None:
    run = start_run()
    pids = tree(run.process.pid)
    # As a terminal does: to the whole group in the foreground.
    os.killpg(run.process.pid, signal.SIGHUP)
    assert run.process.wait(60) == 0
    until(lambda: not any(runs(pid) for pid in pids), "all its processes are gone")
