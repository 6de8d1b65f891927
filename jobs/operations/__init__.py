"""The registry of operations: every module in this package that defines an `OPERATION` is one, by being
there.
"""

import importlib
import pkgutil
from functools import cache

from django_stubs_ext import StrPromise

from jobs.operations.base import Operation


@cache
def operations() -> dict[str, Operation]:
    """All operations by their type, in the order of their modules' names."""
    found: dict[str, Operation] = {}
    for module in pkgutil.iter_modules(__path__):
        operation = getattr(importlib.import_module(f"{__name__}.{module.name}"), "OPERATION", None)
        if isinstance(operation, Operation):
            found[operation.type] = operation
    return found


def operation(type_: str) -> Operation:
    """The operation of a job type; KeyError names the types there are."""
    try:
        return operations()[type_]
    except KeyError:
        raise KeyError(f"There is no job type {type_!r}: use one of {', '.join(operations())}.") from None


def type_choices() -> list[tuple[str, str | StrPromise]]:
    """Choices for a model field: a callable, so that a new operation needs no migration."""
    return [(found.type, found.label) for found in operations().values()]
