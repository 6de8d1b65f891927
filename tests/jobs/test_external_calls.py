"""Everything that leaves the house leaves by one of two doors: jobs.gemini or sourcebatch.lib.fetch (I52)."""

import ast
import re
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from books.models import Book, Page
from jobs import lifecycle
from jobs.lifecycle import NewJob
from tests.support.library import TESTER, order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

ROOT = Path(__file__).resolve().parents[2]
DOORS = (str(ROOT / "jobs" / "gemini.py"), str(ROOT / "sourcebatch" / "lib" / "fetch"))
REQUEST_LINE = re.compile(rb"^(GET|POST|PUT|DELETE|PATCH|HEAD) (\S+) HTTP/1\.1\r\n")
PRODUCT = ("books", "jobs", "sourcebatch")
# Whoever imports one of these can reach the outside; each has the files that may.
LEADS_OUT = {
    "google": {"jobs/gemini.py"},
    "httpx2": {"jobs/gemini.py"},
    "httpx": set(),
    "aiohttp": set(),
    "urllib.request": set(),
    "http.client": set(),
    "socket": set(),
}


@dataclass(frozen=True)
class Call:
    """One HTTP request on the wire and whether it came through a door."""

    line: str
    through_door: bool


@contextmanager
def overheard() -> Iterator[list[Call]]:
    """Listen to every byte that Python's sockets send, without changing anything, and note each request line."""
    calls: list[Call] = []
    originals = {name: getattr(socket.socket, name) for name in ("send", "sendall")}

    def listening(name: str) -> Callable[..., Any]:
        def observed(self: socket.socket, data: Any, *rest: Any) -> Any:
            found = REQUEST_LINE.match(bytes(data[:300]))
            if found and self.family in (socket.AF_INET, socket.AF_INET6):
                files = {frame.filename for frame in traceback.extract_stack()}
                through = any(file.startswith(DOORS) for file in files)
                calls.append(Call(found.group(1).decode() + " " + found.group(2).decode(), through))
            return originals[name](self, data, *rest)

        return observed

    for name in originals:
        setattr(socket.socket, name, listening(name))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(socket.socket, name, original)


def fetched_book(origin: Origin, pages: int) -> Book:
    book = Book.objects.create(title="Fetched", language="la")
    for number in range(1, pages + 1):
        Page.objects.create(book=book, number=number, image_url=origin.page(number))
    return book


def kinds(calls: list[Call]) -> set[str]:
    """The calls without what differs from one to the next."""
    return {re.sub(r"(files|batches)/[\w-]+", r"\1/*", call.line.split("?")[0]) for call in calls}


@pytest.mark.django_db
def test_every_call_of_a_whole_job_goes_through_a_door(local: LocalGemini, origin: Origin) -> None:
    book = fetched_book(origin, 12)
    with overheard() as calls:
        run(order_ocr(book))
        run(lifecycle.create(NewJob("batch_translate", None, book.pk), TESTER).job)
    assert [call for call in calls if not call.through_door] == []
    assert {
        "POST /upload/v1beta/files",
        "POST /v1beta/models/gemini-3.5-flash-lite:batchGenerateContent",
        "GET /v1beta/batches/*",
        "GET /v1beta/files/*:download",
        "DELETE /v1beta/files/*",
    } <= kinds(calls)
    assert sum(call.line.startswith("GET") and "v1beta" not in call.line for call in calls) >= 12


def test_the_listener_hears_a_call_that_goes_through_no_door(gemini: LocalGemini) -> None:
    """The negative control: without it the test above could be deaf."""
    with overheard() as calls:
        requests.get(
            f"{gemini.url}/v1beta/models", headers={"x-goog-api-key": gemini.key}, timeout=10
        ).close()
    assert [call.through_door for call in calls] == [False]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", sorted(LEADS_OUT))
def test_only_the_doors_import_what_leads_out(module: str) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        if any(name == module or name.startswith(module + ".") for name in imports(path))
    }
    outside = {path for path in importers - LEADS_OUT[module] if not path.startswith("sourcebatch/lib/fetch")}
    assert outside == set()


def test_requests_is_used_by_the_fetcher_alone() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        if "requests" in imports(path)
    }
    assert importers
    assert all(path.startswith("sourcebatch/lib/fetch") for path in importers)
