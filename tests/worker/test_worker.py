"""`manage.py worker` with real processes: it stops when told, and never goes on half dead."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.conftest import Worker, runs, until

Start = Callable[..., Worker]
pytestmark = pytest.mark.xdist_group("worker")


def all_gone(pids: list[int]) -> bool:
    return not any(runs(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal_to_the_whole_group(start_worker: Start, number: int) -> None:
    worker = start_worker()
    pids = worker.tree()
    os.killpg(worker.process.pid, number)
    assert worker.ended() == 0
    until(lambda: all_gone(pids), "all its processes are gone")


def test_it_ends_on_a_signal_to_every_process_of_it(start_worker: Start) -> None:
    worker = start_worker()
    pids = worker.tree()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    assert worker.ended() == 0
    until(lambda: all_gone(pids), "all its processes are gone")


def test_a_running_task_that_looks_up_ends_by_itself(start_worker: Start, tmp_path: Path) -> None:
    worker = start_worker()
    worker.give("work_until_stopped", str(tmp_path / "sign"))
    until((tmp_path / "sign").exists, "the task runs")
    worker.process.terminate()
    assert worker.ended() == 0
    assert "do not answer" not in worker.log.read_text()


def test_a_running_task_that_does_not_hear_is_killed_after_the_grace(
    start_worker: Start, tmp_path: Path
) -> None:
    worker = start_worker("--grace", "1")
    worker.give("never_look_up", str(tmp_path / "sign"))
    until((tmp_path / "sign").exists, "the task runs")
    pids = worker.tree()
    worker.process.terminate()
    assert worker.ended() == 0
    until(lambda: all_gone(pids), "all its processes are gone")


@pytest.mark.parametrize("what", ["ready for work", "monitoring", "pushing tasks"])
def test_a_killed_child_ends_it_with_75(start_worker: Start, what: str) -> None:
    worker = start_worker()
    pids = worker.tree()
    os.kill(worker.named(what)[0], signal.SIGKILL)
    assert worker.ended() == 75
    until(lambda: all_gone(pids), "all its processes are gone")


def test_with_respawn_it_goes_on_after_its_idle_workers_were_killed(
    start_worker: Start, tmp_path: Path
) -> None:
    worker = start_worker("--respawn")
    before = worker.pool()
    for pid in worker.named("ready for work"):
        os.kill(pid, signal.SIGKILL)
    until(lambda: all_gone(before), "the old pool is gone")
    worker.wait_for_pool()
    worker.give("write", str(tmp_path / "sign"))
    until((tmp_path / "sign").exists, "the new pool works")


def test_with_respawn_it_goes_on_after_its_guard_was_killed(start_worker: Start, tmp_path: Path) -> None:
    worker = start_worker("--respawn")
    before = worker.pool()
    os.kill(worker.tree()[1], signal.SIGKILL)
    until(lambda: all_gone(before), "the old pool is gone")
    worker.wait_for_pool()
    worker.give("write", str(tmp_path / "sign"))
    until((tmp_path / "sign").exists, "the new pool works")


def test_nothing_is_left_when_the_worker_itself_is_killed(start_worker: Start) -> None:
    worker = start_worker()
    pids = worker.tree()
    worker.process.kill()
    worker.process.wait(5)
    until(lambda: all_gone(pids), "all its processes are gone")
