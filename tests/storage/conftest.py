"""The S3 server of a session, and a bucket for each test."""

from collections.abc import Iterator

import pytest
from django.core.files.storage import Storage, default_storage
from pytest_django.fixtures import Settings

from sourcebatch.lib.ids import new_id
from sourcebatch.lib.storage import entry
from tests.jobs.conftest import gemini, gemini_process, local
from tests.support import s3

__all__ = ["gemini", "gemini_process", "local"]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    with s3.running(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address


@pytest.fixture
def store(s3_server: str, settings: Settings) -> Iterator[Storage]:
    """The product's storage in a bucket of its own."""
    url = s3.bucket(s3_server, new_id())
    settings.STORAGES = {**settings.STORAGES, "default": entry(url)}
    yield default_storage
    default_storage.connection.meta.client.close()  # type: ignore[attr-defined]
