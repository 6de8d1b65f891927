"""What every test has. Servers (localgemini, image origins) are fixtures of tests/support, taken where needed."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import in_mongodb

ROOT = Path(__file__).resolve().parents[1]
# Whole processes, browsers, kills and crowds: `make test` leaves them to `make test-slow`, .ci/run does both.
SLOW_FOLDERS = {
    "backup",
    "browser",
    "incidents",
    "machines",
    "scale",
    "scripts",
    "second_reading",
    "security",
    "storage",
    "tooling",
    "torture",
    "worker",
}
LIBRARY_IN_MONGODB = os.environ.get("LIBRARY_DATABASE_URL", "").startswith("mongodb")
MONGOD = ROOT / "var" / "mongod" / "fiftyone" / "db" / "bin" / "mongod"


def mongod() -> str | None:
    """The MongoDB server to test against: $MONGOD, the one `scripts/mongod.py` installed, or the system's."""
    given = os.environ.get("MONGOD")
    return given or (str(MONGOD) if MONGOD.exists() else shutil.which("mongod"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, by folder; tests on a real MongoDB share one, and wait until there is one."""
    if LIBRARY_IN_MONGODB:
        in_mongodb.marked(items)
    missing = pytest.mark.skip(reason="no mongod here: python scripts/mongod.py installs one for tests")
    for item in items:
        if item.path.relative_to(ROOT).parts[1] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("mongodb"):
            item.add_marker(pytest.mark.xdist_group("mongodb"))
            if mongod() is None:
                item.add_marker(missing)


@pytest.fixture(scope="session")
def _tidied(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[], None]]:
    with django_db_blocker.unblock():
        yield from in_mongodb.tidied()


@pytest.fixture(autouse=LIBRARY_IN_MONGODB)
def _tidy_library(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """With the library in MongoDB: what a test wrote there goes again."""
    if request.node.get_closest_marker("django_db") is None:
        yield
        return
    tidy: Callable[[], None] = request.getfixturevalue("_tidied")
    yield
    with django_db_blocker.unblock():
        tidy()
