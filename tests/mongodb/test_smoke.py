"""The library in a real MongoDB: migrate, create a job, one job to the end."""

from collections.abc import Callable
from pathlib import Path

import pymongo
import pytest

from tests.mongodb.conftest import Manage, running

pytestmark = [pytest.mark.mongodb, pytest.mark.slow]


def test_a_book_is_transcribed_with_its_library_in_mongodb(
    replica_set: str, manage: Callable[[str], Manage]
) -> None:
    call = manage(replica_set)
    for words in [
        ("migrate", "-v", "0"), ("migrate", "-v", "0", "--database", "library"), ("import_sample",),
        ("create_jobs", "--all", "--needs", "ocr"), ("advance_jobs", "--until-done", "--timeout", "60"),
    ]:  # fmt: skip
        done = call(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert "Batch job completed: 12 succeeded, 0 failed" in done.stdout
    assert call("check_library", "--files").stdout == "Everything is in order.\n"
    with pymongo.MongoClient[dict[str, object]](replica_set) as client:
        library = client["library"]
        assert library["jobs"].count_documents({"status": "completed"}) == 1
        assert library["page_texts"].count_documents({"is_current": True}) == 12
        assert library["batch_preparations"].count_documents({}) == 0


def test_a_mongodb_without_a_replica_set_is_refused(tmp_path: Path, manage: Callable[[str], Manage]) -> None:
    with running(tmp_path / "alone") as port:
        done = manage(f"mongodb://127.0.0.1:{port}/library")("migrate", "--database", "library")
    assert done.returncode == 1
    assert "MongoDB runs alone, without a replica set, so it has no transactions." in done.stderr
