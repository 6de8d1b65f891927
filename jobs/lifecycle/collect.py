"""Collecting: from ended batches to texts on their pages, matched by key alone.

Results are streamed to disk and read line by line, a chunk a transaction with the number of lines done, so a crash
repeats at most one chunk's reading and writes nothing twice: a page whose end is known takes no second answer.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from books import texts
from books.models import Source
from books.texts import storable
from jobs import gemini, prices
from jobs.lifecycle import spending
from jobs.lifecycle.common import Figures, Held, order_of
from jobs.lifecycle.finish import after_failure, settle_phase
from jobs.models import BatchPreparation, GeminiBatch, Job, JobPage, PageState, PaidCall, Stage
from jobs.operations import answers, operation
from jobs.operations.base import Accepted, Answer, Operation, Order, Refused, Usage
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic

logger = logging.getLogger(__name__)
CHUNK = 100
REFUSED_KEPT = 200
MOST_TOKENS = 100_000_000  # of one answer: more than any model takes or gives, and it fits every column


@dataclass(frozen=True)
class Scene:
    """What stays the same while one batch is collected."""

    held: Held
    batch: GeminiBatch
    work: Operation
    order: Order
    doubled: frozenset[str]

    @property
    def late(self) -> bool:
        """Whether the job has let go of this batch: its answers are taken only where they are still needed."""
        return self.batch.released_at is not None


def collect(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> Figures:
    """Save all results of an ended batch, put back or fail what has no answer, settle the money."""
    path = _results(batch, remote, held)
    scene = Scene(held, batch, operation(held.job.type), order_of(held.job), _doubled(path))
    with path.open("rb") as file:
        lines = islice(file, batch.collected_lines, None)
        while chunk := list(islice(lines, CHUNK)):
            with atomic():
                _collect_chunk(scene, chunk)
    present = close(held, batch, "no_answer", "Gemini's results contain no answer for this page.", spent=True)
    path.unlink(missing_ok=True)
    return present


def assume_charged(held: Held, batch: GeminiBatch) -> None:
    """Gemini did the work but its results are gone: what was set aside counts as spent, once."""
    lost = batch.reserved_micro_usd - batch.cost_micro_usd
    if lost <= 0:
        return
    with atomic():
        held.touch()
        batch.cost_micro_usd += lost
        batch.save(update_fields=["cost_micro_usd"])
        PaidCall.objects.create(
            job_id=batch.job_id, batch_id=batch.pk, type=held.job.type, model=batch.model,
            requests=batch.pages, cost_micro_usd=lost, actor=held.job.created_by,
        )  # fmt: skip


def close(
    held: Held, batch: GeminiBatch, reason: str, sentence: str, *, spent: bool, retry: bool = True
) -> Figures:
    """End a batch: pages without an answer go round again or fail with this reason, the reservation is settled.

    `spent` says whether what was collected is what it cost; otherwise nothing was charged.
    """
    with atomic():
        held.touch()
        for row in batch.ledger.filter(state=PageState.SUBMITTED):
            _without_text(row, Refused(reason, sentence, retry=retry), Answer())
        spending.settle(
            gemini.Reservation(batch.reserved_micro_usd, batch.reserved_on),
            batch.cost_micro_usd if spent else 0,
        )
        batch.stage, batch.collected_at = Stage.COLLECTED, now()
        batch.reserved_micro_usd, batch.reserved_on = 0, ""
        batch.save(update_fields=["stage", "collected_at", "reserved_micro_usd", "reserved_on"])
        present = held.recount(cost_micro_usd=_cost_of(held.job))
        settle_phase(held, present)
        held.job.book.recount()
    return present


def release(held: Held, batch: GeminiBatch, why: str) -> None:
    """Let go of a batch that does not end: its pages go round again, it is watched to its end all the same."""
    with atomic():
        held.touch()
        batch.released_at, batch.error = now(), why
        batch.save(update_fields=["released_at", "error"])
        for row in batch.ledger.filter(state=PageState.SUBMITTED):
            _without_text(row, Refused("batch_late", why, retry=True), Answer())
        settle_phase(held, held.recount())


# --- The results as a file ------------------------------------------------------------------------------------------


def _results(batch: GeminiBatch, remote: gemini.RemoteBatch, held: Held) -> Path:
    """The results on local disk, one JSON object a line, whichever way Gemini gave them."""
    folder = settings.DATA_DIR / "results"
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(folder / f"{batch.pk}.jsonl")
    if path.exists():
        return path
    held.renew()
    draft = path.with_suffix(f".{held.owner}.part")
    if remote.inline_results is not None:
        draft.write_text("".join(json.dumps(one) + "\n" for one in remote.inline_results), encoding="utf-8")
    else:
        gemini.download(remote.result_file, draft)
    with draft.open("rb") as whole:
        # A power cut must not leave an empty file that looks like results without answers.
        os.fsync(whole.fileno())
    draft.replace(path)
    return path


def _doubled(path: Path) -> frozenset[str]:
    """Keys that occur more than once: which answer is the right one cannot be known, so neither is taken."""
    with path.open("rb") as file:
        seen = Counter(_read(line).key for line in file)
    return frozenset(key for key, count in seen.items() if count > 1)


def _read(line: bytes) -> Answer:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return Answer(error_message="The line is not JSON.")
    return _storable(answers.parse(parsed if isinstance(parsed, dict) else {}))


def _storable(answer: Answer) -> Answer:
    """The answer without what a database refuses: one such line must not keep a whole batch from being collected."""
    usage = answer.usage
    return replace(
        answer,
        # A key that had to be changed is no longer the key that was asked for.
        key=answer.key if storable(answer.key) == answer.key else "",
        finish_reason=storable(answer.finish_reason),
        block_reason=storable(answer.block_reason),
        error_message=gemini.without_key(storable(answer.error_message)),
        raw=gemini.without_key(storable(answer.raw)),
        usage=Usage(*(min(count, MOST_TOKENS) for count in (usage.input, usage.output, usage.thinking))),
    )


# --- A chunk of answers ----------------------------------------------------------------------------------------------


def _collect_chunk(scene: Scene, chunk: Sequence[bytes]) -> None:
    scene.held.touch()
    batch = scene.batch
    parsed = [_read(line) for line in chunk]
    rows = {row.pk: row for row in _rows(parsed)}
    calls = [_take(scene, answer, rows.get(answer.key)) for answer in parsed]
    batch.cost_micro_usd += sum(call.cost_micro_usd or 0 for call in calls)
    batch.collected_lines += len(chunk)
    batch.save(update_fields=["cost_micro_usd", "collected_lines", "refused"])
    _account(scene, calls)
    scene.held.recount(cost_micro_usd=_cost_of(scene.held.job))


def _cost_of(job: Job) -> int:
    return int(job.batches.aggregate(total=Sum("cost_micro_usd"))["total"] or 0)


def _rows(parsed: Sequence[Answer]) -> Iterator[JobPage]:
    keys = {answer.key for answer in parsed if answer.key}
    return JobPage.objects.filter(pk__in=keys).select_related("page").iterator()


def _take(scene: Scene, answer: Answer, row: JobPage | None) -> PaidCall:
    """Judge one answer and write what follows; returns what it cost, which is paid whatever becomes of it."""
    cost = prices.cost_of(answer, scene.batch.model, batch=True)
    call = PaidCall(
        model=answer.model_version,
        input_tokens=answer.usage.input, output_tokens=answer.usage.output,
        thinking_tokens=answer.usage.thinking, cost_micro_usd=cost,
    )  # fmt: skip
    objection = _objection(scene, answer, row)
    if objection or row is None:
        _refuse(scene.batch, answer, objection)
        return call
    row.cost_micro_usd += cost or 0
    try:
        if answer.key in scene.doubled:
            raise Refused(
                "doubled", "Gemini gave two answers for this page, so neither was taken.", retry=True
            )
        accepted = scene.work.accept(replace(answer, escalation=row.escalation), row.page, scene.order)
    except Refused as refused:
        if not scene.late:
            _without_text(row, refused, answer)
        return call
    _with_text(scene, row, answer, accepted, cost)
    return call


def _objection(scene: Scene, answer: Answer, row: JobPage | None) -> str:
    """Why an answer is not for any page that waits for it; empty when all is well."""
    if not answer.key:
        return answer.error_message or "The answer has no key."
    if row is None:
        return "No page has this key."
    if row.job_id != scene.batch.job_id:
        return "The key is of another job."
    if row.batch_id != scene.batch.pk:
        return "The page is in another batch now."
    wanted = (PageState.SUBMITTED,) if not scene.late else (PageState.WAITING, PageState.PREPARED)
    cancelled = scene.late and row.state == PageState.SKIPPED and row.reason == "cancelled"
    if row.state not in wanted and not cancelled:
        return "The same key twice." if answer.key in scene.doubled else "The page has its end already."
    return ""


def _refuse(batch: GeminiBatch, answer: Answer, why: str) -> None:
    logger.warning("Batch %s: answer with key %r refused: %s", batch.name, answer.key, why)
    if len(batch.refused) < REFUSED_KEPT:
        batch.refused.append({"key": answer.key[:100], "why": why})


def _with_text(scene: Scene, row: JobPage, answer: Answer, accepted: Accepted, cost: int | None) -> None:
    job, page = scene.held.job, row.page
    made_from = BatchPreparation.objects.filter(key=row.pk).defer("request").first()
    if accepted.blank:
        texts.mark_blank(page)
    written = texts.write(
        page,
        texts.NewText(
            kind=scene.work.kind,
            data=accepted.text,
            source=Source.MACHINE,
            target_language=scene.work.target_of(scene.order),
            language=scene.order.language,
            author=job.created_by,
            model=answer.model_version or scene.batch.model,
            ordered_model=scene.batch.model,
            prompt_version=job.prompt_version,
            based_on=made_from.source_sha256 if made_from else "",
            glossary=made_from.glossary if made_from else "",
            image_sha256=made_from.image_sha256 if made_from else page.image_sha256,
            job_id=job.pk,
            input_tokens=answer.usage.input,
            output_tokens=answer.usage.output,
            thinking_tokens=answer.usage.thinking,
            cost_micro_usd=cost,
            finish_reason=answer.finish_reason,
            flags=accepted.flags,
        ),
        # A late answer never replaces what the page has got meanwhile.
        overwrite="" if scene.late else (job.overwrite or "machine"),
    )
    row.state, row.is_open = PageState.SUCCEEDED, False
    row.reason = "blank" if accepted.blank else ("" if written.is_current else "kept_in_history")
    row.error = written.kept
    _save(row)


def _without_text(row: JobPage, refused: Refused, answer: Answer) -> None:
    """The page goes round again when that may help and attempts are left, else it fails, with the raw answer kept."""
    row.reason, row.error, row.answer = refused.reason, refused.sentence, answer.raw
    if after_failure(row, retry=refused.retry):
        changed = refused.escalation != row.escalation and bool(refused.escalation)
        row.escalation = refused.escalation or row.escalation
        _send_again(row, fresh=changed)
    else:
        row.state, row.is_open = PageState.FAILED, False
    _save(row)


def _send_again(row: JobPage, *, fresh: bool) -> None:
    """Back to the queue: the same line again where it still serves, a new request where something changed."""
    preparation = BatchPreparation.objects.filter(key=row.pk, failed=False).defer("request")
    same_line = not fresh and preparation.exclude(image_sha256="").exists()
    row.state = PageState.PREPARED if same_line else PageState.WAITING
    if not same_line:
        preparation.delete()


def _save(row: JobPage) -> None:
    row.updated_at = now()
    row.save(
        update_fields=[
            "state", "is_open", "reason", "error", "answer", "escalation", "cost_micro_usd", "updated_at",
        ]
    )  # fmt: skip


def _account(scene: Scene, calls: Sequence[PaidCall]) -> None:
    """One line in the books for the chunk."""
    job = scene.held.job
    PaidCall.objects.create(
        job_id=job.pk,
        batch_id=scene.batch.pk,
        type=job.type,
        model=prices.maker_paid([call.model for call in calls], scene.batch.model),
        requests=len(calls),
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        thinking_tokens=sum(call.thinking_tokens for call in calls),
        cost_micro_usd=sum(call.cost_micro_usd or 0 for call in calls),
        actor=job.created_by,
    )
