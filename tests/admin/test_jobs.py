"""The page of a job: what it shows, what may be done there, and that each verb does what its button says."""

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from jobs import lifecycle
from jobs.admin import bulk
from jobs.models import Job, JobPage, PageState
from tests.admin.test_orders import said
from tests.support.library import TESTER, make_book, order_ocr, run
from tests.support.localgemini import LocalGemini

JOBS = "admin:jobs_job_changelist"


def page_of(job: Job, query: str = "") -> str:
    return reverse("admin:jobs_job_change", args=[job.pk]) + query


def do(client: Client, job: Job, verb: str, **form: str) -> Any:
    return client.post(reverse("admin:jobs_job_do", args=[job.pk, verb]), form)


def fail(job: Job, reason: str = "recitation", *, pages: int = 1, answer: str = "") -> list[str]:
    """Let the first pages of a job fail; their ids in the ledger."""
    rows = list(job.ledger.order_by("number")[:pages])
    for row in rows:
        row.state, row.is_open, row.reason = PageState.FAILED, False, reason
        row.error, row.answer = f"Gemini said {reason}.", answer
        row.save()
    job.progress = job.progress | {"failed": pages, "open": job.ledger.filter(is_open=True).count()}
    job.save()
    return [row.pk for row in rows]


def test_the_page_shows_figures_that_balance_and_where_the_job_stands(operator: Client) -> None:
    job = order_ocr(make_book(3))
    page = operator.get(page_of(job))
    figures = page.context["figures"]
    assert figures.requested == figures.waiting == 3
    assert next(step.label for step in page.context["timeline"]) == "Created"
    assert job.model in said(page)
    assert job.prompt_version in said(page)


def test_a_job_runs_to_its_end_by_the_process_button_alone(operator: Client, local: LocalGemini) -> None:
    job = order_ocr(make_book(2))
    for _ in range(30):
        do(operator, job, "process")
        job.refresh_from_db()
        if job.is_ended:
            break
        local.wait_until_done()
    assert (job.status, job.progress["completed"]) == ("completed", 2)
    page = said(operator.get(page_of(job)))
    assert "2 succeeded, 0 failed" in page
    assert "The job has ended." in page


def test_a_job_that_sent_nothing_has_cost_nothing(operator: Client, local: LocalGemini) -> None:
    book = make_book(1)
    job = order_ocr(book)
    assert "Real cost not known yet" in said(operator.get(page_of(job)))
    lifecycle.cancel(job.pk, TESTER)
    assert "Real cost $0" in said(operator.get(page_of(job)))


def test_what_goes_on_can_be_fetched_without_loading_the_page_again(operator: Client) -> None:
    job = order_ocr(make_book(2))
    answer = operator.get(reverse("admin:jobs_job_live", args=[job.pk])).json()
    assert answer["ended"] is False
    assert "Pending" in answer["parts"]["live"]
    assert answer["parts"]["ledger"].count("Waiting</") >= 2
    Job.objects.filter(pk=job.pk).update(status="cancelled")
    assert operator.get(reverse("admin:jobs_job_live", args=[job.pk])).json()["ended"] is True


def test_the_ledger_is_fetched_again_as_it_was_filtered(operator: Client) -> None:
    job = order_ocr(make_book(2))
    address = reverse("admin:jobs_job_live", args=[job.pk])
    assert "No page is in this state." not in operator.get(address).json()["parts"]["ledger"]
    assert "No page is in this state." in operator.get(address, {"state": "failed"}).json()["parts"]["ledger"]


def test_i14_each_failed_page_shows_its_reason_and_is_redone_with_one_click(operator: Client) -> None:
    job = order_ocr(make_book(3))
    rows = fail(job, pages=2)
    page = operator.get(page_of(job, "?state=failed"))
    assert said(page).count("Gemini stopped because the text resembles a published one") >= 2
    assert "Gemini said recitation." in said(page)
    address = reverse("admin:jobs_job_retry_pages", args=[job.pk])
    operator.post(address, {"row": rows[0]})
    assert sorted(JobPage.objects.values_list("state", flat=True)) == ["failed", "waiting", "waiting"]
    operator.post(address, {"all": "1", "reason": "recitation"})
    assert set(JobPage.objects.values_list("state", flat=True)) == {"waiting"}


def test_only_pages_of_this_job_with_the_chosen_reason_are_redone(operator: Client) -> None:
    job, other = order_ocr(make_book(2)), order_ocr(make_book(2))
    fail(job, "recitation", pages=1)
    foreign = fail(other, "recitation", pages=1)
    address = reverse("admin:jobs_job_retry_pages", args=[job.pk])
    operator.post(address, {"row": foreign})
    operator.post(address, {"all": "1", "reason": "loop"})
    assert JobPage.objects.filter(state="failed").count() == 2


def test_the_ledger_can_be_filtered_and_is_shown_fifty_at_a_time(operator: Client) -> None:
    job = order_ocr(make_book(60))
    fail(job, pages=3)
    assert len(operator.get(page_of(job)).context["ledger"].rows) == 50
    assert len(operator.get(page_of(job, "?p=2")).context["ledger"].rows) == 10
    assert len(operator.get(page_of(job, "?state=failed")).context["ledger"].rows) == 3
    assert operator.get(page_of(job, "?state=nonsense&p=x&reason=none")).status_code == 200


def test_the_page_of_a_large_job_needs_few_queries(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    job = order_ocr(make_book(60))
    operator.get(page_of(job))
    with django_assert_max_num_queries(25):
        operator.get(page_of(job))


def test_i55_what_gemini_answered_is_shown_as_text(operator: Client) -> None:
    job = order_ocr(make_book(1))
    evil = "<script>alert(1)</script>"
    row = fail(job, answer=evil)[0]
    JobPage.objects.filter(pk=row).update(error=evil)
    page = operator.get(page_of(job))
    assert evil not in page.content.decode()
    raw = operator.get(reverse("admin:jobs_job_answer", args=[job.pk, row]))
    assert raw["Content-Type"].startswith("text/plain")
    assert raw["X-Content-Type-Options"] == "nosniff"
    assert evil in raw.content.decode()


@pytest.mark.parametrize("verb", ["cancel", "reset", "retry"])
def test_a_verb_that_cannot_be_taken_back_asks_first(operator: Client, verb: str) -> None:
    job = order_ocr(make_book(2))
    fail(job)
    asked = do(operator, job, verb)
    assert asked.status_code == 200
    assert 'name="confirmed"' in asked.content.decode()
    assert job.events.count() == 1
    do(operator, job, verb, confirmed="yes")
    assert job.events.filter(verb=verb, actor="librarian", via="admin").exists()


def test_pause_and_resume_do_what_they_say_and_are_in_both_logs(operator: Client) -> None:
    job = order_ocr(make_book(1))
    do(operator, job, "pause")
    job.refresh_from_db()
    assert job.status == "paused"
    do(operator, job, "resume")
    job.refresh_from_db()
    assert job.status in ("pending", "processing")
    assert [event.verb for event in job.events.order_by("id")] == ["create", "pause", "resume"]
    assert LogEntry.objects.filter(object_id=job.pk, change_message__endswith="(admin)").count() == 2


def test_what_the_state_forbids_is_explained_and_does_nothing(operator: Client) -> None:
    job = order_ocr(make_book(1))
    answer = do(operator, job, "resume")
    assert answer.status_code == 302
    assert "Only a paused job can be resumed." in said(operator.get(answer["Location"]))
    assert job.events.count() == 1


def test_verbs_are_posted_never_followed_by_a_link(operator: Client) -> None:
    job = order_ocr(make_book(1))
    for verb in ("pause", "cancel"):
        assert operator.get(reverse("admin:jobs_job_do", args=[job.pk, verb])).status_code == 405
    assert operator.get(reverse("admin:jobs_job_retry_pages", args=[job.pk])).status_code == 405


@pytest.mark.parametrize("address", ["/admin/jobs/job/nothing/change/", "/admin/jobs/job/nothing/live/"])
def test_a_job_that_is_not_there_is_404(operator: Client, address: str) -> None:
    assert operator.get(address).status_code == 404


def test_an_unknown_verb_is_404(operator: Client) -> None:
    assert do(operator, order_ocr(make_book(1)), "explode").status_code == 404


def test_gemini_out_of_reach_is_a_message_not_an_error_page(operator: Client) -> None:
    job = order_ocr(make_book(1))
    for _ in range(3):
        answer = do(operator, job, "process")
        assert answer.status_code == 302
    job.refresh_from_db()
    assert not job.is_ended


def bulk_post(client: Client, verb: str, jobs: list[Job], **form: str) -> Any:
    return client.post(reverse(JOBS), {"action": verb, "_selected_action": [job.pk for job in jobs], **form})


def test_cancelling_many_shows_counts_first(operator: Client) -> None:
    live, ended = order_ocr(make_book(2)), order_ocr(make_book(2))
    Job.objects.filter(pk=ended.pk).update(status="cancelled")
    asked = bulk_post(operator, "cancel", [live, ended])
    assert (asked.context["count"].ids, asked.context["count"].open) == ([live.pk], 2)
    assert "1 job is left alone: The job has ended." in said(asked)
    live.refresh_from_db()
    assert live.status == "pending"
    bulk_post(operator, "cancel", [live, ended], confirmed="yes")
    live.refresh_from_db()
    assert live.status == "cancelled"


def test_pausing_many_needs_no_question(operator: Client) -> None:
    jobs = [order_ocr(make_book(1)) for _ in range(2)]
    assert bulk_post(operator, "pause", jobs).status_code == 302
    assert set(Job.objects.values_list("status", flat=True)) == {"paused"}


def test_very_many_are_left_to_the_worker(operator: Client) -> None:
    book = make_book(1)
    Job.objects.bulk_create(
        Job(type="batch_ocr", book=book, book_title=f"J{n}", model="m", progress={"total": 1, "open": 1})
        for n in range(bulk.AT_ONCE + 1)
    )
    first = Job.objects.first()
    assert first
    bulk_post(operator, "pause", [first], select_across="1")
    assert not Job.objects.filter(status="paused").exists()
    for queued in [one.task for one in OrmQ.objects.all()]:
        if queued["func"] == "jobs.admin.bulk.perform_many":
            bulk.perform_many(*queued["args"])
    assert Job.objects.filter(status="paused").count() == bulk.AT_ONCE + 1


def test_who_did_what_is_told_whichever_way_it_was_done(operator: Client, local: LocalGemini) -> None:
    job = order_ocr(make_book(1))
    run(job)
    do(operator, job, "process")
    page = operator.get(page_of(job))
    assert {event.verb for event in page.context["events"]} >= {"create", "submit", "finish"}
    assert re.search(r"[Cc]reated? tester \([^)]*command\)", said(page))


def test_the_answer_of_the_live_page_is_json_that_escapes_titles(operator: Client) -> None:
    job = order_ocr(make_book(1, title="</script><b>x"))
    body = operator.get(reverse("admin:jobs_job_live", args=[job.pk])).content.decode()
    assert re.search(r"<b>x", "".join(json.loads(body)["parts"].values())) is None
