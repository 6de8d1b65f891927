"""The server as a process: how it starts, stops, is killed and comes back; what it serves besides Gemini's calls."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.genai import types

from tests.localgemini.conftest import MakeClient
from tests.localgemini.helpers import MODEL, jpeg, line
from tests.support.localgemini import ROOT, LocalGemini, mark_of
from tests.support.ports import kept_port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalGemini]:
    """A server of this test's own, with a folder of images."""
    images = tmp_path / "images"
    (images / "book").mkdir(parents=True)
    (images / "book" / "page 1.jpg").write_bytes(jpeg("one"))
    (images / "secret.txt").write_text("not an image")
    (images / ".hidden.jpg").write_bytes(jpeg("hidden"))
    (tmp_path / "outside.jpg").write_bytes(jpeg("outside"))
    (images / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    made = LocalGemini(tmp_path / "data", "none", "--images", str(images)).start()
    yield made
    made.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_told_to(server: LocalGemini, how: signal.Signals) -> None:
    assert server.stop(how) == 0
    assert server.log.read_text() == ""


def test_it_refuses_to_listen_on_an_outside_address(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "example.org", "::"):
        command = [sys.executable, "-m", "localgemini", "--host", host, "--data-dir", str(tmp_path)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == 2
        assert "loopback" in ended.stderr


def test_it_listens_on_the_port_that_it_is_given(tmp_path: Path) -> None:
    server = LocalGemini(tmp_path / "data")
    with kept_port() as port:
        server.port = port
        server.start()
        assert server.url == f"http://127.0.0.1:{port}"
        server.stop()


def test_it_serves_images_of_its_folder_and_nothing_else(server: LocalGemini) -> None:
    found = requests.get(f"{server.url}/images/book/page%201.jpg", timeout=10)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    assert found.content == jpeg("one")
    for path in ("secret.txt", ".hidden.jpg", "link.jpg", "book", "book/../../outside.jpg", "none.jpg",
                 "%2e%2e/outside.jpg", "..%2foutside.jpg", "%2fetc/passwd"):  # fmt: skip
        request = requests.Request("GET", server.url).prepare()
        request.url = f"{server.url}/images/{path}"
        with requests.Session() as session:
            assert session.send(request, timeout=10).status_code == 404, path


def test_i16_it_forgets_nothing_when_it_is_killed(server: LocalGemini, client_for: MakeClient) -> None:
    client = client_for(server)
    server.hold()
    server.fault("endpoint", endpoint="models_get", do="error", code=503)
    file = server.data_dir.parent / "batch.jsonl"
    file.write_bytes(line("a", jpeg("a")) + line("b", jpeg("b")))
    sent = client.files.upload(file=file, config={"mime_type": "jsonl", "name": "kept"})
    job = client.batches.create(model=MODEL, src=sent.name or "", config={"display_name": "kept"})
    server.advance(500)
    server.kill()
    server.start()
    assert client.files.get(name="files/kept").size_bytes == file.stat().st_size
    assert [found.display_name for found in client.batches.list()] == ["kept"]
    assert server.sent()["total"] == 2
    assert [fault["used"] for fault in server.faults()] == [0]
    assert server.control("GET", "clock")["offset"] == 500
    server.release()
    server.wait_until_done()
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_SUCCEEDED


def test_i16_it_goes_on_with_a_batch_after_any_number_of_kills(
    server: LocalGemini, client_for: MakeClient
) -> None:
    client = client_for(server)
    images = {f"p{number}": jpeg(f"page {number}") for number in range(6000)}
    file = server.data_dir.parent / "batch.jsonl"
    file.write_bytes(b"".join(line(key, image) for key, image in images.items()))
    sent = client.files.upload(file=file, config={"mime_type": "jsonl"})
    job = client.batches.create(model=MODEL, src=sent.name or "")
    server.wait_for(lambda: server.batches()[0]["stage"] == "working")
    for _ in range(3):
        server.kill()
        server.start()
    server.wait_until_done(60)
    name = client.batches.get(name=job.name or "").dest
    rows = client.files.download(file=name.file_name or "" if name else "").decode().splitlines()
    assert len(rows) == len(images)
    assert all(mark_of(image) in row for image, row in zip(images.values(), rows, strict=True))


def test_a_batch_that_could_not_be_written_goes_on_when_it_can(
    server: LocalGemini, client_for: MakeClient
) -> None:
    client = client_for(server)
    file = server.data_dir.parent / "batch.jsonl"
    file.write_bytes(line("p1", jpeg("one")))
    sent = client.files.upload(file=file, config={"mime_type": "jsonl"})
    # No test fills the disk; a file where the folder of results was refuses to be written as surely.
    work, aside = server.data_dir / "work", server.data_dir / "aside"
    work.rename(aside)
    work.touch()
    job = client.batches.create(model=MODEL, src=sent.name or "")
    server.wait_for(lambda: "waits for" in server.log.read_text())
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_RUNNING
    work.unlink()
    aside.rename(work)
    server.wait_until_done()
    assert client.batches.get(name=job.name or "").state == types.JobState.JOB_STATE_SUCCEEDED


def test_it_finishes_an_upload_that_a_kill_interrupted(server: LocalGemini) -> None:
    headers = {
        "x-goog-api-key": "k",
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
    }
    answer = requests.post(
        f"{server.url}/upload/v1beta/files", json={"file": {}}, headers=headers, timeout=10
    )
    address = answer.headers["x-goog-upload-url"]
    first = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}
    requests.post(address, data=b"abc", headers=first, timeout=10)
    server.kill()
    server.start()
    last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "3"}
    assert requests.post(address, data=b"def", headers=last, timeout=10).json()["file"]["sizeBytes"] == "6"


def test_a_data_directory_from_before_the_limit_of_tokens_goes_on_being_used(
    server: LocalGemini, client_for: MakeClient
) -> None:
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data_dir / "state.db")) as state:
        state.execute("ALTER TABLE batch DROP COLUMN tokens")
    client = client_for(server.start())
    request = types.InlinedRequest(contents=types.UserContent("Translate: amo"))
    server.settings(enqueued_tokens_limit=1000)
    job = client.batches.create(model=MODEL, src=[request])
    assert job.state == types.JobState.JOB_STATE_PENDING
    assert server.batches()[0]["tokens"] == 4


def test_it_is_empty_after_a_reset(server: LocalGemini, client_for: MakeClient) -> None:
    client = client_for(server)
    file = server.data_dir.parent / "batch.jsonl"
    file.write_bytes(line("a", jpeg()))
    sent = client.files.upload(file=file, config={"mime_type": "jsonl"})
    server.hold()
    client.batches.create(model=MODEL, src=sent.name or "")
    server.reset()
    assert (server.batches(), server.files(), server.journal(), server.faults()) == ([], [], [], [])
    assert server.sent()["total"] == 0
    left = [path for path in server.data_dir.rglob("*") if path.is_file() and path.parent != server.data_dir]
    assert left == []


def test_it_accepts_only_the_keys_of_the_command_line(tmp_path: Path) -> None:
    server = LocalGemini(tmp_path / "data", "none", "--api-key", "one", "--api-key", "two").start()
    address = f"{server.url}/v1beta/models"
    codes = [
        requests.get(address, headers={"x-goog-api-key": key}, timeout=10).status_code
        for key in ("one", "two", "three")
    ]
    server.stop()
    assert codes == [200, 200, 400]


def test_it_does_not_open_the_side_door_to_web_pages(server: LocalGemini) -> None:
    server.hold()
    foreign = {"Origin": "http://example.org"}
    assert requests.post(f"{server.url}/control/reset", headers=foreign, timeout=10).status_code == 403
    assert server.settings()["hold"] is True


def test_it_sweeps_uploads_that_nobody_finished(server: LocalGemini) -> None:
    headers = {"x-goog-api-key": "k", "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    requests.post(f"{server.url}/upload/v1beta/files", json={"file": {}}, headers=headers, timeout=10)
    assert len(list((server.data_dir / "uploads").iterdir())) == 1
    server.advance(48 * 3600 + 1)
    server.wait_for(lambda: not list((server.data_dir / "uploads").iterdir()))


def test_it_imports_nothing_of_the_product() -> None:
    code = (
        "import sys, localgemini.server, localgemini.engines.made_up\n"
        "ours = {'sourcebatch', 'jobs', 'books', 'django', 'google', 'rapidocr', 'cv2'}\n"
        "print(sorted(ours & {name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"
