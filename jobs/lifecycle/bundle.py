"""Which prepared pages make the next batch of a job, and what it takes of Gemini's limits."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from jobs import prices
from jobs.lifecycle import chunk
from jobs.lifecycle.cap import token_limit
from jobs.models import BatchPreparation, Job, JobPage, PageState
from jobs.operations import operation

RESULT_OVERHEAD = 1_000  # bytes of a line of results beside its text


@dataclass(frozen=True)
class Bundle:
    """Pages for one batch. `output_tokens` are those of an average page, `inline`: it travels in the call itself."""

    pages: list[BatchPreparation]
    output_tokens: int
    inline: bool

    @property
    def bytes(self) -> int:
        return sum(page.length for page in self.pages)

    @property
    def tokens(self) -> int:
        return sum(page.input_tokens for page in self.pages)

    @property
    def result_bytes(self) -> int:
        """What is expected of the file of results; there is none for what travels in the call."""
        return 0 if self.inline else _result_bytes(self.output_tokens) * len(self.pages)

    @property
    def file_bytes(self) -> int:
        return 0 if self.inline else self.bytes + self.result_bytes


def next_bundle(job: Job) -> Bundle:
    """The prepared pages that fit into one batch and pass no limit by themselves, in the order of the book.

    One page goes alone whatever its size, but for what `beyond_limits` finds.
    """
    rows = JobPage.objects.filter(job_id=job.pk, state=PageState.PREPARED).order_by("number")
    keys = list(rows.values_list("pk", flat=True)[: settings.BATCH_MAX_PAGES])
    output = prices.typical_output_tokens(operation(job.type), job.model, job.language)
    pages = _fitting(preparations(keys), settings.BATCH_MAX_BYTES, lambda page: page.length)
    pages = _fitting(pages, token_limit(job.model), lambda page: page.input_tokens)
    if _is_inline(pages):
        return Bundle(pages, output, inline=True)
    more = _result_bytes(output)
    pages = _fitting(pages, settings.MAX_GEMINI_FILE_BYTES, lambda page: page.length + more)
    return Bundle(pages, output, _is_inline(pages))


def beyond_limits(bundle: Bundle, model: str) -> str:
    """Why this batch could never be sent, though it is one page alone; empty where it can."""
    most, files = token_limit(model), settings.MAX_GEMINI_FILE_BYTES
    if most and bundle.tokens > most:
        return (
            f"This page has {bundle.tokens} tokens, more than MAX_ENQUEUED_TOKENS allows {model} altogether: "
            "raise it and send the page again."
        )
    if files and bundle.file_bytes > files:
        return (
            f"This page takes {bundle.file_bytes} bytes at Gemini, more than MAX_GEMINI_FILE_BYTES allows "
            "altogether: raise it and send the page again."
        )
    return ""


def preparations(keys: list[str]) -> list[BatchPreparation]:
    """Those that can be sent, in the order of their keys."""
    found = chunk.preparations(keys)
    return [found[key] for key in keys if key in found and not found[key].failed]


def _fitting(
    pages: list[BatchPreparation], limit: int, size: Callable[[BatchPreparation], int]
) -> list[BatchPreparation]:
    """As many of the first as stay within a limit, at least one; 0 is no limit."""
    total = 0
    chosen: list[BatchPreparation] = []
    for page in pages:
        total += size(page)
        if chosen and limit and total > limit:
            break
        chosen.append(page)
    return chosen


def _is_inline(pages: list[BatchPreparation]) -> bool:
    size = sum(page.length for page in pages)
    return bool(len(pages) <= settings.INLINE_MAX_PAGES and size <= settings.INLINE_MAX_BYTES)


def _result_bytes(output_tokens: int) -> int:
    return output_tokens * prices.BYTES_PER_TOKEN + RESULT_OVERHEAD
