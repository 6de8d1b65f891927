"""Uploading, listing, deleting and downloading files, through the SDK and by hand."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types

from tests.localgemini.conftest import MakeClient
from tests.localgemini.helpers import MODEL, jpeg, line
from tests.support.localgemini import LocalGemini

Upload = Callable[..., types.File]
MB = 1024 * 1024


def start(server: LocalGemini, size: int, name: str = "by-hand") -> str:
    """Begin a resumable upload; the address of its pieces."""
    answer = requests.post(
        f"{server.url}/upload/v1beta/files",
        json={"file": {"name": f"files/{name}"}},
        headers={
            "x-goog-api-key": server.key,
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
        },
        timeout=10,
    )
    assert answer.headers["x-goog-upload-status"] == "active"
    return answer.headers["x-goog-upload-url"]


def piece(address: str, command: str, offset: int = 0, data: bytes = b"") -> requests.Response:
    headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
    return requests.post(address, data=data, headers=headers, timeout=10)


def test_it_keeps_the_name_that_the_client_chose(client: genai.Client, upload: Upload) -> None:
    sent = upload({"a": jpeg()}, "intent-17")
    found = client.files.get(name="files/intent-17")
    assert (sent.name, found.display_name, found.mime_type) == ("files/intent-17", "intent-17", "jsonl")
    assert found.state == types.FileState.ACTIVE
    assert found.source == types.FileSource.UPLOADED


def test_it_tells_size_hash_and_an_expiration_in_48_hours(upload: Upload) -> None:
    data = line("a", jpeg())
    sent = upload([data])
    assert sent.size_bytes == len(data)
    assert sent.sha256_hash
    assert base64.b64decode(sent.sha256_hash).decode() == hashlib.sha256(data).hexdigest()
    assert sent.expiration_time
    assert sent.create_time
    assert (sent.expiration_time - sent.create_time).total_seconds() == 48 * 3600


def test_it_takes_files_larger_than_one_piece_without_holding_them(
    gemini: LocalGemini, client: genai.Client
) -> None:
    def high_water() -> int:
        status = Path(f"/proc/{gemini.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    before = high_water()
    big = io.BytesIO(line("a", jpeg()) * 1 + b" " * (60 * MB))
    sent = client.files.upload(file=big, config={"mime_type": "jsonl"})
    assert sent.size_bytes == len(big.getvalue())
    assert gemini.counts()["upload_chunk"] == 7
    assert high_water() - before < 16


def test_it_lists_files_page_by_page(client: genai.Client, upload: Upload) -> None:
    names = [upload({"a": jpeg()}, f"file-{number}").name for number in range(7)]
    pager = client.files.list(config={"page_size": 3})
    assert pager.page_size == 3
    assert [file.name for file in pager] == names[::-1]


def test_it_forgets_a_deleted_file(client: genai.Client, upload: Upload) -> None:
    name = upload({"a": jpeg()}).name or ""
    client.files.delete(name=name)
    with pytest.raises(errors.ClientError) as refused:
        client.files.get(name=name)
    assert (refused.value.code, refused.value.status) == (403, "PERMISSION_DENIED")
    assert list(client.files.list()) == []


def test_it_answers_404_for_a_missing_file_where_a_test_wants_that(
    gemini: LocalGemini, client: genai.Client
) -> None:
    gemini.settings(missing_file_code=404)
    with pytest.raises(errors.ClientError) as refused:
        client.files.get(name="files/never")
    assert refused.value.code == 404


def test_it_does_not_give_uploaded_files_back(client: genai.Client, upload: Upload) -> None:
    with pytest.raises(errors.ClientError) as refused:
        client.files.download(file=upload({"a": jpeg()}).name or "")
    assert refused.value.code == 400


def test_it_refuses_a_name_twice_and_a_bad_name(client: genai.Client, upload: Upload) -> None:
    upload({"a": jpeg()}, "taken")
    for name, code in (("taken", 409), ("Upper", 400), ("x" * 41, 400), ("-dash", 400)):
        with pytest.raises(errors.ClientError) as refused:
            upload({"a": jpeg()}, name)
        assert refused.value.code == code, name


def test_it_frees_the_name_of_a_deleted_file(client: genai.Client, upload: Upload) -> None:
    upload({"a": jpeg()}, "again")
    client.files.delete(name="files/again")
    assert upload({"a": jpeg()}, "again").name == "files/again"


def test_it_goes_on_with_a_broken_upload_where_it_stopped(gemini: LocalGemini) -> None:
    address = start(gemini, 10)
    assert piece(address, "upload", 0, b"01234").headers["x-goog-upload-status"] == "active"
    asked = piece(address, "query")
    assert asked.headers["x-goog-upload-size-received"] == "5"
    done = piece(address, "upload, finalize", 5, b"56789")
    assert done.headers["x-goog-upload-status"] == "final"
    sha256 = base64.b64decode(done.json()["file"]["sha256Hash"]).decode()
    assert sha256 == hashlib.sha256(b"0123456789").hexdigest()


def test_it_tells_a_finished_upload_again_when_it_is_asked(gemini: LocalGemini) -> None:
    address = start(gemini, 2)
    first = piece(address, "upload, finalize", 0, b"ab")
    for again in (piece(address, "query"), piece(address, "upload, finalize", 0, b"ab")):
        assert again.headers["x-goog-upload-status"] == "final"
        assert again.json() == first.json()


def test_it_takes_a_piece_again_over_what_it_has(gemini: LocalGemini) -> None:
    address = start(gemini, 4)
    piece(address, "upload", 0, b"abcd")
    done = piece(address, "upload, finalize", 2, b"CD").json()["file"]
    assert base64.b64decode(done["sha256Hash"]).decode() == hashlib.sha256(b"abCD").hexdigest()


@pytest.mark.parametrize(
    ("command", "offset", "data"),
    [("upload, finalize", 3, b"abc"), ("upload, finalize", 0, b"abc"), ("upload, finalize", 0, b"abcdef")],
)
def test_it_refuses_gaps_and_wrong_sizes(gemini: LocalGemini, command: str, offset: int, data: bytes) -> None:
    answer = piece(start(gemini, 4), command, offset, data)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_it_answers_a_bad_offset_with_400(gemini: LocalGemini) -> None:
    headers = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "minus one"}
    assert requests.post(start(gemini, 4), headers=headers, timeout=10).status_code == 400


def test_it_forgets_a_cancelled_upload(gemini: LocalGemini) -> None:
    address = start(gemini, 4)
    assert piece(address, "cancel").status_code == 200
    assert piece(address, "query").status_code == 404


def test_it_refuses_more_than_2_gb_and_more_than_the_quota(gemini: LocalGemini, upload: Upload) -> None:
    wish = {
        "x-goog-api-key": gemini.key,
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
    }
    wish["X-Goog-Upload-Header-Content-Length"] = str(2 * 1024 * MB + 1)
    address = f"{gemini.url}/upload/v1beta/files"
    assert requests.post(address, json={"file": {}}, headers=wish, timeout=10).status_code == 400
    gemini.settings(file_quota_bytes=1000)
    with pytest.raises(errors.ClientError) as refused:
        upload([b"x" * 1001])
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_the_quota_is_looked_at_again_when_an_upload_ends(gemini: LocalGemini) -> None:
    gemini.settings(file_quota_bytes=10)
    first, second = start(gemini, 6, "first"), start(gemini, 6, "second")
    assert piece(first, "upload, finalize", 0, b"123456").status_code == 200
    assert piece(second, "upload, finalize", 0, b"123456").status_code == 429
    assert [file["name"] for file in gemini.files()] == ["files/first"]


def test_it_deletes_files_after_48_simulated_hours(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    name = upload({"a": jpeg()}).name or ""
    gemini.advance(48 * 3600 - 60)
    assert client.files.get(name=name).state == types.FileState.ACTIVE
    gemini.advance(61)
    with pytest.raises(errors.ClientError):
        client.files.get(name=name)
    gemini.wait_for(lambda: not list((gemini.data_dir / "files").iterdir()))


def test_it_can_be_slow_to_make_a_file_active(
    gemini: LocalGemini, client: genai.Client, upload: Upload
) -> None:
    gemini.settings(processing_polls=2)
    name = upload({"a": jpeg()}).name or ""
    with pytest.raises(errors.ClientError) as refused:
        client.batches.create(model=MODEL, src=name)
    assert refused.value.status == "FAILED_PRECONDITION"
    states = [client.files.get(name=name).state for _ in range(3)]
    assert states == [types.FileState.PROCESSING, types.FileState.PROCESSING, types.FileState.ACTIVE]


def test_it_shows_files_to_nobody_but_their_owner(
    gemini: LocalGemini, client_for: MakeClient, upload: Upload
) -> None:
    name = upload({"a": jpeg()}, "mine").name or ""
    other = client_for(gemini, "another-key")
    assert list(other.files.list()) == []
    for call in (other.files.get, other.files.delete):
        with pytest.raises(errors.ClientError) as refused:
            call(name=name)
        assert refused.value.code == 403


def test_it_can_refuse_long_names_as_google_did(
    gemini: LocalGemini, client: genai.Client, upload: Upload, finish: Any, results: Any
) -> None:
    job = client.batches.create(model=MODEL, src=upload({"a": jpeg()}).name or "")
    job = finish(job.name)
    gemini.settings(refuse_long_names=True)
    with pytest.raises(errors.ClientError) as refused:
        client.files.delete(name=job.dest.file_name)
    assert "40 characters" in str(refused.value.message)
    assert len(results(job)) == 1
