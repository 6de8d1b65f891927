"""What is measured: each function is a scene, run by bench.child in a process of its own."""

import io
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import limit, naive, ours, servers
from bench.images import numbered
from books.models import Book
from jobs import gemini
from jobs.lifecycle import segments
from jobs.lifecycle.chunk import read
from jobs.models import BatchPreparation, Job
from sourcebatch.lib.ids import new_id

ROUNDS = 3


@dataclass
class Taken:
    """Seconds on the clock and of the processor, for so many pages."""

    seconds: float
    cpu: float
    pages: int

    def as_dict(self) -> dict[str, float]:
        return {
            "per_second": self.pages / self.seconds,
            "cpu_ms": 1000 * self.cpu / self.pages,
            "seconds": self.seconds,
        }


def taken(pages: int, work: Callable[[], object]) -> Taken:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began, time.process_time() - cpu, pages)


def in_turn(methods: dict[str, Callable[[], Taken]], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Each method `rounds` times, in turns; the medians of what they took."""
    all_of: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            all_of[name].append(method().as_dict())
    return {
        name: {fact: statistics.median(one[fact] for one in found) for fact in found[0]}
        for name, found in all_of.items()
    }


def addresses(origin: str, milliseconds: int, kilobytes: int = 394) -> Callable[[int], str]:
    """Addresses of pages that nobody has fetched before."""
    salt = new_id()
    return lambda number: f"{origin}/{milliseconds}/{kilobytes}/{salt}/{number}.jpg"


def a_job(pages: int, origin: str, milliseconds: int, kilobytes: int = 394) -> Job:
    return ours.order(ours.book_of(pages, addresses(origin, milliseconds, kilobytes)))


# --- Preparing and the whole way ---------------------------------------------------------------------------------


def prepare(origin: str, milliseconds: int, pages: int, naive_pages: int) -> dict[str, Any]:
    """Fetching, looking at and encoding pages, until they can be sent."""

    def by_curl() -> Taken:
        urls = [addresses(origin, milliseconds)(number) for number in range(pages)]
        with tempfile.TemporaryDirectory() as folder:
            return taken(pages, lambda: limit.fetch(urls, Path(folder)))

    def naively() -> Taken:
        job = a_job(naive_pages, origin, milliseconds)
        return taken(naive_pages, lambda: naive.prepare(job))

    def our_way() -> Taken:
        job = a_job(pages, origin, milliseconds)
        return taken(pages, lambda: ours.prepare(job))

    def without_looking() -> Taken:
        with ours.not_looking():
            return our_way()

    our_way()
    return in_turn({"naive": naively, "ours": our_way, "not looking": without_looking, "limit": by_curl})


def pipeline(
    origin: str, gemini_at: str, milliseconds: int, delay: float, pages: int, naive_pages: int
) -> dict[str, Any]:
    """From images to texts on pages."""
    settings.GEMINI_BASE_URL = gemini_at
    client = naive.client(gemini_at)
    servers.forget(gemini_at, delay)
    list(gemini.list_batches())

    def naively() -> Taken:
        job = a_job(naive_pages, origin, milliseconds)
        return taken(naive_pages, lambda: naive.whole_way(job, client))

    def our_way() -> Taken:
        job = a_job(pages, origin, milliseconds)
        return taken(pages, lambda: ours.finish(job))

    def barely() -> Taken:
        urls = [addresses(origin, milliseconds)(number) for number in range(pages)]
        return taken(pages, lambda: limit.pipeline(urls, client, settings.OCR_BATCH_MODEL))

    def without_looking() -> Taken:
        with ours.not_looking():
            return our_way()

    methods = {"naive": naively, "ours": our_way, "not looking": without_looking, "limit": barely}
    found: dict[str, Any] = in_turn(methods)
    servers.forget(gemini_at)
    our_way()
    found["calls"] = servers.calls(gemini_at)
    return found


# --- Single things -----------------------------------------------------------------------------------------------


def nothing() -> dict[str, Any]:
    """A fresh database and no more: what the other scenes begin with."""
    return {}


def line(times: int) -> dict[str, Any]:
    """One line of a batch file for an image of 394 KB, in milliseconds."""
    import base64

    image = numbered(394, 1)
    request = {"contents": [{"role": "user", "parts": [{"text": naive.PROMPT}]}]}
    whole = segments.render("key", request, image)

    def naively() -> bytes:
        part = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(image).decode()}}
        body = {"contents": [{"role": "user", "parts": [part, {"text": naive.PROMPT}]}]}
        return json.dumps({"key": "key", "request": body}).encode()

    def written(make: Callable[[], bytes]) -> Callable[[], Taken]:
        def repeat() -> None:
            with tempfile.TemporaryFile(dir=settings.DATA_DIR, buffering=0) as file:
                for _ in range(times):
                    file.write(make())

        return lambda: taken(times, repeat)

    methods = {
        "naive": written(naively),
        "ours": written(lambda: segments.render("key", request, image)),
        "limit": written(lambda: whole),
    }
    found = in_turn(methods, 2 * ROUNDS + 1)
    return {name: {"ms": 1000 / one["per_second"]} for name, one in found.items()}


def memory(origin: str, gemini_at: str, pages: int) -> dict[str, Any]:
    """The most that a worker ever held for a job of so many pages, in megabytes, the SDK and Django included."""
    settings.GEMINI_BASE_URL = gemini_at
    servers.forget(gemini_at)
    ours.finish(a_job(pages, origin, 0, 60))
    return {"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def database(origin: str, pages: int) -> dict[str, Any]:
    """Bytes in the database for each prepared page, indexes included."""

    def grown(prepare_job: Callable[[Job], None], count: int) -> float:
        job = a_job(count, origin, 0)
        before = _database_bytes()
        prepare_job(job)
        after = _database_bytes()
        BatchPreparation.objects.filter(job=job).delete()
        return (after - before) / count

    return {
        "naive": {"bytes": grown(naive.prepare, max(pages // 20, 2))},
        "ours": {"bytes": grown(ours.prepare, pages)},
    }


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("VACUUM")
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def upload(gemini_at: str, megabytes: int, method: str) -> dict[str, Any]:
    """Sending a batch file of so many megabytes out of its segment; each method in a process of its own."""
    settings.GEMINI_BASE_URL = gemini_at
    servers.forget(gemini_at)
    list(gemini.list_batches())
    image, request = numbered(394, 1), {"contents": [{"parts": [{"text": naive.PROMPT}]}]}
    count = max(megabytes * 1_000_000 // 526_000, 1)
    book = ours.book_of(1, lambda n: "https://example.org/")
    job = ours.order(book)
    written = segments.write(job.pk, (segments.render(str(n), request, image) for n in range(count)))
    prepared = [
        BatchPreparation(key=str(n), segment=one.segment, offset=one.offset, length=one.length)
        for n, one in enumerate(written)
    ]
    path = Path(default_storage.path(written[0].segment))
    size, before = path.stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    name = f"sb-{new_id()}"
    found = {
        "ours": lambda: taken(
            1, lambda: gemini.upload(segments.Lines(prepared), name=name, display_name=name)
        ),
        "naive": lambda: taken(1, lambda: _upload_whole(gemini_at, path)),
        "limit": lambda: taken(1, lambda: limit.upload(gemini_at, path)),
    }[method]()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"mb_per_second": size / 1e6 / found.seconds, "grown_mb": grown / 1000}


def _upload_whole(gemini_at: str, path: Path) -> None:
    whole = "\n".join(path.read_text().splitlines()).encode()
    config: Any = {"mime_type": "jsonl", "display_name": "naive"}
    client = naive.client(gemini_at)
    client.files.upload(file=io.BytesIO(whole), config=config)


def collect(origin: str, folder: str, megabytes: int, method: str) -> dict[str, Any]:
    """Fetching and reading a result file, without the database; each method in a process of its own."""
    settings.GEMINI_BASE_URL = origin
    path = Path(folder) / f"results-{megabytes}.jsonl"
    if not path.exists():
        text = words(random.Random(1), 1600)
        with path.open("wb") as file:
            while file.tell() < megabytes * 1_000_000:
                file.write(ours.answer(new_id(), text))
    name, client = f"files/{path.name}", naive.client(origin)
    with suppress(Exception):
        client.files.get(name="files/none")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def our_way() -> None:
        target = Path(settings.DATA_DIR) / "results.jsonl"
        gemini.download(name, target)
        with target.open("rb") as file:
            assert sum(1 for one in file if read(one).key) > 0

    methods: dict[str, Callable[[], object]] = {
        "ours": our_way, "naive": lambda: naive.parsed(client.files.download(file=name)),
    }  # fmt: skip
    found = taken(1, methods[method])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": found.seconds, "grown_mb": grown / 1000}


# --- Rows and lists ----------------------------------------------------------------------------------------------


def ingest(rows: int, naive_rows: int) -> dict[str, Any]:
    """Results on local disk to texts on their pages, judged, found by searches, accounted for."""
    lots = random.Random(2)
    known = [words(lots, 250) for _ in range(50)]

    def line_for(key: str, number: int) -> bytes:
        return ours.answer(key, f"{number} {known[number % 50]}")

    def at_once() -> Taken:
        job, batch = ours.answered_batch(rows, line_for)
        return taken(rows, lambda: ours.collected(job, batch))

    def one_by_one() -> Taken:
        job, batch = ours.answered_batch(naive_rows, line_for)
        path = Path(settings.DATA_DIR) / "results" / f"{batch.pk}.jsonl"
        lines = path.read_bytes().splitlines()
        return taken(naive_rows, lambda: naive.row_at_a_time(job, batch, lines))

    def bare() -> Taken:
        values = [(new_id(), known[n % 50]) for n in range(rows)]
        return taken(rows, lambda: limit.insert(values))

    return in_turn({"naive": one_by_one, "ours": at_once, "limit": bare})


def words(lots: random.Random, count: int) -> str:
    """Words of made-up Latin in lines."""
    parts = ("qui", "ra", "tem", "lus", "ve", "nis", "do", "mi", "ca", "ter", "pos", "a", "bi", "su", "or")
    found = ["".join(lots.choices(parts, k=lots.randint(2, 4))) for _ in range(count)]
    return "\n".join(" ".join(found[start : start + 9]) for start in range(0, count, 9))


ADMIN = {
    "dashboard": "/admin/", "books": "/admin/books/book/", "books, stale": "/admin/books/book/?stale=yes",
    "books, flagged": "/admin/books/book/?flagged=yes", "pages": "/admin/books/page/",
    "pages, stale": "/admin/books/page/?stale=yes", "pages, flagged": "/admin/books/page/?flagged=yes",
    "pages, edited": "/admin/books/page/?edited=yes", "pages, no text": "/admin/books/page/?ocr=no",
    "jobs": "/admin/jobs/job/", "search": "/admin/books/book/?q=liber",
}  # fmt: skip


def admin(books: int, pages: int) -> dict[str, Any]:
    """The admin's lists over a made-up library: milliseconds for each, and of its slowest query."""
    from django.core.cache import cache
    from django.core.management import call_command

    if not Book.objects.exists():
        call_command("demo_library", books=books, pages=pages, verbosity=0, stdout=io.StringIO())
    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    client.get("/admin/")
    found: dict[str, Any] = {}
    for name, address in ADMIN.items():
        times, slowest = [], 0.0
        for _ in range(ROUNDS):
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                began = time.perf_counter()
                answer = client.get(address)
                times.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, (address, answer.status_code)
            slowest = max([float(query["time"]) * 1000 for query in queries], default=0.0)
        found[name] = {"ms": statistics.median(times), "query_ms": slowest}
    return found
