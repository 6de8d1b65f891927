"""I42, I43: a job of 200 pages at a library that misbehaves in every way it can."""

import json
import resource
import time
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from books.importers import ImportedBook, ImportedPage
from books.importers.iiif import parse
from books.importers.writer import save
from books.models import Book, PageText
from jobs import lifecycle
from jobs.lifecycle.common import figures
from jobs.models import PageState
from sourcebatch.lib.clock import now
from tests.support.library import TESTER, order_ocr, run
from tests.support.localgemini import LocalGemini
from tests.support.origin import Answer, Origin
from tests.support.pages import printed

PAGES = 200
# Dripping servers are given up after so many seconds.
TIMEOUT = 1.0
SECONDS, MEGABYTES = 240, 900
ASKS_FOR_AN_HOUR = "/bad/429-long"
INSIDE = ("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/1.jpg", "http://[::1]:9/1.jpg")


def hostile_book(origin: Origin, elsewhere: Origin) -> tuple[Book, dict[int, str]]:
    """200 pages, every seventh of them bad, in turns through all that the origin can do; and which those are."""
    # A library that asks for an hour's rest gets it, for all of its pages: that one is another library.
    here = [origin.url + path for path in Origin.BAD if path != ASKS_FOR_AN_HOUR]
    addresses = [*here, elsewhere.url + ASKS_FOR_AN_HOUR, *INSIDE]
    bad = dict(zip(range(7, PAGES + 1, 7), addresses, strict=False))
    canvases: list[dict[str, Any]] = []
    for number in range(1, PAGES + 1):
        image = {"@id": bad.get(number, origin.page(number)), "@type": "dctypes:Image"}
        canvases.append({"@id": f"{origin.url}/c/{number}", "images": [{"resource": image}]})
    manifest = {"@id": f"{origin.url}/m", "@type": "sc:Manifest", "sequences": [{"canvases": canvases}]}
    return save(parse(json.dumps(manifest).encode()), actor="test").book, bad


@pytest.mark.slow
@pytest.mark.django_db
def test_i42_i43_every_good_page_is_done_and_every_bad_one_has_its_reason(
    local: LocalGemini, origin: Origin, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.FETCH_TIMEOUT, settings.FETCH_HOST_INTERVAL, settings.FETCH_HOST_CONCURRENCY = TIMEOUT, "0", "16"
    settings.FETCH_HOST_REST = 0.2
    settings.FETCH_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.PREPARE_CHUNK_SIZE, settings.MAX_ATTEMPTS = 50, 2
    elsewhere = Origin()
    request.addfinalizer(elsewhere.stop)
    book, bad = hostile_book(origin, elsewhere)
    assert len(bad) == len(range(7, PAGES + 1, 7))
    job = order_ocr(book)
    before, start = _memory(), time.monotonic()
    run(job, steps=300)
    took, grown = time.monotonic() - start, _memory() - before
    rows = {row.number: row for row in job.ledger.all()}
    failed = {number: row.error for number, row in rows.items() if row.state == PageState.FAILED}
    assert {number: rows[number].error for number in rows if number in bad and number not in failed} == {}
    assert {number: error for number, error in failed.items() if number not in bad} == {}
    assert all(error.endswith((".", ")")) and "Traceback" not in error for error in failed.values())
    texts = PageText.objects.current().filter(page__book=book).values_list("page__number", "data")
    assert {number for number, _ in texts} == set(range(1, PAGES + 1)) - set(bad)
    assert all(f"page {number} of ORIGIN" in data for number, data in texts)
    assert took < SECONDS
    assert grown < MEGABYTES


@pytest.mark.django_db
def test_i42_a_library_that_asks_for_a_pause_gets_it_and_its_pages_are_done_afterwards(
    local: LocalGemini, origin: Origin, settings: Settings
) -> None:
    settings.FETCH_RETRIES, settings.MAX_ATTEMPTS, settings.PREPARE_CHUNK_SIZE = 0, 2, 2
    leaves = tuple(ImportedPage(f"c{n}", image_url=f"{origin.url}/busy/{n}.jpg") for n in range(1, 7))
    for number in range(1, 7):
        origin.answers[f"/busy/{number}.jpg"] = Answer(status=429, headers={"Retry-After": "2"})
    job = order_ocr(save(ImportedBook("Ars", source_id="ars", pages=leaves), actor="test").book)
    assert "images cannot be had for now" in lifecycle.advance(job.pk, TESTER).payload["waiting"]
    job.refresh_from_db()
    assert 0 < (job.next_step_at - now()).total_seconds() <= 3
    assert figures(job.pk).waiting == 6
    for number in range(1, 7):
        origin.answers[f"/busy/{number}.jpg"] = Answer(printed(number))
    time.sleep(max((job.next_step_at - now()).total_seconds(), 0))
    run(job)
    assert figures(job.pk).succeeded == 6


def _memory() -> float:
    """The most that this process has used so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
