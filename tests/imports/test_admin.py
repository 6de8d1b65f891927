"""The import page of the admin: previews with thumbnails, files of every kind, collections, large uploads."""

import io
import json
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ, Task
from PIL import Image
from pytest_django.fixtures import Settings

from books import tasks
from books.admin import import_page
from books.models import Book, Page
from sourcebatch.lib.clock import now
from tests.admin.conftest import as_role, boss
from tests.admin.test_import_page import confirm, hand_in, manifest
from tests.admin.test_orders import said
from tests.books.importers.test_picture import shades, tiff
from tests.books.importers.test_spreads import spread
from tests.support.origin import Answer, Origin
from tests.support.pages import jpeg, printed

__all__ = ["as_role", "boss"]
pytestmark = pytest.mark.django_db
PREVIEW = "admin:books_book_import_preview"


def queued() -> list[tuple[str, tuple[Any, ...]]]:
    """Function and arguments of each task that waits."""
    return [(row.task["func"], row.task["args"]) for row in OrmQ.objects.order_by("pk")]


def work() -> list[dict[str, Any]]:
    """Do what a worker would, also what is queued meanwhile."""
    done: list[dict[str, Any]] = []
    while rows := list(OrmQ.objects.order_by("pk")):
        for row in rows:
            task = row.task
            row.delete()
            done.append(getattr(tasks, task["func"].rpartition(".")[2])(*task["args"]))
    return done


def look(boss: Client) -> str:
    return boss.get(reverse(PREVIEW)).content.decode()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, raw in files.items():
            packed.writestr(f"{name}.jpg", raw)
    return out.getvalue()


def test_several_images_at_once_are_one_book_in_natural_order(boss: Client) -> None:
    files = [SimpleUploadedFile(f"page{n}.jpg", printed(n, 300, 400), "image/jpeg") for n in (10, 2, 1)]
    answer = boss.post(reverse("admin:books_book_import"), {"url": "", "file": files})
    assert answer.status_code == 302
    assert "Import 3 pages" in look(boss)
    confirm(boss)
    names = Page.objects.order_by("number").values_list("canvas_id", flat=True)
    assert list(names) == ["file:page1.jpg", "file:page2.jpg", "file:page10.jpg"]


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [("scan.tif", tiff(*shades(1, 99, 200)), 3), ("leaf.png", jpeg(Image.new("RGB", (300, 400))), 1),
     ("scans.zip", archive(a=printed(1, 300, 400), b=printed(2, 300, 400)), 2)],
)  # fmt: skip
def test_images_that_come_along_are_shown_before_anything_is_written(
    boss: Client, name: str, content: bytes, count: int
) -> None:
    hand_in(boss, content, name)
    assert look(boss).count("data:image/jpeg;base64,") == count
    assert not Book.objects.exists()
    confirm(boss)
    assert Page.objects.count() == count


def with_images(origin: Origin) -> bytes:
    raw = json.loads(manifest(8))
    for number, canvas in enumerate(raw["sequences"][0]["canvases"], 1):
        canvas["images"][0]["resource"]["@id"] = origin.page(number)
    return json.dumps(raw).encode()


def test_images_at_the_library_are_fetched_small_when_they_are_shown(boss: Client, origin: Origin) -> None:
    hand_in(boss, with_images(origin))
    shown = look(boss)
    assert not origin.requests
    addresses = [reverse("admin:books_book_import_thumbnail", args=[n]) for n in range(1, 8)]
    assert [address in shown for address in addresses] == [True] * 6 + [False]
    answer = boss.get(addresses[1])
    with Image.open(io.BytesIO(answer.content)) as image:
        assert max(image.size) == 160
    assert list(origin.requests) == ["/page/2.jpg"]


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_thumbnail_that_cannot_be_had_is_a_placeholder(boss: Client, number: int) -> None:
    address = reverse("admin:books_book_import_thumbnail", args=[number])
    assert boss.get(address)["Content-Type"] == "image/svg+xml"
    hand_in(boss, manifest(2))
    assert boss.get(address)["Content-Type"] == "image/svg+xml"


def test_spreads_are_split_when_that_is_ticked_and_only_at_first(boss: Client) -> None:
    raw = archive(a=jpeg(spread()))
    hand_in(boss, raw, "scans.zip")
    assert 'name="split"' in look(boss)
    boss.post(reverse(PREVIEW), {"split": "on"})
    assert Page.objects.count() == 2
    Book.objects.update(metadata={})
    hand_in(boss, raw, "scans.zip")
    assert 'name="split"' not in look(boss)


def collection(origin: Origin, books: int = 3) -> str:
    base = origin.url
    for number in range(books):
        raw = manifest(1, f"Book {number}").replace(b"library.example/ars", b"library.example/%d" % number)
        origin.answers[f"/{number}.json"] = Answer(raw)
    items = [
        {"id": f"{base}/{n}.json", "type": "Manifest", "label": {"en": [f"Book {n}"]}} for n in range(books)
    ]
    inner = {"type": "Collection", "id": f"{base}/inner.json", "items": items}
    origin.answers["/inner.json"] = Answer(json.dumps(inner).encode())
    top = [
        {"id": f"{base}/inner.json", "type": "Collection"},
        {"id": f"{base}/gone.json", "type": "Manifest"},
    ]
    origin.answers["/top.json"] = Answer(json.dumps({"type": "Collection", "items": top}).encode())
    return f"{base}/top.json"


def test_a_collection_offers_its_manifests_and_imports_them_as_tasks(boss: Client, origin: Origin) -> None:
    collection(origin)
    answer = boss.post(reverse("admin:books_book_import"), {"url": f"{origin.url}/inner.json"})
    assert answer.content.decode().count('name="urls"') == 3
    urls = [f"{origin.url}/{n}.json" for n in (0, 2)]
    after = boss.post(reverse("admin:books_book_import_many"), {"urls": urls}, follow=True)
    assert "2 manifests are imported in the background" in said(after)
    assert queued() == [("books.tasks.import_address", (url, "librarian", 0)) for url in urls]
    assert all(result["ok"] for result in work())
    assert {*Book.objects.values_list("title", flat=True)} == {"Book 0", "Book 2"}
    assert {*Book.objects.values_list("created_by", flat=True)} == {"librarian"}


def test_collections_in_collections_are_followed_and_failures_have_their_sentence(origin: Origin) -> None:
    tasks.queue_address(collection(origin), "ann")
    results = work()
    assert Book.objects.count() == 3
    failed = [result["sentence"] for result in results if not result["ok"]]
    assert len(failed) == 1
    assert "404" in failed[0]


def test_a_collection_that_holds_itself_ends(origin: Origin) -> None:
    item = {"id": f"{origin.url}/a.json?{{}}", "type": "Collection"}
    for path in ("/a.json",):
        loop = {"type": "Collection", "items": [item | {"id": f"{origin.url}{path}?again"}]}
        origin.answers[path] = Answer(json.dumps(loop).encode())
    tasks.queue_address(f"{origin.url}/a.json", "ann")
    assert len(work()) <= tasks.MAX_DEPTH + 1


@pytest.mark.parametrize("urls", [[], ["file:///etc/passwd"], ["javascript:alert(1)"]])
def test_nothing_useful_chosen_queues_nothing(boss: Client, urls: list[str]) -> None:
    after = boss.post(reverse("admin:books_book_import_many"), {"urls": urls}, follow=True)
    assert "Nothing was chosen" in said(after)
    assert not OrmQ.objects.exists()


def test_a_large_upload_is_imported_by_a_worker_and_then_forgotten(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_page, "IN_BACKGROUND", 1000)
    hand_in(boss, archive(a=printed(1, 300, 400)), "scans.zip")
    stored = boss.session["import"]["stored"]
    assert "in the background" in said(confirm(boss))
    assert not Book.objects.exists()
    assert [result["sentence"] for result in work()] == ["Imported scans: 1 pages."]
    assert not default_storage.exists(stored)
    assert "import" not in boss.session


def test_a_task_that_runs_twice_imports_once(boss: Client) -> None:
    stored = default_storage.save("imports/x", ContentFile(manifest(2)))
    assert tasks.import_stored(stored, "m.json", "", "ann", {})["ok"]
    assert not tasks.import_stored(stored, "m.json", "", "ann", {})["ok"]
    assert Book.objects.count() == 1


def test_what_came_of_tasks_is_told_on_the_page(boss: Client) -> None:
    common = {"started": now(), "stopped": now(), "group": tasks.GROUP}
    results = [
        ("books.tasks.import_address", ("https://l.example/m",), {"ok": True, "sentence": "Imported Ars."}, True),
        ("books.tasks.import_stored", ("imports/1", "scans.zip"), "Traceback <b>", False),
    ]  # fmt: skip
    for number, (func, args, result, success) in enumerate(results):
        Task.objects.create(
            id=str(number), name=str(number), func=func, args=args, result=result, success=success, **common
        )
    shown = boss.get(reverse("admin:books_book_import")).content.decode()
    assert "Imported Ars." in shown
    assert "scans.zip" in shown
    assert "It was broken off" in shown
    assert "Traceback" not in shown


def test_an_upload_beyond_the_limit_is_said_and_not_kept(boss: Client, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    answer = hand_in(boss, printed(1, 300, 400), "a.jpg")
    assert "The upload is larger than" in said(answer)
    assert "import" not in boss.session


class _Zeros(io.RawIOBase):
    """A ZIP's first bytes, then as many zeros as asked for."""

    def __init__(self, size: int) -> None:
        self.size, self.at = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self.size - self.at)
        buffer[:count] = bytes(count)
        self.at += count
        return count


@pytest.mark.slow
def test_a_large_upload_does_not_fill_memory(boss: Client, settings: Settings) -> None:
    """300 MB through the real parser and handlers: what holds for 300 holds for 2,000, each piece is 64 KB."""
    from django.core.handlers.wsgi import WSGIRequest

    size = 300_000_000
    head = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\nPK\x03\x04'
    tail = b"\r\n--X--\r\n"
    body = _Chain([io.BytesIO(head), _Zeros(size), io.BytesIO(tail)])
    environ = {
        "REQUEST_METHOD": "POST", "wsgi.input": body, "CONTENT_TYPE": "multipart/form-data; boundary=X",
        "CONTENT_LENGTH": str(len(head) + size + len(tail)), "PATH_INFO": "/",
    }  # fmt: skip
    tracemalloc.start()
    upload = WSGIRequest(environ).FILES["file"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not isinstance(upload, list)
    assert upload.size == size + 4
    assert upload.temporary_file_path().startswith(str(settings.FILE_UPLOAD_TEMP_DIR))  # type: ignore[attr-defined]
    assert peak < 20_000_000
    upload.close()


class _Chain:
    """Several files read one after the other."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def read(self, count: int = -1) -> bytes:
        while self.parts:
            raw: bytes = self.parts[0].read(count)
            if raw:
                return raw
            self.parts.pop(0)
        return b""

    def readline(self, count: int = -1) -> bytes:
        raise NotImplementedError("the parser reads in pieces")
