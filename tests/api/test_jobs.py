"""/api/jobs and what hangs on it, /api/batch-jobs."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from books import texts
from books.models import Book, Kind, Page, Source
from jobs.models import Job, JobPage, PageState, Status
from tests.api.conftest import Api, BookMaker
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin


def ids_of(book: Book) -> list[str]:
    return list(Page.objects.filter(book=book).order_by("number").values_list("pk", flat=True))


def order(book: Book, **fields: Any) -> dict[str, Any]:
    return {"type": "batch_ocr", "book_id": book.pk, "page_ids": ids_of(book)} | fields


def create(api: Api, book: Book, **fields: Any) -> str:
    said = api.post("/api/jobs", order(book, **fields))
    assert said.status == 201, said.json
    job_id: str = said.json["id"]
    return job_id


def give_text(book: Book, number: int, source: Source = Source.MACHINE) -> None:
    page = Page.objects.get(book=book, number=number)
    texts.write(page, texts.NewText(Kind.OCR, "Lorem ipsum dolor sit amet", source))


# --- Creating ----------------------------------------------------------------------------------------------------
def test_it_creates_a_job_and_tells_it_twice_over(operator: Api, make_book: BookMaker) -> None:
    book = make_book(3)
    said = operator.post("/api/jobs", order(book, book_title='A "title"\n', language="Latin"))
    assert said.status == 201
    job = said.json["job"]
    assert (job["type"], job["status"], job["batch_phase"]) == ("batch_ocr", "pending", "preparing")
    assert (job["book_id"], job["language"], job["use_batch_api"]) == (book.pk, "la", True)
    assert (job["gemini_batch_job"], job["gemini_state"], job["error"]) == (None, None, None)
    assert (job["progress"]["total"], job["progress"]["completed"], job["progress"]["failed"]) == (3, 0, 0)
    assert said.json["use_batch_api"] is True
    assert said.json["skipped"] == []
    assert {name: said.json[name] for name in job if name != "message"} == {
        name: job[name] for name in job if name != "message"
    }
    assert said.json["message"].startswith("A job for 3 pages was created.")
    assert (job["created_by"], job["created_via"]) == ("operator", "api")
    assert operator.get(f"/api/jobs/{job['id']}").json == {"job": job}


def test_it_counts_pages_that_are_named_twice_once(operator: Api, make_book: BookMaker) -> None:
    book = make_book(2)
    said = operator.post("/api/jobs", order(book, page_ids=ids_of(book) * 3))
    assert said.json["progress"]["total"] == 2


def test_it_leaves_out_pages_that_have_a_text_and_says_why(operator: Api, make_book: BookMaker) -> None:
    book = make_book(3)
    give_text(book, 1)
    give_text(book, 2, Source.HUMAN)
    said = operator.post("/api/jobs", order(book))
    assert said.status == 201
    assert [(one["page_id"], one["page_number"]) for one in said.json["skipped"]] == [
        (page_id, number) for number, page_id in enumerate(ids_of(book)[:2], 1)
    ]
    assert all(one["reason"] and one["explanation"].endswith(".") for one in said.json["skipped"])
    assert said.json["progress"]["open"] == 1


@pytest.mark.parametrize(("overwrite", "open_pages"), [(False, 1), (True, 2), ("machine", 2), ("human", 3)])
def test_it_overwrites_as_far_as_it_is_told_to(
    operator: Api, make_book: BookMaker, overwrite: bool | str, open_pages: int
) -> None:
    book = make_book(3)
    give_text(book, 1)
    give_text(book, 2, Source.HUMAN)
    assert operator.post("/api/jobs", order(book, overwrite=overwrite)).json["progress"]["open"] == open_pages


def test_it_answers_409_with_the_reasons_when_nothing_is_left(operator: Api, make_book: BookMaker) -> None:
    book = make_book(1)
    give_text(book, 1)
    said = operator.post("/api/jobs", order(book))
    assert said.status == 409
    assert [one["page_id"] for one in said.json["skipped"]] == ids_of(book)
    assert not Job.objects.exists()


def test_it_answers_200_with_the_live_job_that_has_all_the_pages(operator: Api, make_book: BookMaker) -> None:
    book = make_book(2)
    first = create(operator, book)
    said = operator.post("/api/jobs", order(book))
    assert (said.status, said.json["created"], said.json["job"]["id"]) == (200, False, first)


def test_it_says_that_the_books_own_language_wins(operator: Api, make_book: BookMaker) -> None:
    said = operator.post("/api/jobs", order(make_book(1, language="grc"), language="Latin"))
    assert said.json["language"] == "grc"
    assert "language" in said.json["message"]


def test_it_names_pages_that_do_not_exist_or_belong_to_another_book(
    operator: Api, make_book: BookMaker
) -> None:
    book, other = make_book(1), make_book(1)
    strange = ids_of(other)[0]
    said = operator.post("/api/jobs", order(book, page_ids=[*ids_of(book), strange, "no\0thing"]))
    assert said.status == 400
    assert list(said.json["errors"]) == ["page_ids"]
    assert strange in said.json["error"]
    assert "no\ufffdthing" in said.json["error"]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("type", {"type": "batch_summary"}),
        ("type", {"type": None}),
        ("book_id", {"book_id": 17}),
        ("book_id", {"book_id": "nothing"}),
        ("book_id", {"book_id": ""}),
        ("page_ids", {"page_ids": []}),
        ("page_ids", {"page_ids": "all"}),
        ("page_ids", {"page_ids": {"1": "x"}}),
        ("page_ids.0", {"page_ids": [17]}),
        ("page_ids.0", {"page_ids": ["x" * 101]}),
        ("language", {"language": "Klangonisch"}),
        ("language", {"language": ["la"]}),
        ("target_language", {"target_language": "Klangonisch"}),
        ("overwrite", {"overwrite": "all"}),
        ("overwrite", {"overwrite": 1}),
        ("overwrite", {"overwrite": None}),
        ("model", {"model": 3}),
        ("model", {"model": "../files?key=x"}),
        ("model", {"model": "gemini..flash"}),
        ("book_title", {"book_title": "x" * 1001}),
    ],
)
def test_it_refuses_an_order_that_makes_no_sense_and_names_the_field(
    operator: Api, make_book: BookMaker, field: str, fields: dict[str, Any]
) -> None:
    said = operator.post("/api/jobs", order(make_book(1), **fields))
    assert said.status == 400, said.json
    assert {name.split(".bool")[0].split(".literal")[0] for name in said.json["errors"]} == {field}
    assert not Job.objects.exists()


@pytest.mark.slow
def test_it_takes_tens_of_thousands_of_pages_at_once(operator: Api, make_book: BookMaker) -> None:
    book = make_book(20_000)
    said = operator.post("/api/jobs", order(book))
    assert said.status == 201
    assert said.json["progress"]["open"] == 20_000
    rows = operator.get(f"/api/jobs/{said.json['id']}/pages").json["pages"]
    assert [row["page_number"] for row in rows] == list(range(1, 20_001))


# --- Listing -----------------------------------------------------------------------------------------------------
def test_it_lists_every_job_newest_first_without_a_limit_of_its_own(
    reader: Api, make_book: BookMaker, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    book = make_book(1)
    made = Job.objects.bulk_create(
        [Job(type="batch_ocr", book=book, book_title=f"{n}", model="m") for n in range(3_000)], batch_size=500
    )
    with django_assert_max_num_queries(4):  # token, its last use, the count, the jobs
        said = reader.get("/api/jobs")
    assert (said.status, said.json["total"], len(said.json["jobs"])) == (200, 3_000, 3_000)
    assert [job["id"] for job in said.json["jobs"]] == sorted((job.pk for job in made), reverse=True)


def test_it_lists_no_jobs_as_an_empty_list(reader: Api) -> None:
    assert reader.get("/api/jobs").json == {"jobs": [], "total": 0}


def test_it_filters_jobs_and_pages_through_them(operator: Api, make_book: BookMaker) -> None:
    first, second = make_book(1), make_book(1)
    one, two = create(operator, first), create(operator, second)
    Job.objects.filter(pk=two).update(status=Status.PAUSED)

    def listed(query: str) -> tuple[list[str], int]:
        said = operator.get(f"/api/jobs?{query}")
        assert said.status == 200
        return [job["id"] for job in said.json["jobs"]], said.json["total"]

    assert listed("status=paused") == ([two], 1)
    assert listed(f"book_id={first.pk}") == ([one], 1)
    assert listed("type=batch_ocr&status=pending") == ([one], 1)
    assert listed("type=batch_translate") == ([], 0)
    assert listed("limit=1") == ([two], 2)
    assert listed("limit=1&offset=1") == ([one], 2)
    assert listed("limit=0") == ([], 2)
    assert listed("offset=5") == ([], 2)
    assert listed("book_id=%00") == ([], 0)


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "status=",
        "type=x",
        "limit=-1",
        "limit=ten",
        "offset=-1",
        "offset=1e99",
        "limit=9" + "9" * 30,
    ],
)
def test_it_refuses_filters_that_make_no_sense(reader: Api, query: str) -> None:
    said = reader.get(f"/api/jobs?{query}")
    assert said.status == 400
    assert list(said.json["errors"]) == [query.split("=")[0]]


def test_it_tells_the_ledger_of_a_job(operator: Api, make_book: BookMaker) -> None:
    book = make_book(3)
    give_text(book, 2)
    job_id = create(operator, book)
    JobPage.objects.filter(job=job_id, number=3).update(
        state=PageState.FAILED,
        is_open=False,
        reason="http_404",
        error="The server has no such image.",
        attempts=1,
    )
    pages = ids_of(book)
    rows = operator.get(f"/api/jobs/{job_id}/pages").json["pages"]
    assert [(row["page_id"], row["page_number"], row["state"], row["attempts"]) for row in rows] == [
        (pages[0], 1, "waiting", 0), (pages[1], 2, "skipped", 0), (pages[2], 3, "failed", 1),
    ]  # fmt: skip
    assert (rows[0]["error"], rows[2]["error"]) == (None, "The server has no such image.")
    assert [
        row["page_number"] for row in operator.get(f"/api/jobs/{job_id}/pages?state=failed").json["pages"]
    ] == [3]
    assert operator.get(f"/api/jobs/{job_id}/pages?state=lost").status == 400


@pytest.mark.parametrize(
    "verb", ["", "/pages", "/process", "/cancel", "/reset", "/retry", "/pause", "/resume"]
)
@pytest.mark.parametrize("job_id", ["nothing", "%00", "a" * 500])
def test_it_answers_404_for_a_job_that_is_not_there(operator: Api, verb: str, job_id: str) -> None:
    said = operator.send("GET" if verb in ("", "/pages") else "POST", f"/api/jobs/{job_id}{verb}")
    assert (said.status, set(said.json)) == (404, {"error"})


# --- Steps -------------------------------------------------------------------------------------------------------
def test_it_takes_a_job_through_its_phases_to_the_end(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin, settings: Any
) -> None:
    settings.PREPARE_CHUNK_SIZE = 2
    book = make_book(3, images=origin)
    job_id = create(operator, book)
    at_gemini.hold()

    def step() -> dict[str, Any]:
        said = operator.post(f"/api/jobs/{job_id}/process")
        assert said.status == 200, said.json
        assert said.json["job_id"] == job_id
        found: dict[str, Any] = said.json
        return found

    first, second, third = step(), step(), step()
    assert (first["phase"], first["prepared"], first["remaining"]) == ("preparing", 2, 1)
    assert (first["continue"], first["done"], first["status"]) == (True, False, "processing")
    assert (second["phase"], second["prepared"], second["remaining"]) == ("preparing", 3, 0)
    assert (third["phase"], third["pages_submitted"], third["pages_failed"]) == ("submitted", 3, 0)
    assert third["gemini_job"].startswith("batches/")
    waiting = step()
    assert waiting["gemini_state"].startswith("JOB_STATE_")
    assert waiting["done"] is False
    listed = operator.get("/api/jobs?status=processing").json["jobs"]
    assert [job["gemini_batch_job"] for job in listed] == [third["gemini_job"]]
    at_gemini.release()
    at_gemini.wait_until_done()
    last = step()
    assert (last["done"], last["status"]) == (True, "completed")
    assert last["message"] == "Batch job completed: 3 succeeded, 0 failed"
    assert step() == last
    job = operator.get(f"/api/jobs/{job_id}").json["job"]
    assert (job["status"], job["batch_phase"], job["message"]) == ("completed", "completed", last["message"])
    assert job["progress"]["completed"] == 3
    assert job["cost_usd"] is None or job["cost_usd"] >= 0
    pages = operator.get(f"/api/books/{book.pk}").json["pages"]
    assert all(page["ocr"]["job_id"] == job_id and page["ocr"]["data"] for page in pages)


def test_it_answers_503_and_keeps_the_jobs_state_while_gemini_fails(
    operator: Api, make_book: BookMaker, origin: Origin, settings: Any
) -> None:
    settings.GEMINI_BASE_URL = "http://127.0.0.1:9"
    job_id = create(operator, make_book(1, images=origin))
    operator.post(f"/api/jobs/{job_id}/process")
    said = operator.post(f"/api/jobs/{job_id}/process")
    assert said.status == 503
    assert (said.json["retryable"], said.json["done"], said.json["job_id"]) == (True, False, job_id)
    assert said.json["error"]
    assert int(said.headers["Retry-After"]) >= 1
    assert operator.get(f"/api/jobs/{job_id}").json["job"]["status"] == "processing"


# --- Verbs -------------------------------------------------------------------------------------------------------
def test_it_pauses_resumes_and_cancels(operator: Api, make_book: BookMaker) -> None:
    job_id = create(operator, make_book(1))
    for verb, status in (
        ("pause", "paused"),
        ("resume", "pending"),
        ("cancel", "cancelled"),
        ("reset", "pending"),
    ):
        said = operator.post(f"/api/jobs/{job_id}/{verb}")
        assert (said.status, said.json["job"]["status"]) == (200, status)
        assert said.json["message"].endswith(".")


def test_a_paused_job_says_so_when_it_is_processed(operator: Api, make_book: BookMaker) -> None:
    job_id = create(operator, make_book(1))
    operator.post(f"/api/jobs/{job_id}/pause")
    said = operator.post(f"/api/jobs/{job_id}/process")
    assert (said.status, said.json["paused"], said.json["done"]) == (200, True, False)


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_it_answers_409_where_the_state_does_not_allow_a_verb(
    operator: Api, make_book: BookMaker, verb: str
) -> None:
    job_id = create(operator, make_book(1))
    said = operator.post(f"/api/jobs/{job_id}/{verb}")
    assert (said.status, set(said.json)) == (409, {"error"})


def test_a_cancelled_job_is_done_and_cannot_be_cancelled_again(operator: Api, make_book: BookMaker) -> None:
    job_id = create(operator, make_book(1))
    operator.post(f"/api/jobs/{job_id}/cancel")
    assert operator.post(f"/api/jobs/{job_id}/cancel").status == 409
    said = operator.post(f"/api/jobs/{job_id}/process")
    assert (said.status, said.json["done"], said.json["status"]) == (200, True, "cancelled")


def test_it_retries_the_failed_pages_that_are_named(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin
) -> None:
    book = make_book(3, images=origin)
    Page.objects.filter(book=book, number__gte=2).update(image_url=f"{origin.url}/bad/404")
    job_id = create(operator, book)
    operator.post(f"/api/jobs/{job_id}/process")
    failed = [row["page_id"] for row in operator.get(f"/api/jobs/{job_id}/pages?state=failed").json["pages"]]
    assert failed == ids_of(book)[1:]
    assert operator.post(f"/api/jobs/{job_id}/retry", {"page_ids": "all"}).status == 400
    said = operator.post(f"/api/jobs/{job_id}/retry", {"page_ids": failed[:1]})
    assert said.status == 200
    states = [row["state"] for row in operator.get(f"/api/jobs/{job_id}/pages").json["pages"]]
    assert states[1:] == ["waiting", "failed"]


# --- What is at Gemini -------------------------------------------------------------------------------------------
def test_it_lists_what_is_at_gemini_with_its_owner(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin
) -> None:
    at_gemini.hold()
    job_id = create(operator, make_book(1, images=origin))
    for _ in range(2):
        operator.post(f"/api/jobs/{job_id}/process")
    (batch,) = operator.get("/api/batch-jobs").json["jobs"]
    assert (batch["job_id"], batch["orphan"]) == (job_id, False)
    assert batch["name"].startswith("batches/")


def test_it_answers_503_when_gemini_cannot_be_asked(reader: Api, settings: Any) -> None:
    settings.GEMINI_BASE_URL = "http://127.0.0.1:9"
    said = reader.get("/api/batch-jobs")
    assert (said.status, said.json["retryable"]) == (503, True)
    assert "Retry-After" in said.headers
