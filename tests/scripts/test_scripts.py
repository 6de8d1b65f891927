"""The two shell scripts, run by bash with curl and jq against a running server."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from books.models import ApiToken, Book, Kind, Page, PageText
from jobs.models import Job, JobPage
from tests.api.conftest import BookMaker
from tests.scripts.conftest import SCRIPTS, Ran, Run, tool
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

TITLES = [
    "Epigrammata clarissimi disertissimique viri Thomae Mori", "\"Quoted\" and 'quoted'", "Ἐπιγράμματα Ἑλληνικά",
    "one\ntwo\r\nthree", "tab\tand\\backslash\\n", "$(touch hacked) `touch hacked` $HOME", "--request DELETE",
    "* ? [a-z] {1,2}", "; rm -rf x & | > y #", " spaces  around ", "{\"title\": null}", "%s %d %n", "@/etc/passwd",
    "Ünïcödé \U0001f4d6 עברית \u202e\u200d", "x" * 1000, "ἐ" * 41, "null", "0", "</title><b>bold</b>", "\x1f\x7f",
]  # fmt: skip
LANGUAGES = ["la", "grc", "de", ""]


@pytest.fixture
def library(transactional_db: None, make_book: BookMaker, origin: Origin) -> list[Book]:
    """40 books of two pages with awkward titles, each in its own language."""
    return [
        make_book(2, images=origin, title=TITLES[n % len(TITLES)], language=LANGUAGES[n % len(LANGUAGES)])
        for n in range(40)
    ]


def assert_fine(ran: Ran) -> None:
    assert (ran.code, ran.err) == (0, ""), ran.out[-3000:] + ran.err


@pytest.mark.slow
def test_the_scripts_take_a_whole_library_to_the_end(
    run: Run, library: list[Book], at_gemini: LocalGemini, tmp_path: Path
) -> None:
    for type_ in ("batch_ocr", "batch_translate"):
        submitted = run("process-all-batches.sh")
        assert_fine(submitted)
        assert "40 jobs submitted, 0 books with nothing to do, 0 failed." in submitted.out
        at_gemini.wait_until_done(60)
        completed = run("complete-batch-jobs.sh")
        assert_fine(completed)
        assert "40 jobs completed, 0 still at Gemini, 0 failed." in completed.out
        assert completed.out.count("Batch job completed: 2 succeeded, 0 failed") == 40
        jobs = {job.book_id: job for job in Job.objects.filter(type=type_)}
        assert {book.pk: (jobs[book.pk].language, jobs[book.pk].book_title) for book in library} == {
            book.pk: (book.language, book.title) for book in library
        }
    assert PageText.objects.current().filter(kind=Kind.OCR).count() == 80
    assert PageText.objects.current().filter(kind=Kind.TRANSLATION).count() == 80
    again = run("process-all-batches.sh")
    assert_fine(again)
    assert "0 jobs submitted, 0 books with nothing to do, 0 failed." in again.out
    assert Job.objects.count() == 80
    assert not list(tmp_path.glob("hacked"))


def test_a_job_that_is_under_way_is_not_made_again(
    run: Run, make_book: BookMaker, origin: Origin, at_gemini: LocalGemini
) -> None:
    make_book(1, images=origin)
    at_gemini.hold()
    for expected in ("Submitted 1 pages to Gemini as batches/", "State: JOB_STATE_"):
        ran = run("process-all-batches.sh")
        assert_fine(ran)
        assert expected in ran.out
    waiting = run("complete-batch-jobs.sh")
    assert_fine(waiting)
    assert "0 jobs completed, 1 still at Gemini, 0 failed." in waiting.out
    assert Job.objects.count() == 1


def test_nothing_to_do_is_fine(run: Run, make_book: BookMaker, origin: Origin) -> None:
    book = make_book(1, images=origin)
    Page.objects.filter(book=book).update(blank=True)  # and the book's count of blanks is behind
    ran = run("process-all-batches.sh")
    assert_fine(ran)
    assert "Nothing to do: " in ran.out
    assert "0 jobs submitted, 1 books with nothing to do, 0 failed." in ran.out


def test_an_empty_library_is_fine(run: Run) -> None:
    assert_fine(run("process-all-batches.sh"))
    ran = run("complete-batch-jobs.sh")
    assert_fine(ran)
    assert "0 jobs completed, 0 still at Gemini, 0 failed." in ran.out


def test_five_thousand_page_ids_arrive_and_the_loop_has_an_end(run: Run, make_book: BookMaker) -> None:
    book = make_book(5000)
    Page.objects.filter(book=book).update(image_url="http://127.0.0.1:9/1.jpg")
    ran = run("process-all-batches.sh", MAX_STEPS="1")
    assert JobPage.objects.count() == 5000
    assert ran.code == 1
    assert "is not at Gemini after 1 steps" in ran.err


def test_a_book_that_fails_is_told_and_counted_and_does_not_stop_the_others(
    run: Run, make_book: BookMaker, origin: Origin
) -> None:
    bad, good = make_book(1, images=origin, title="bad"), make_book(1, images=origin, title="good")
    Page.objects.filter(book=bad).update(image_url=f"{origin.url}/bad/404")
    ran = run("process-all-batches.sh")
    assert ran.code == 1
    assert "1 jobs submitted, 0 books with nothing to do, 1 failed." in ran.out
    assert "failed: No page could be prepared" in ran.err
    assert ran.err.startswith("process-all-batches.sh: job ")
    assert Job.objects.get(book=good).gemini_batch_job


def test_a_job_that_failed_at_gemini_is_told_and_counted(
    run: Run, make_book: BookMaker, origin: Origin, at_gemini: LocalGemini, settings: Any
) -> None:
    settings.MAX_ATTEMPTS = 1
    make_book(1, images=origin)
    at_gemini.hold()
    assert_fine(run("process-all-batches.sh"))
    at_gemini.change_batches(final="BATCH_STATE_FAILED", complete=True)
    ran = run("complete-batch-jobs.sh")
    assert ran.code == 1, ran
    assert "0 jobs completed, 0 still at Gemini, 1 failed." in ran.out
    assert "failed: None of the 1 pages" in ran.err


def test_gemini_being_away_is_waited_for_a_bounded_number_of_times(
    run: Run, make_book: BookMaker, origin: Origin, settings: Any
) -> None:
    make_book(1, images=origin)
    settings.GEMINI_BASE_URL = "http://127.0.0.1:9"
    ran = run("process-all-batches.sh", MAX_WAITS="2", MAX_WAIT_SECONDS="1")
    assert ran.code == 1
    assert ran.out.count("Waiting 1 s: HTTP 503") == 2
    assert "HTTP 503" in ran.err


def test_a_job_that_waits_for_money_is_a_failure_with_its_reason(
    run: Run, make_book: BookMaker, origin: Origin, settings: Any
) -> None:
    make_book(1, images=origin)
    settings.SPEND_LIMIT_DAY_USD = 0
    ran = run("process-all-batches.sh")
    assert ran.code == 1
    assert "waits: The spending limit" in ran.err


@pytest.mark.parametrize("script", ["process-all-batches.sh", "complete-batch-jobs.sh"])
def test_a_token_that_opens_nothing_ends_it_with_one_clear_line(run: Run, script: str) -> None:
    for token in ("sb_nonsense", ""):
        ran = run(script, SOURCEBATCH_TOKEN=token)
        assert ran.code == 2
        assert "HTTP 401" in ran.err
        assert len(ran.err.splitlines()) == 1
    assert run(script, SOURCEBATCH_TOKEN='x"\nurl = "http://elsewhere').code == 2


def test_a_token_that_may_only_read_is_a_failure_of_each_book(run: Run, make_book: BookMaker) -> None:
    make_book(1)
    ran = run("process-all-batches.sh", SOURCEBATCH_TOKEN=ApiToken.issue("r", ApiToken.Scope.READ)[1])
    assert ran.code == 1
    assert "HTTP 403" in ran.err


@pytest.mark.parametrize("script", ["process-all-batches.sh", "complete-batch-jobs.sh"])
def test_a_server_that_is_away_ends_it_with_one_clear_line(run: Run, script: str) -> None:
    ran = run(script, BASE_URL="http://127.0.0.1:9")
    assert ran.code == 2
    assert "HTTP 000: curl: (7)" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("script", ["process-all-batches.sh", "complete-batch-jobs.sh"])
def test_a_server_that_is_not_ours_ends_it_with_one_clear_line(run: Run, script: str, origin: Origin) -> None:
    ran = run(script, BASE_URL=origin.url)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_the_token_may_come_from_curlrc_and_is_never_an_argument(
    run: Run, make_book: BookMaker, origin: Origin, token: str, tmp_path: Path
) -> None:
    make_book(1, images=origin)
    shim = tmp_path / "bin"
    shim.mkdir()
    real = tool("curl")
    (shim / "curl").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/arguments\nexec {real} "$@"\n')
    (shim / "curl").chmod(0o755)
    path = f"{shim}:{os.environ['PATH']}"
    assert_fine(run("process-all-batches.sh", PATH=path))
    (tmp_path / ".curlrc").write_text(f'header = "Authorization: Bearer {token}"\n')
    assert_fine(run("complete-batch-jobs.sh", PATH=path, SOURCEBATCH_TOKEN=""))
    arguments = (tmp_path / "arguments").read_text()
    assert "/api/books?needs=ocr" in arguments
    assert token not in arguments


def test_nothing_is_left_behind_in_the_temporary_folder(
    run: Run, make_book: BookMaker, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    make_book(0)
    assert_fine(run("process-all-batches.sh", TMPDIR=str(folder)))
    assert run("complete-batch-jobs.sh", TMPDIR=str(folder), SOURCEBATCH_TOKEN="x").code == 2
    assert list(folder.iterdir()) == []


def test_the_scripts_can_be_called_from_anywhere(run: Run, live_server: LiveServer) -> None:
    for script in ("process-all-batches.sh", "complete-batch-jobs.sh"):
        assert os.access(SCRIPTS / script, os.X_OK)
        assert (SCRIPTS / script).read_text().startswith("#!/usr/bin/env bash\n")


def test_shellcheck_finds_nothing() -> None:
    scripts = sorted(str(script) for script in SCRIPTS.glob("*.sh"))
    found = subprocess.run(
        [tool("shellcheck"), "-x", "-P", str(SCRIPTS.parent), *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")
