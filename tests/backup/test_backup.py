"""What is in a back-up, what a restore refuses, and what it makes of things that have happened since."""

import io
import tarfile
import threading
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from books.models import Book
from jobs import lifecycle
from jobs.lifecycle import segments
from jobs.lifecycle.common import figures
from jobs.models import BatchPreparation, GeminiBatch, Heartbeat, Job, Stage, Status
from sourcebatch.backup import BackupError, restore, take
from sourcebatch.backup.archive import members
from sourcebatch.lib.adminlog import MACHINE
from tests.incidents.support import (
    TESTER,
    assert_books_balance,
    assert_each_page_has_its_own_text,
    failing_step,
    make_book,
    order_ocr,
    run_patiently,
    step,
)
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return tmp_path / "library.tar"


def lose_everything() -> None:
    """A new machine: no rows of ours, no files."""
    call_command("flush", interactive=False, verbosity=0)
    for name in list(stored("")):
        default_storage.delete(name)


def stored(folder: str) -> list[str]:
    folders, names = default_storage.listdir(folder)
    prefix = f"{folder}/" if folder else ""
    return [prefix + name for name in names] + [one for sub in folders for one in stored(prefix + sub)]


def content(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def test_books_texts_people_and_images_come_back(tar: Path, local: LocalGemini) -> None:
    book = make_book(3)
    run_patiently(order_ocr(book))
    User.objects.create_user("anna", password="x")
    before = {name: content(name) for name in stored("") if name.startswith("tests/")}
    take(tar)
    lose_everything()
    report = restore(tar)
    assert_each_page_has_its_own_text(Book.objects.get())
    assert User.objects.exclude(username=MACHINE).get().check_password("x")
    assert {name: content(name) for name in before} == before
    assert (report.missing, report.paused) == ([], 0)
    Book.objects.create(title="Ids go on where they were")
    User.objects.create_user("berta")


def test_it_is_readable_by_its_owner_alone_and_holds_no_key(tar: Path) -> None:
    make_book(1)
    (django_settings.DATA_DIR / "secret_key").write_text("distinctive-secret-key")
    try:
        take(tar)
    finally:
        (django_settings.DATA_DIR / "secret_key").unlink()
    assert tar.stat().st_mode & 0o777 == 0o600
    assert b"distinctive-secret-key" not in tar.read_bytes()
    assert django_settings.GEMINI_API_KEY.encode() not in tar.read_bytes()


def test_sessions_do_not_come_back(tar: Path, client: Client) -> None:
    client.force_login(User.objects.create_superuser("anna", password="x"))
    take(tar)
    assert client.get("/admin/").status_code == 200
    restore(tar, force=True)
    assert client.get("/admin/").status_code == 302


def test_a_file_that_was_lost_before_is_named_and_stops_nothing(tar: Path) -> None:
    book = make_book(2)
    lost = book.pages.get(number=1).image_file
    default_storage.delete(lost)
    assert take(tar).missing == [lost]
    assert restore(tar, force=True).missing == [lost]


# --- Refusals ---


def test_it_does_not_replace_books_unless_told_so(tar: Path) -> None:
    make_book(1, title="First")
    take(tar)
    Book.objects.update(title="Later")
    with pytest.raises(BackupError, match="--force"):
        restore(tar)
    assert Book.objects.get().title == "Later"
    restore(tar, force=True)
    assert Book.objects.get().title == "First"


def test_it_does_not_replace_a_database_under_a_worker(tar: Path) -> None:
    take(tar)
    Heartbeat.beat("worker")
    with pytest.raises(BackupError, match="stop worker"):
        restore(tar, force=True)


def test_it_does_not_write_over_a_back_up(tar: Path) -> None:
    take(tar)
    size = tar.stat().st_size
    with pytest.raises(BackupError, match="exists already"):
        take(tar)
    assert tar.stat().st_size == size


@pytest.mark.parametrize("harm", ["cut", "bit", "empty", "no tar", "gone"])
def test_a_damaged_back_up_changes_nothing(tar: Path, harm: str) -> None:
    make_book(2, title="Before")
    take(tar)
    whole = tar.read_bytes()
    middle = len(whole) // 2
    if harm == "gone":
        tar.unlink()
    else:
        bit = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        tar.write_bytes({"cut": whole[:middle], "bit": bit, "empty": b"", "no tar": b"x" * 5000}[harm])
    Book.objects.update(title="Now")
    with pytest.raises(BackupError):
        restore(tar, force=True)
    assert Book.objects.get().title == "Now"


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "files/../../escape", "other/x"])
def test_a_foreign_tar_writes_nowhere(tar: Path, name: str) -> None:
    with tarfile.open(tar, "w") as made:
        info = tarfile.TarInfo(name)
        info.size = 1
        made.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(BackupError, match="no back-up of ours"):
        restore(tar, force=True)
    assert not list(tar.parent.rglob("escape"))


def test_the_commands_say_what_happened_in_sentences(tar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_book(1)
    call_command("backup", str(tar))
    assert "MB in all" in capsys.readouterr().out
    with pytest.raises(CommandError, match="--force"):
        call_command("restore", str(tar))
    call_command("restore", str(tar), "--force")
    assert "Restored the state of" in capsys.readouterr().out


# --- What has happened since ---


def test_what_was_sent_after_the_back_up_is_not_sent_again(tar: Path, local: LocalGemini) -> None:
    job = order_ocr(make_book(3))
    step(job)
    take(tar)
    step(job)
    sent = GeminiBatch.objects.get().display_name
    report = restore(tar, force=True)
    assert (report.unknown, report.paused) == ([sent], 1)
    assert Job.objects.get().status == Status.PAUSED
    assert lifecycle.advance(job.pk, TESTER).payload["paused"]
    assert len(local.journal("create")) == 1


def test_without_gemini_nobody_knows_what_was_sent_so_jobs_wait(tar: Path, local: LocalGemini) -> None:
    step(order_ocr(make_book(2)))
    take(tar)
    local.fault("endpoint", endpoint="batches_list", do="error", code=400, times=None)
    report = restore(tar, force=True)
    assert report.unasked
    assert Job.objects.get().status == Status.PAUSED


def test_a_batch_that_was_about_to_be_sent_is_looked_for_first(
    tar: Path, local: LocalGemini, settings: Settings
) -> None:
    settings.INLINE_MAX_PAGES = 0
    local.fault("endpoint", endpoint="upload_start", do="error", code=429, times=1)
    book = make_book(3)
    job = order_ocr(book)
    step(job)
    failing_step(job)
    assert GeminiBatch.objects.get().stage == Stage.INTENT
    assert GeminiBatch.objects.get().create_called_at is None
    take(tar)
    while GeminiBatch.objects.get().stage == Stage.INTENT:
        step(job)
    lose_everything()
    restore(tar)
    assert Job.objects.get().status == Status.PROCESSING
    run_patiently(Job.objects.get())
    assert len(local.journal("create")) == 1
    assert_each_page_has_its_own_text(Book.objects.get())


def test_preparations_that_are_under_way_come_back_whole(
    tar: Path, local: LocalGemini, settings: Settings
) -> None:
    settings.PREPARE_CHUNK_SIZE = 2
    book = make_book(5)
    job = order_ocr(book)
    step(job)
    step(job)
    take(tar)
    lose_everything()
    restore(tar)
    for preparation in BatchPreparation.objects.all():
        assert segments.read(preparation)
    run_patiently(Job.objects.get())
    assert_each_page_has_its_own_text(Book.objects.get())
    assert_books_balance()


def test_files_that_come_and_go_during_the_back_up_are_there_when_the_rows_are(tar: Path) -> None:
    job = order_ocr(make_book(3))
    rows, stop = list(job.ledger.all()), threading.Event()

    def prepare_and_forget() -> None:
        try:
            while not stop.is_set():
                lines = segments.write(job.pk, [b"x" * 20_000 + b"\n" for _ in rows])
                BatchPreparation.objects.bulk_create(
                    BatchPreparation(
                        job=job, page_id=row.page_id, key=row.pk, segment=line.segment, offset=line.offset,
                        length=line.length, line_sha256=line.sha256,
                    )
                    for row, line in zip(rows, lines, strict=True)
                )  # fmt: skip
                BatchPreparation.objects.all().delete()
                segments.remove(job.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=prepare_and_forget)
    thread.start()
    try:
        for turn in range(8):
            taken = take(tar.with_name(f"{turn}.tar"))
            assert taken.missing == []
    finally:
        stop.set()
        thread.join()
    for turn in range(8):
        assert {name.partition("/")[0] for name, _ in members(tar.with_name(f"{turn}.tar"))} >= {
            "database",
            "files",
        }
    restore(tar.with_name("7.tar"), force=True)
    assert all(segments.read(one) for one in BatchPreparation.objects.all())
    assert figures(job.pk).requested == 3
