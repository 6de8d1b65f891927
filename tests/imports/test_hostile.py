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
from jobs.models import Job, PageState
from sourcebatch.lib.clock import now
from sourcebatch.lib.fetch.hosts import forget_hosts
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
    _work_on(job)
    assert {row.number for row in job.ledger.filter(state=PageState.WAITING)} <= set(bad)
    while not job.is_ended:
        _after_an_hour(job)
        _work_on(job)
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
    _work_on(job)
    job.refresh_from_db()
    assert "images cannot be had for now" in job.waiting_for
    assert 30 < (job.next_step_at - now()).total_seconds() <= 60
    assert figures(job.pk).waiting == 6
    assert set(job.ledger.values_list("attempts", flat=True)) == {1}
    for number in range(1, 7):
        origin.answers[f"/busy/{number}.jpg"] = Answer(printed(number))
    _after_an_hour(job)
    run(job)
    assert figures(job.pk).succeeded == 6


@pytest.mark.django_db
def test_i42_the_pages_of_a_library_that_rests_hold_up_no_others_and_use_up_no_attempts(
    local: LocalGemini, origin: Origin, settings: Settings
) -> None:
    settings.FETCH_RETRIES, settings.MAX_ATTEMPTS, settings.PREPARE_CHUNK_SIZE = 0, 2, 3
    resting, working = [f"{origin.url}/busy/{n}.jpg" for n in range(4)], [origin.page(n) for n in range(4)]
    for number in range(4):
        origin.answers[f"/busy/{number}.jpg"] = Answer(status=429, headers={"Retry-After": "1800"})
    elsewhere = [address.replace("127.0.0.1", "localhost") for address in resting]
    addresses = [address for pair in zip(elsewhere, working, strict=True) for address in pair]
    leaves = tuple(ImportedPage(f"c{n}", image_url=address) for n, address in enumerate(addresses))
    job = order_ocr(save(ImportedBook("Ars", source_id="ars", pages=leaves), actor="test").book)
    _work_on(job)
    waiting = job.ledger.filter(state=PageState.WAITING).values_list("number", "attempts")
    assert dict(waiting) == {1: 1, 3: 1, 5: 1, 7: 1}
    # Half an hour is too long for the pages that are ready: they are not kept waiting.
    assert figures(job.pk).succeeded == 4
    for number in range(4):
        origin.answers[f"/busy/{number}.jpg"] = Answer(printed(number))
    _after_an_hour(job)
    run(job)
    assert figures(job.pk).succeeded == 8


def _work_on(job: Job) -> None:
    """Step after step until it is done, or all that is left to do is to wait for libraries that want a pause."""
    for _ in range(300):
        step = lifecycle.advance(job.pk, TESTER)
        job.refresh_from_db()
        resting = "cannot be had" in job.waiting_for
        if step.done or (resting and not job.ledger.filter(state=PageState.SUBMITTED).exists()):
            return
    raise AssertionError(f"The job does not come to rest: {step.payload}")


def _after_an_hour(job: Job) -> None:
    job.ledger.update(not_before=None)
    forget_hosts()


def _memory() -> float:
    """The most that this process has used so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
