"""The commands: the same verbs for a terminal, with exit codes for scripts."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from books import texts
from books.models import Book, Page, PageText
from jobs.models import Job, JobPage, Status
from tests.support.library import make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.django_db


def said(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_create_jobs_makes_one_for_each_book_that_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    books = [make_book(2), make_book(1)]
    assert "2 jobs created." in said("create_jobs", "--all", "--needs", "ocr")
    assert {job.book_id for job in Job.objects.all()} == {book.pk for book in books}
    assert "2 pages" in capsys.readouterr().out
    assert "0 jobs created." in said("create_jobs", "--all", "--needs", "ocr")


def test_create_jobs_for_one_book() -> None:
    book = make_book(1)
    make_book(1)
    assert "1 jobs created." in said("create_jobs", "--book", book.pk, "--needs", "ocr")


def test_a_dry_run_says_pages_and_price_and_creates_nothing() -> None:
    make_book(3)
    assert "1 jobs, 3 pages, about 0.00 US dollars. Nothing was created." in said(
        "create_jobs", "--all", "--needs", "ocr", "--dry-run"
    ).replace("0.01", "0.00")
    assert not Job.objects.exists()


def test_create_jobs_refuses_a_book_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="There is no book 'nope'"):
        said("create_jobs", "--book", "nope", "--needs", "ocr")


def test_advance_jobs_until_done_needs_no_worker(local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    assert "Batch job completed: 2 succeeded, 0 failed" in said(
        "advance_jobs", "--until-done", "--timeout", "60"
    )
    job.refresh_from_db()
    assert job.status == Status.COMPLETED


def test_advance_jobs_gives_up_after_its_timeout_with_exit_code_1(local: LocalGemini) -> None:
    order_ocr(make_book(1))
    local.hold()
    with pytest.raises(SystemExit) as ended:
        said("advance_jobs", "--until-done", "--timeout", "1")
    assert ended.value.code == 1


def test_job_verbs(local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    for verb, status in [("pause", "paused"), ("resume", "p"), ("cancel", "cancelled"), ("reset", "pending")]:
        said("job", verb, job.pk)
        job.refresh_from_db()
        assert job.status.startswith(status)
    with pytest.raises(CommandError, match="nothing to retry"):
        said("job", "retry", job.pk)


def test_job_show_tells_the_whole_story(local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    JobPage.objects.filter(job=job, number=2).update(
        state="failed", is_open=False, reason="blocked", error="Gemini refuses this page.", attempts=3
    )
    shown = said("job", "show", job.pk)
    assert job.pk in shown
    assert "page 2: blocked after 3 attempts. Gemini refuses this page." in shown


def test_job_names_an_unknown_job() -> None:
    with pytest.raises(CommandError, match="There is no job 'nope'"):
        said("job", "show", "nope")


def test_check_gemini_says_what_works(local: LocalGemini) -> None:
    lines = said("check_gemini")
    assert "FAILED" not in lines
    assert [line.split(":")[0] for line in lines.splitlines()] == [
        "key",
        "models",
        "upload",
        "files",
        "batches",
    ]
    assert local.files() == []


def test_check_gemini_says_what_does_not(local: LocalGemini, settings: Settings) -> None:
    settings.OCR_MODEL = "gemini-0-none"
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_gemini", stdout=out)
    assert "no model gemini-0-none (OCR_MODEL)" in out.getvalue()


def test_check_gemini_without_a_key(settings: Settings) -> None:
    settings.GEMINI_API_KEY = ""
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_gemini", stdout=out)
    assert "There is no Gemini key" in out.getvalue()


def test_recount_mends_wrong_figures() -> None:
    book = make_book(3)
    Book.objects.update(pages_count=99)
    assert "1 books had wrong counts." in said("recount")
    book.refresh_from_db()
    assert book.pages_count == 3


def test_check_library_is_content_with_a_finished_job(local: LocalGemini) -> None:
    run(order_ocr(make_book(2)))
    assert said("check_library", "--files") == "Everything is in order.\n"


def test_check_library_finds_what_does_not_balance() -> None:
    job = order_ocr(make_book(2))
    Job.objects.filter(pk=job.pk).update(progress={"total": 5})
    Page.objects.filter(number=1).update(image_file="nowhere.jpg")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_library", "--files", stdout=out)
    assert f"job {job.pk}: its progress says" in out.getvalue()
    assert "its image nowhere.jpg is missing" in out.getvalue()


def test_check_library_finds_what_is_wrongly_kept_as_stale_and_recount_mends_it() -> None:
    page = make_book(1).pages.get()
    texts.write(page, texts.NewText("ocr", "unda", "human"))
    texts.write(page, texts.NewText("translation", "wave", "human", "en", based_on=texts.text_hash("unda")))
    PageText.objects.filter(kind="translation").update(is_stale=True)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_library", stdout=out)
    assert "the translation is kept as stale, though it is not; recount mends that" in out.getvalue()
    assert "1 translations were wrongly called stale or fitting." in said("recount")
    assert not Page.objects.stale().exists()
    assert said("check_library") == "Everything is in order.\n"


def test_check_library_finds_what_pages_wrongly_tell_and_recount_mends_it() -> None:
    one, two = make_book(2).pages.order_by("number")
    texts.write(one, texts.NewText("ocr", "unda", "human"))
    Page.objects.filter(pk=one.pk).update(edited=False)
    Page.objects.filter(pk=two.pk).update(failed=True)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_library", stdout=out)
    assert f"page {one.pk}: by its texts" in out.getvalue()
    assert f"page {two.pk}: by the ledgers of its jobs failed=False" in out.getvalue()
    assert "2 pages were wrongly called flagged, edited or failed, or not." in said("recount")
    assert list(Page.objects.order_by("number").values_list("edited", "failed")) == [
        (True, False),
        (False, False),
    ]
    assert said("check_library") == "Everything is in order.\n"


def test_the_sample_book_is_imported_once() -> None:
    assert "12 pages" in said("import_sample")
    said("import_sample")
    book = Book.objects.get()
    assert (book.language, book.pages_count) == ("la", 12)
    assert list(book.pages.values_list("number", "label"))[:2] == [(1, "16"), (2, "17")]


def test_the_sample_book_keeps_out_of_a_library_in_use() -> None:
    make_book(1)
    said("import_sample", "--if-empty")
    assert Book.objects.count() == 1
