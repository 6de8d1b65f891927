"""What the worker under test is given to do."""

import time
from pathlib import Path

from sourcebatch.lib.stop import stop_requested


def write(path: str) -> None:
    """Leave a sign of having run."""
    Path(path).write_text("done", encoding="ascii")


def work_until_stopped(path: str) -> None:
    """A long task that looks up now and then, as ours do."""
    write(path)
    until = time.monotonic() + 120
    while time.monotonic() < until and not stop_requested():
        time.sleep(0.05)


def never_look_up(path: str) -> None:
    """A long task that does not hear."""
    write(path)
    time.sleep(120)
