"""What the jobs' part of the JSON API takes and gives: pydantic models in, TypedDicts out."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from books.api_shapes import ImageUrl
from jobs.lifecycle.common import Figures
from jobs.lifecycle.create import Created, SkippedPage
from jobs.lifecycle.finish import message
from jobs.lifecycle.realtime import RealtimeResult
from jobs.lifecycle.remote import OwnedBatch
from jobs.models import Job, JobPage, PageState, Status
from jobs.operations import operation, operations
from sourcebatch.lib.clock import rfc3339
from sourcebatch.lib.http import Body, Query, Time

MAX_TEXT = 200_000


def _known(type_: str) -> str:
    try:
        return operation(type_).type
    except KeyError as unknown:
        raise ValueError(unknown.args[0]) from None


def _enumerated(schema: dict[str, Any]) -> None:
    schema["enum"] = list(operations())


JobType = Annotated[str, AfterValidator(_known), Field(json_schema_extra=_enumerated)]
PageId = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(max_length=100)]
# What can stand in an address at Gemini as the name of a model and nothing else.
ModelName = Annotated[
    str, Field(max_length=100, pattern=r"^([A-Za-z0-9][A-Za-z0-9_@-]*([./][A-Za-z0-9_@-]+)*)?$")
]
Overwrite = Annotated[
    bool | Literal["machine", "human"],
    Field(description="true or machine: make machine text again; human: replace a person's text too"),
]


def as_order(overwrite: bool | str) -> str:
    """The lifecycle's word for it: nothing, `machine` or `human`."""
    if isinstance(overwrite, str):
        return overwrite
    return "machine" if overwrite else ""


class JobBody(Body):
    """A job to be created. Pages that need nothing are left out with a reason."""

    type: JobType
    book_id: PageId
    page_ids: Annotated[list[PageId], Field(min_length=1)]
    book_title: Annotated[str, Field(max_length=1000, description="For display only")] = ""
    language: Annotated[str, Field(max_length=100, description="The book's own wins")] = ""
    target_language: Name = ""
    model: ModelName = ""
    overwrite: Overwrite = False


class RetryBody(Body):
    """Which of the failed pages are sent again: all of them, or those named."""

    page_ids: list[PageId] | None = None


class OcrNowBody(Body):
    """One page (`page_id`) or one image (`image_url`), read at once at realtime price."""

    page_id: PageId | None = None
    image_url: ImageUrl | None = None
    language: Name = ""
    model: ModelName = ""
    save: bool = True
    overwrite: Overwrite = False


class TranslateNowBody(Body):
    """One page (`page_id`) or one text (`text`), translated at once at realtime price."""

    page_id: PageId | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    language: Name = ""
    target_language: Name = ""
    model: ModelName = ""
    save: bool = True
    overwrite: Overwrite = False


class JobFilter(Query):
    """Which jobs are listed: all of them unless `limit` is given."""

    status: Status | None = None
    type: JobType | None = None
    book_id: str | None = None
    limit: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    offset: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0


class LedgerFilter(Query):
    """Which pages of a job are listed."""

    state: PageState | None = None


class ProgressAnswer(TypedDict):
    """Pages of a job: `total` is the sum of completed, failed, skipped and open."""

    total: int
    completed: int
    failed: int
    skipped: int
    open: int
    waiting: int
    prepared: int
    submitted: int


class JobAnswer(TypedDict):
    """A job. Costs are US dollars, null when a price is unknown; `waiting_for` says what holds it up."""

    id: str
    type: str
    status: str
    batch_phase: str
    book_id: str
    book_title: str
    language: str
    target_language: str
    model: str
    prompt_version: str
    overwrite: str
    use_batch_api: bool
    gemini_batch_job: str | None
    gemini_state: str | None
    error: str | None
    waiting_for: str | None
    message: str | None
    progress: ProgressAnswer
    priority: int
    estimated_cost_usd: float | None
    cost_usd: float | None
    created_by: str
    created_via: str
    created_at: Time
    updated_at: Time
    started_at: Time | None
    completed_at: Time | None


class JobListAnswer(TypedDict):
    """Jobs, newest first; `total` counts all that match, whatever the limit."""

    jobs: list[JobAnswer]
    total: int


class OneJobAnswer(TypedDict):
    """One job."""

    job: JobAnswer


class ChangedJobAnswer(OneJobAnswer):
    """A job after a verb, and one sentence about what was done."""

    message: str


class SkippedAnswer(TypedDict):
    """A page that a job leaves out: a code, and a sentence that explains it."""

    page_id: str
    page_number: int
    reason: str
    explanation: str


class CreatedJobAnswer(JobAnswer):
    """The new job, in `job` and at the top level too. `created` is false when a live job does all of it already."""

    job: JobAnswer
    created: bool
    skipped: list[SkippedAnswer]
    notices: list[str]


class LedgerRowAnswer(TypedDict):
    """One page of a job; `error` says in a sentence why it failed or was left out, `reason` as a code."""

    page_id: str
    page_number: int
    state: str
    reason: str | None
    error: str | None
    attempts: int


class LedgerAnswer(TypedDict):
    """The pages of a job in the order of their numbers."""

    pages: list[LedgerRowAnswer]


class StepAnswer(TypedDict):
    """One step of a job. `continue`: another step can go on at once; `busy`: somebody else is working on it."""

    job_id: str
    status: str
    done: bool
    phase: NotRequired[str]
    prepared: NotRequired[int]
    failed: NotRequired[int]
    remaining: NotRequired[int]
    skipped: NotRequired[int]
    gemini_job: NotRequired[str]
    gemini_state: NotRequired[str]
    pages_submitted: NotRequired[int]
    pages_failed: NotRequired[int]
    pages_skipped: NotRequired[int]
    collect_before: NotRequired[str | None]
    busy: NotRequired[bool]
    paused: NotRequired[bool]
    waiting: NotRequired[str]
    message: NotRequired[str]
    error: NotRequired[str]


class RemoteBatchAnswer(TypedDict):
    """A batch at Gemini. An orphan belongs to no job here."""

    name: str
    display_name: str
    state: str
    model: str
    create_time: str
    job_id: str | None
    orphan: bool


class RemoteBatchesAnswer(TypedDict):
    """What is at Gemini now."""

    jobs: list[RemoteBatchAnswer]


class UsageAnswer(TypedDict):
    """What one call used; thinking is paid as output. `cost_usd` is null when the price is unknown."""

    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: float | None


class RealtimeAnswer(TypedDict):
    """The text of one page."""

    page_id: str | None
    text: str
    model: str
    usage: UsageAnswer
    saved: bool
    warnings: list[str]


def progress_answer(job: Job) -> ProgressAnswer:
    """The figures kept on the job."""
    kept = job.progress
    found: Any = {name: int(kept.get(name, 0)) for name in ProgressAnswer.__annotations__}
    told: ProgressAnswer = found
    return told


def _message(job: Job) -> str | None:
    if not job.is_ended:
        return None
    kept = progress_answer(job)
    return message(job, Figures(succeeded=kept["completed"], failed=kept["failed"], skipped=kept["skipped"]))


def _usd(micro: int | None) -> float | None:
    return None if micro is None else micro / 1_000_000


def job_answer(job: Job) -> JobAnswer:
    """A job as lists and single answers tell it, without a query."""
    return {
        "id": job.pk, "type": job.type, "status": job.status, "batch_phase": job.batch_phase,
        "book_id": job.book_id, "book_title": job.book_title, "language": job.language,
        "target_language": job.target_language, "model": job.model, "prompt_version": job.prompt_version,
        "overwrite": job.overwrite, "use_batch_api": job.use_batch_api,
        "gemini_batch_job": job.gemini_batch_job or None, "gemini_state": job.gemini_state or None,
        "error": job.error or None, "waiting_for": job.waiting_for or None, "message": _message(job),
        "progress": progress_answer(job), "priority": job.priority,
        "estimated_cost_usd": _usd(job.estimated_micro_usd), "cost_usd": _usd(job.cost_micro_usd),
        "created_by": job.created_by, "created_via": job.created_via,
        "created_at": rfc3339(job.created_at) or "", "updated_at": rfc3339(job.updated_at) or "",
        "started_at": rfc3339(job.started_at), "completed_at": rfc3339(job.completed_at),
    }  # fmt: skip


def skipped_answer(one: SkippedPage) -> SkippedAnswer:
    """A page that is left out."""
    return {
        "page_id": one.page_id, "page_number": one.page_number, "reason": one.reason,
        "explanation": one.sentence,
    }  # fmt: skip


def created_answer(made: Created) -> CreatedJobAnswer:
    """The job, what it leaves out, and one sentence."""
    job = job_answer(made.job)
    pages = job["progress"]["open"]
    sentence = (
        f"A job for {pages} pages was created." if made.created else "A job that is under way has all of it."
    )
    left_out = f" {len(made.skipped)} were left out." if made.created and made.skipped else ""
    told = " ".join([sentence + left_out, *made.notices])
    return {
        **job, "message": told, "job": job, "created": made.created,
        "skipped": [skipped_answer(one) for one in made.skipped], "notices": made.notices,
    }  # fmt: skip


def ledger_row_answer(row: JobPage) -> LedgerRowAnswer:
    """One page of the ledger."""
    return {
        "page_id": row.page_id, "page_number": row.number, "state": row.state, "reason": row.reason or None,
        "error": row.error or None, "attempts": row.attempts,
    }  # fmt: skip


def remote_answer(one: OwnedBatch) -> RemoteBatchAnswer:
    """A batch at Gemini."""
    return {
        "name": one.name, "display_name": one.display_name, "state": one.state, "model": one.model,
        "create_time": one.create_time, "job_id": one.job_id, "orphan": one.orphan,
    }  # fmt: skip


def realtime_answer(result: RealtimeResult) -> RealtimeAnswer:
    """The text of one page and what it used."""
    cost = None if result.cost_usd is None else float(result.cost_usd)
    return {
        "page_id": result.page_id or None, "text": result.text, "model": result.model,
        "usage": {
            "input_tokens": result.usage.input, "output_tokens": result.usage.output,
            "thinking_tokens": result.usage.thinking, "cost_usd": cost,
        },
        "saved": result.saved, "warnings": result.warnings,
    }  # fmt: skip
