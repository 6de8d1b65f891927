"""The servers that a run needs, as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def origin(folder: Path) -> Iterator[str]:
    """An image server; yields its address. Result files are served from `folder`."""
    with _started([sys.executable, "-m", "bench.origin", str(folder)]) as address:
        yield address


@contextmanager
def gemini(folder: Path) -> Iterator[str]:
    """localgemini without OCR; yields its address."""
    command = [
        sys.executable,
        "-m",
        "localgemini",
        "--port",
        "0",
        "--data-dir",
        str(folder),
        "--engine",
        "none",
    ]
    with _started(command) as address:
        yield address


@contextmanager
def _started(command: list[str]) -> Iterator[str]:
    """The process while it is needed; its address is the first line it prints."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"LOG_LEVEL": "ERROR"}
    )
    try:
        assert process.stdout
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"{' '.join(command)} did not start.")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def forget(address: str, delay: float = 0.0) -> None:
    """Empty localgemini; from now on every call to it takes `delay` seconds longer."""
    requests.post(f"{address}/control/reset", timeout=60).raise_for_status()
    if delay:
        fault = {"kind": "endpoint", "endpoint": "*", "do": "delay", "seconds": delay, "times": None}
        requests.post(f"{address}/control/faults", json=fault, timeout=60).raise_for_status()


def calls(address: str) -> dict[str, int]:
    """How many calls localgemini has had since it was emptied, by endpoint."""
    counts: dict[str, int] = requests.get(f"{address}/control/journal", timeout=60).json()["counts"]
    return counts
