"""Whether this process was told to stop, visible in every process forked from it.

Shared memory without a lock: a lock may die with the process that holds it.
"""

from multiprocessing.sharedctypes import RawValue

_stop = RawValue("b", 0)


def request_stop() -> None:
    """From now on long work should end after its present step."""
    _stop.value = 1


def stop_requested() -> bool:
    """Whether long work should end after its present step."""
    return bool(_stop.value)
