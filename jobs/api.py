"""The jobs' calls of the JSON API: each is one verb of the lifecycle and nothing more."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.admin.models import CHANGE
from django.http import HttpResponse, StreamingHttpResponse

from books.models import Page
from jobs import lifecycle
from jobs.api_shapes import (
    ChangedJobAnswer,
    CreatedJobAnswer,
    JobBody,
    JobFilter,
    JobListAnswer,
    LedgerAnswer,
    LedgerFilter,
    OcrNowBody,
    OneJobAnswer,
    RealtimeAnswer,
    RemoteBatchesAnswer,
    RetryBody,
    StepAnswer,
    TranslateNowBody,
    as_order,
    created_answer,
    job_answer,
    ledger_row_answer,
    realtime_answer,
    remote_answer,
    skipped_answer,
)
from jobs.lifecycle.common import (
    Actor,
    BadOrder,
    JobNotFound,
    LifecycleError,
    Unavailable,
    find_job,
)
from jobs.lifecycle.create import NewJob, SkippedPage
from jobs.lifecycle.realtime import NoText
from jobs.lifecycle.remote import list_batches
from jobs.lifecycle.spending import SpendingLimit
from jobs.models import Job, JobPage
from jobs.operations import operation
from sourcebatch.lib.adminlog import record
from sourcebatch.lib.http import ApiError, Caller, answer, call, stream

SPEND, VIEW = "jobs.spend_money", "jobs.view_job"
# Conflict and NothingToDo, and whatever else the state of things does not allow, are 409.
STATUSES: dict[type[LifecycleError], int] = {JobNotFound: 404, BadOrder: 400, SpendingLimit: 402, NoText: 422}


@contextmanager
def in_http() -> Iterator[None]:
    """The lifecycle's refusals as the API says them."""
    try:
        yield
    except Unavailable as failing:
        more = {"retryable": True, "done": False, **failing.detail.get("payload", {})}
        more.pop("error", None)
        wait = {"Retry-After": str(max(1, math.ceil(failing.retry_after)))}
        raise ApiError(503, failing.sentence, headers=wait, **more) from failing
    except LifecycleError as refused:
        raise ApiError(STATUSES.get(type(refused), 409), refused.sentence, **_detail(refused)) from refused


def _detail(refused: LifecycleError) -> dict[str, Any]:
    """What else a refusal tells, as JSON."""
    detail: dict[str, Any] = {
        name: refused.detail[name] for name in ("errors", "reason") if name in refused.detail
    }
    skipped: list[SkippedPage] | None = refused.detail.get("skipped")
    return detail if skipped is None else {**detail, "skipped": [skipped_answer(one) for one in skipped]}


def _actor(caller: Caller) -> Actor:
    return Actor(caller.name, "api", token=not caller.by_session)


@call({200: JobListAnswer}, permission=VIEW, query=JobFilter)
def list_jobs(caller: Caller, query: JobFilter) -> StreamingHttpResponse:
    """List the jobs, newest first: all of them unless a limit is asked for."""
    wanted = query.model_dump(include={"status", "type", "book_id"}, exclude_none=True)
    jobs = Job.objects.filter(**wanted).order_by("-id")
    total = jobs.count()
    end = None if query.limit is None else query.offset + query.limit
    rows = jobs[query.offset : end].iterator(chunk_size=500)
    return stream((job_answer(job) for job in rows), before='{"jobs":[', after=f'],"total":{total}}}')


@call(
    {200: CreatedJobAnswer, 201: CreatedJobAnswer, 409: None},
    scope="operate", permission=SPEND, body=JobBody,
)  # fmt: skip
@in_http()
def create_job(caller: Caller, body: JobBody) -> HttpResponse:
    """Create a job for pages of one book.

    Pages that have the text already or are in another live job are left out, each with its reason; when nothing
    is left the answer is 409, or 200 with the live job that has all of them.
    """
    asked = body.model_dump(exclude={"overwrite"})
    made = lifecycle.create(NewJob(**asked, overwrite=as_order(body.overwrite)), _actor(caller))
    return answer(created_answer(made), 201 if made.created else 200)


@call({200: OneJobAnswer, 404: None}, permission=VIEW)
@in_http()
def show_job(caller: Caller, job_id: str) -> HttpResponse:
    """Show one job."""
    return answer({"job": job_answer(find_job(job_id))})


@call({200: LedgerAnswer, 404: None}, permission=VIEW, query=LedgerFilter)
@in_http()
def list_job_pages(caller: Caller, query: LedgerFilter, job_id: str) -> StreamingHttpResponse:
    """List the pages of a job: where each stands, and why."""
    rows = JobPage.objects.filter(job=find_job(job_id)).order_by("number", "id")
    if query.state:
        rows = rows.filter(state=query.state)
    found = rows.only("page_id", "number", "state", "reason", "error", "attempts").iterator(chunk_size=1000)
    return stream(map(ledger_row_answer, found), before='{"pages":[', after="]}")


@call({200: StepAnswer, 404: None}, scope="operate", permission=SPEND)
@in_http()
def process_job(caller: Caller, job_id: str) -> HttpResponse:
    """Do one bounded step of a job: prepare some pages, submit, poll, or collect.

    Safe to call at any time, by anyone, twice at once; `done` says when there is nothing more to do.
    """
    return answer(lifecycle.advance(job_id, _actor(caller)).payload)


def _changed(job_id: str, verb: Callable[[str, Actor], str], caller: Caller) -> HttpResponse:
    message = verb(job_id, _actor(caller))
    return answer({"job": job_answer(find_job(job_id)), "message": message})


@call({200: ChangedJobAnswer, 404: None, 409: None}, scope="operate", permission=SPEND)
@in_http()
def cancel_job(caller: Caller, job_id: str) -> HttpResponse:
    """End a live job; Gemini is told."""
    return _changed(job_id, lifecycle.cancel, caller)


@call({200: ChangedJobAnswer, 404: None, 409: None}, scope="operate", permission=SPEND)
@in_http()
def reset_job(caller: Caller, job_id: str) -> HttpResponse:
    """Start over with every page of a job that is not done."""
    return _changed(job_id, lifecycle.reset, caller)


@call({200: ChangedJobAnswer, 404: None, 409: None}, scope="operate", permission=SPEND, body=RetryBody)
@in_http()
def retry_job(caller: Caller, body: RetryBody, job_id: str) -> HttpResponse:
    """Send the failed pages of a job again, all of them or those named."""
    return _changed(job_id, lambda job, actor: lifecycle.retry(job, actor, page_ids=body.page_ids), caller)


@call({200: ChangedJobAnswer, 404: None, 409: None}, scope="operate", permission=SPEND)
@in_http()
def pause_job(caller: Caller, job_id: str) -> HttpResponse:
    """Send nothing more of a job until it is resumed."""
    return _changed(job_id, lifecycle.pause, caller)


@call({200: ChangedJobAnswer, 404: None, 409: None}, scope="operate", permission=SPEND)
@in_http()
def resume_job(caller: Caller, job_id: str) -> HttpResponse:
    """Go on with a paused job."""
    return _changed(job_id, lifecycle.resume, caller)


@call({200: RemoteBatchesAnswer}, permission=VIEW)
@in_http()
def list_batch_jobs(caller: Caller) -> HttpResponse:
    """List what is at Gemini now, each batch with the job here that owns it."""
    return answer({"jobs": [remote_answer(one) for one in list_batches()]})


NOW = {200: RealtimeAnswer, 402: None, 409: None, 422: None}


@call(NOW, scope="operate", permission=SPEND, body=OcrNowBody)
@in_http()
def ocr_now(caller: Caller, body: OcrNowBody) -> HttpResponse:
    """Transcribe one page at once, at realtime price."""
    return _now("batch_ocr", caller, body)


@call(NOW, scope="operate", permission=SPEND, body=TranslateNowBody)
@in_http()
def translate_now(caller: Caller, body: TranslateNowBody) -> HttpResponse:
    """Translate one page at once, at realtime price."""
    return _now("batch_translate", caller, body)


def _now(type_: str, caller: Caller, body: OcrNowBody | TranslateNowBody) -> HttpResponse:
    asked = body.model_dump(exclude_none=True, exclude={"overwrite"})
    overwrite = as_order(body.overwrite)
    done = lifecycle.process_now(type_, **asked, overwrite=overwrite, actor=_actor(caller))
    if done.saved:
        pages = Page.objects.filter(pk=done.page_id)
        record(_actor(caller), pages, CHANGE, f"{operation(type_).kind} at once by {done.model}")
    return answer(realtime_answer(done))
