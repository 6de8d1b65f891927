"""The suite with the library in MongoDB: each test finds its collections as migrations left them.

MongoDB rolls nothing back at the end of a test as SQL does, so what a test wrote is put right again afterwards.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connections, transaction
from django.test import TestCase

from sourcebatch.lib.db import LIBRARY_APPS

USES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


def marked(items: list[pytest.Item]) -> None:
    """Let every test that has a database have both."""
    # Django would empty all tables after each test because one of the databases has no transactions to roll back.
    features: Any = type(connections["library"].features)
    features.supports_transactions = True
    _Rollback.install()
    for item in items:
        mark = item.get_closest_marker("django_db")
        if mark or USES & set(getattr(item, "fixturenames", ())):
            options = {**(mark.kwargs if mark else {}), "databases": ["default", "library"]}
            item.add_marker(pytest.mark.django_db(**options), append=False)


class _Rollback:
    """Django's TestCase, but with a transaction around the test in SQL alone."""

    @classmethod
    def install(cls) -> None:
        case: Any = TestCase
        case._enter_atomics, case._rollback_atomics = classmethod(cls.enter), classmethod(cls.roll_back)

    @staticmethod
    def enter(case: Any) -> dict[str, Any]:
        atomic: Any = transaction.atomic(using="default")
        atomic._from_testcase = True
        atomic.__enter__()
        return {"default": atomic}

    @staticmethod
    def roll_back(case: Any, atomics: dict[str, Any]) -> None:
        transaction.set_rollback(True, using="default")
        atomics["default"].__exit__(None, None, None)


def tidied() -> Iterator[Callable[[], None]]:
    """Once in a session: gives the function that makes all collections as they are now."""
    database: Any = connections["library"].database  # type: ignore[attr-defined]
    models = [model for label in LIBRARY_APPS for model in apps.get_app_config(label).get_models()]
    names = [model._meta.db_table for model in models]
    before = {name: _all(database, name) for name in names}

    def tidy() -> None:
        for name in names:
            if not before[name]:
                database[name].delete_many({})
            elif _all(database, name) != before[name]:
                database[name].delete_many({})
                database[name].insert_many(before[name])

    yield tidy


def _all(database: Any, name: str) -> list[dict[str, Any]]:
    return list(database[name].find(sort=[("_id", 1)]))
