"""The whole way of a job with its files in a real S3 server, and what the rest of the program relies on there."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage
from django.core.management import call_command
from pytest_django.fixtures import Settings

from books.admin import import_source
from books.models import PageText
from jobs import lifecycle
from jobs.lifecycle import Actor, segments
from jobs.models import BatchPreparation
from sourcebatch.lib.storage import entry, has, ranged
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.slow


def asked_ranges(store: Any) -> list[str]:
    """The ranges of bytes that are asked for from now on."""
    seen: list[str] = []
    store.connection.meta.client.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: seen.append(params["headers"].get("Range", "all"))
    )
    return seen


def test_a_file_comes_back_and_no_other_is_written_over_it(store: Storage) -> None:
    first, second = (
        store.save("images/a.jpg", ContentFile(b"one")),
        store.save("images/a.jpg", ContentFile(b"two")),
    )
    assert first == "images/a.jpg" != second
    with store.open(first, "rb") as file:
        assert file.read() == b"one"
    assert (store.size(second), has(store, "images"), has(store, "nothing")) == (3, True, False)
    store.delete(first)
    assert not store.exists(first)
    for wrong in (
        lambda: store.open(first, "rb"),
        lambda: ranged(store, first).read(1),
        lambda: store.size(first),
    ):
        with pytest.raises(FileNotFoundError):
            wrong()


def test_only_the_bytes_that_are_wanted_are_fetched(store: Storage) -> None:
    name = store.save("numbers", ContentFile(bytes(range(100))))
    seen = asked_ranges(store)
    with ranged(store, name) as file:
        file.seek(10)
        assert file.read(5) == bytes(range(10, 15))
        assert file.read(200) == bytes(range(15, 100))
        assert file.read(5) == b""
        with pytest.raises(io.UnsupportedOperation):
            file.read()
    assert seen == ["bytes=10-14", "bytes=15-214", "bytes=100-104"]


@pytest.mark.django_db
def test_a_book_is_transcribed_with_its_files_in_s3(
    store: Storage, local: LocalGemini, settings: Settings, tmp_path: Path
) -> None:
    settings.INLINE_MAX_PAGES = 0
    book = make_book(6)
    job = order_ocr(book)
    settings.PREPARE_CHUNK_SIZE = 3
    for _ in range(2):
        lifecycle.advance(job.pk, TESTER)
    prepared = list(BatchPreparation.objects.filter(job=job).order_by("page__number"))
    assert len({one.segment for one in prepared}) == 2
    seen = asked_ranges(store)
    assert segments.read(prepared[1]).startswith(b'{"key"')
    assert seen == [f"bytes={prepared[1].offset}-{prepared[1].offset + prepared[1].length - 1}"]
    assert run(job).steps[-1]["message"] == "Batch job completed: 6 succeeded, 0 failed"
    # Sent by reading each byte once, in pieces of neighbouring lines.
    pieces = [tuple(map(int, one.removeprefix("bytes=").split("-"))) for one in seen[1:]]
    assert sum(end + 1 - start for start, end in pieces) == sum(one.length for one in prepared)
    assert 2 <= len(pieces) <= 6
    assert PageText.objects.current().filter(page__book=book).count() == 6
    assert not has(store, "segments")
    call_command("check_library", files=True)
    assert not (settings.DATA_DIR / "files" / "segments" / job.pk).exists()


@pytest.mark.django_db
def test_rubbish_is_swept_there_too(store: Storage, local: LocalGemini) -> None:
    store.save("segments/no-such-job/lost.jsonl", ContentFile(b"{}"))
    store.save(f"{import_source.FOLDER}/new", ContentFile(b"x"))
    assert lifecycle.sweep(Actor("schedule", "schedule"))["segments"] == 1
    assert not has(store, "segments")
    import_source.sweep()
    assert has(store, import_source.FOLDER)


@pytest.mark.parametrize("url", ["https://bucket", "s3://", "s3:///prefix", "s3://bucket?wrong=1"])
def test_an_address_that_is_none_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="STORAGE_URL is no address of a store") as caught:
        entry(url.replace("://", "://id:hidden@"))
    assert "hidden" not in str(caught.value)


def test_without_an_address_files_are_in_a_folder() -> None:
    assert default_storage.path("a").endswith("/files/a")
