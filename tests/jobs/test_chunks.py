"""Steps over many pages take a handful of queries, and lose nothing to a person who is faster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from books import texts
from books.models import Book, Kind, Page, PageText, SearchText, Source
from books.texts import NewText
from jobs import lifecycle
from jobs.lifecycle import NewJob, chunk, collect
from jobs.lifecycle.chunk import Scene, collect_chunk
from jobs.models import GeminiBatch, Job, JobPage, PaidCall, Stage
from sourcebatch.lib.db import atomic, is_mongodb, library_alias
from tests.support.library import TESTER, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db
# SQLite's inserts take 999 values each, a third of the statements are those.
MOST_IN_A_CHUNK = 40
# A step as a whole, with its lease, the look at Gemini, the money, the book's counts and the end of the job.
MOST_IN_A_STEP = 100


def transcribed_book(pages: int) -> Book:
    """A book whose pages have texts and need no images, so that only the steps take time."""
    book = Book.objects.create(title="Epigrammata", language="la", target_language="en")
    made = Page.objects.bulk_create([Page(book=book, number=number) for number in range(1, pages + 1)])
    words = "unda fluens lapidem cavat et ver omnia ornat"
    texts.write_many([(page, NewText(Kind.OCR, f"{page.number} {words}", Source.HUMAN)) for page in made])
    book.recount()
    return book


def order_translation(book: Book) -> Job:
    return lifecycle.create(NewJob("batch_translate", None, book.pk), TESTER).job


def step(job: Job) -> list[str]:
    """The statements of one step on the library."""
    with CaptureQueriesContext(connections[library_alias()]) as queries:
        lifecycle.advance(job.pk, TESTER)
    return [str(query["sql"]) for query in queries]


def steps_until_collected(job: Job) -> list[list[str]]:
    made = []
    while not job.batches.filter(stage__in=[Stage.COLLECTED, Stage.CLOSED]).exists():
        made.append(step(job))
        assert len(made) < 20
        GeminiBatch.objects.update(next_poll_at="2000-01-01T00:00:00Z")
    return made


def test_a_step_over_two_hundred_pages_takes_a_handful_of_queries(
    local: LocalGemini, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PREPARE_CHUNK_SIZE = 200
    chunks: list[int] = []

    def counted(scene: Scene, lines: Sequence[bytes]) -> None:
        with CaptureQueriesContext(connections[library_alias()]) as queries:
            collect_chunk(scene, lines)
        chunks.append(len(queries))

    monkeypatch.setattr(collect, "collect_chunk", counted)
    job = order_translation(transcribed_book(200))
    prepared, *_, collected = steps_until_collected(job)
    assert PageText.objects.current().filter(job_id=job.pk, kind=Kind.TRANSLATION).count() == 200
    assert len(chunks) == 1 and chunks[0] <= MOST_IN_A_CHUNK
    for statements in (prepared, collected):
        assert len(statements) <= MOST_IN_A_STEP, "\n".join(one[:150] for one in statements)


def test_preparing_two_hundred_pages_takes_no_more_queries_than_twenty(
    local: LocalGemini, settings: Settings
) -> None:
    settings.PREPARE_CHUNK_SIZE = 200
    few, many = order_translation(transcribed_book(20)), order_translation(transcribed_book(200))
    taken = [[one for one in step(job) if not one.startswith("INSERT")] for job in (few, many)]
    assert few.preparations.count() == 20 and many.preparations.count() == 200
    assert len(taken[1]) <= len(taken[0])


def meanwhile(monkeypatch: pytest.MonkeyPatch, page: Page) -> None:
    """A person translates this page just before the chunk's texts are written and after it was looked at."""
    look, done = texts._present, list[bool]()

    def looked(page_ids: Sequence[str]) -> Any:
        seen = look(page_ids)
        if not done:
            done.append(True)
            texts.write(page, NewText(Kind.TRANSLATION, "mine", Source.HUMAN, "en"))
        return seen

    monkeypatch.setattr(texts, "_present", looked)


def collected_past_a_person(monkeypatch: pytest.MonkeyPatch) -> tuple[Job, Page]:
    book = transcribed_book(5)
    job = order_translation(book)
    page = book.pages.get(number=3)
    while not job.batches.filter(stage=Stage.OPEN).exists():
        lifecycle.advance(job.pk, TESTER)
    meanwhile(monkeypatch, page)
    run(job)
    return job, page


@pytest.mark.skipif(
    is_mongodb(), reason="the person writes through the same connection here, and goes with its transaction"
)
def test_i27_a_person_who_is_faster_than_the_chunk_keeps_the_page(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, page = collected_past_a_person(monkeypatch)
    present = page.current(Kind.TRANSLATION, "en")
    assert present is not None and present.data == "mine"
    assert PageText.objects.filter(page=page, job_id=job.pk, is_current=False).count() == 1
    row = JobPage.objects.get(job=job, page=page)
    assert (row.state, row.reason) == ("succeeded", "kept_in_history")
    assert PageText.objects.current().filter(job_id=job.pk).count() == 4
    assert sum(PaidCall.objects.values_list("requests", flat=True)) == 5


def test_i27_without_the_guard_the_page_would_be_the_machines(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: pushing aside whatever is current, as a writer does that trusts what it saw."""

    def trusting(news: Sequence[tuple[Page, NewText]], present: Any, replaceable: Any) -> Any:
        ids = [page.pk for page, _ in news]
        old = PageText.objects.filter(page_id__in=ids, kind=Kind.TRANSLATION)
        SearchText.objects.filter(text__in=list(old)).delete()
        old.update(is_current=False)
        return write_at_once(news, present, replaceable)

    write_at_once = texts._write_at_once
    monkeypatch.setattr(texts, "_write_at_once", trusting)
    _, page = collected_past_a_person(monkeypatch)
    present = page.current(Kind.TRANSLATION, "en")
    assert present is not None and present.data != "mine"


def test_a_chunk_whose_transaction_is_lost_is_written_again_and_counted_once(
    local: LocalGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[bool] = []

    @contextmanager
    def lost_at_the_end() -> Iterator[None]:
        with atomic():
            yield
            if not lost:
                lost.append(True)
                raise IntegrityError("another writer was first")

    monkeypatch.setattr(chunk, "atomic", lost_at_the_end)
    job = order_translation(transcribed_book(3))
    run(job)
    batch = job.batches.get()
    assert lost and job.cost_micro_usd
    assert batch.collected_lines == 3
    assert batch.cost_micro_usd == job.cost_micro_usd == PaidCall.objects.get().cost_micro_usd
    assert PageText.objects.current().filter(job_id=job.pk).count() == 3
