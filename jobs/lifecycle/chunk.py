"""A chunk of answers: what they need is read at once, each is judged by itself, what follows is written at once.

Judging takes far longer than writing, so it comes before the transaction; that nobody else has changed the job's
pages meanwhile is what its lease says, and that no person has changed a text is what the writer of texts looks at.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.db.models import Sum

from books import texts
from books.models import Source
from jobs import gemini, prices
from jobs.lifecycle.common import Held
from jobs.lifecycle.finish import after_failure
from jobs.models import BatchPreparation, GeminiBatch, Job, JobPage, PageState, PaidCall, Price
from jobs.operations import answers
from jobs.operations.base import Accepted, Answer, Operation, Order, Refused, Usage
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, in_chunks, repeated, update_many

logger = logging.getLogger(__name__)
REFUSED_KEPT = 200
MOST_TOKENS = 100_000_000  # of one answer: more than any model takes or gives, and it fits every column
ATTEMPTS = 5
_OUTCOME = ("state", "is_open", "reason", "error", "answer", "escalation", "cost_micro_usd", "updated_at")


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


@dataclass
class Judged:
    """One answer and what becomes of the page that waits for it, if one does.

    Paid it is in any case. `accepted` or `refused` is set where it is for a page, `objection` where it is not;
    `dropped` says that the page's prepared request is of no use any more.
    """

    answer: Answer
    cost: int | None
    row: JobPage | None = None
    objection: str = ""
    accepted: Accepted | None = None
    refused: Refused | None = None
    dropped: bool = False


def collect_chunk(scene: Scene, lines: Sequence[bytes]) -> None:
    """Judge the answers on these lines of the results, and write all that follows in one transaction."""
    parsed = [read(line) for line in lines]
    keys = [answer.key for answer in parsed if answer.key]
    rows, prepared = _rows(keys), preparations(keys)
    scene.work.look_up([row.page for row in rows.values()], scene.order)
    look = cache(prices.price_of)
    judged = [
        _judge(scene, line, answer, rows.get(answer.key), prepared, look)
        for line, answer in zip(lines, parsed, strict=True)
    ]

    def attempt() -> dict[str, Any]:
        with atomic():
            return _write(scene, judged, prepared)

    for name, value in repeated(attempt, ATTEMPTS).items():
        setattr(scene.batch, name, value)


# --- Reading -----------------------------------------------------------------------------------------------------


def read(line: bytes, *, raw: bool = False) -> Answer:
    """The answer on a line of the results; one that makes no sense has no key. `raw` adds it as a person reads it."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return Answer(error_message="The line is not JSON.")
    return _storable(answers.parse(parsed if isinstance(parsed, dict) else {}, raw=raw))


def _storable(answer: Answer) -> Answer:
    """The answer without what a database refuses: one such line must not keep a whole batch from being collected."""
    usage, storable = answer.usage, texts.storable
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


def _rows(keys: Sequence[str]) -> dict[str, JobPage]:
    """The pages that these keys name, whichever job and batch they are of."""
    found: dict[str, JobPage] = {}
    for some in in_chunks(keys):
        rows = JobPage.objects.filter(pk__in=some)
        found |= {row.pk: row for row in rows.select_related("page").order_by()}
    return found


def preparations(keys: Sequence[str]) -> dict[str, BatchPreparation]:
    """The prepared requests of these pages, without what describes them."""
    found: dict[str, BatchPreparation] = {}
    for some in in_chunks(keys):
        rows = BatchPreparation.objects.filter(key__in=some)
        found |= {row.key: row for row in rows.defer("request").order_by()}
    return found


# --- Judging -----------------------------------------------------------------------------------------------------


def _judge(
    scene: Scene,
    line: bytes,
    answer: Answer,
    row: JobPage | None,
    prepared: Mapping[str, BatchPreparation],
    look: Callable[[str], Price | None],
) -> Judged:
    """Whose answer it is and whether it is a text to keep. The row notes it: a second answer finds it taken."""
    cost = prices.cost_of(answer, scene.batch.model, batch=True, look=look)
    objection = _objection(scene, answer, row)
    if objection or row is None:
        return Judged(answer, cost, objection=objection)
    judged = Judged(answer, cost, row)
    row.cost_micro_usd += cost or 0
    try:
        if answer.key in scene.doubled:
            sentence = "Gemini gave two answers for this page, so neither was taken."
            raise Refused("doubled", sentence, retry=True)
        judged.accepted = scene.work.accept(replace(answer, escalation=row.escalation), row.page, scene.order)
        row.state, row.is_open = PageState.SUCCEEDED, False
    except Refused as refused:
        judged.refused = refused
        if not scene.late:
            judged.dropped = go_round(row, refused, prepared, read(line, raw=True).raw)
    return judged


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


def go_round(row: JobPage, refused: Refused, prepared: Mapping[str, BatchPreparation], raw: str = "") -> bool:
    """The page goes round again when that may help and attempts are left, else it fails, with the raw answer kept.

    Changes the row, not the database; returns whether its prepared request is of no use any more.
    """
    row.reason, row.error, row.answer = refused.reason, refused.sentence, raw
    if not after_failure(row, retry=refused.retry):
        row.state, row.is_open = PageState.FAILED, False
        return False
    changed = bool(refused.escalation) and refused.escalation != row.escalation
    row.escalation = refused.escalation or row.escalation
    line = prepared.get(row.pk)
    # The same line again where it still serves; a new request where something changed.
    same_line = not changed and line is not None and not line.failed and bool(line.image_sha256)
    row.state = PageState.PREPARED if same_line else PageState.WAITING
    return not same_line


# --- Writing -----------------------------------------------------------------------------------------------------


def _write(
    scene: Scene, judged: Sequence[Judged], prepared: Mapping[str, BatchPreparation]
) -> dict[str, Any]:
    """Everything that follows; what changes on the batch is returned, for the object too once it is committed."""
    held, batch = scene.held, scene.batch
    held.touch()
    _keep_texts(scene, judged, prepared)
    # What a late answer was refused for is no concern of a page that has gone another way.
    save([one.row for one in judged if one.row and not (scene.late and one.refused)])
    drop([one.row.pk for one in judged if one.row and one.dropped])
    changes = {
        "cost_micro_usd": batch.cost_micro_usd + sum(one.cost or 0 for one in judged),
        "collected_lines": batch.collected_lines + len(judged),
        "refused": [*batch.refused, *_refusals(batch, judged)][:REFUSED_KEPT],
    }
    GeminiBatch.objects.filter(pk=batch.pk).update(**changes)
    _account(scene, judged)
    held.recount(cost_micro_usd=cost_of(held.job))
    return changes


def _keep_texts(scene: Scene, judged: Sequence[Judged], prepared: Mapping[str, BatchPreparation]) -> None:
    """The accepted texts on their pages, and on their rows what became of them."""
    taken = [(one.row, one, one.accepted) for one in judged if one.row and one.accepted]
    if blank := [row.page for row, _, accepted in taken if accepted.blank]:
        texts.mark_all_blank(blank)
    news = [(row.page, _new_text(scene, one, accepted, prepared.get(row.pk))) for row, one, accepted in taken]
    # A late answer never replaces what the page has got meanwhile.
    overwrite = "" if scene.late else (scene.held.job.overwrite or "machine")
    for (row, _, accepted), written in zip(taken, texts.write_many(news, overwrite=overwrite), strict=True):
        row.reason = "blank" if accepted.blank else ("" if written.is_current else "kept_in_history")
        row.error = written.kept


def _new_text(
    scene: Scene, one: Judged, accepted: Accepted, made_from: BatchPreparation | None
) -> texts.NewText:
    job, answer = scene.held.job, one.answer
    assert one.row is not None
    return texts.NewText(
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
        image_sha256=made_from.image_sha256 if made_from else one.row.page.image_sha256,
        job_id=job.pk,
        request_hash=made_from.request_hash if made_from else "",
        input_tokens=answer.usage.input,
        output_tokens=answer.usage.output,
        thinking_tokens=answer.usage.thinking,
        cost_micro_usd=one.cost,
        finish_reason=answer.finish_reason,
        flags=accepted.flags,
    )


def save(rows: Sequence[JobPage]) -> None:
    """Write what became of these pages of the ledger."""
    for row in rows:
        row.updated_at = now()
    update_many(rows, _OUTCOME)


def drop(keys: Sequence[str]) -> None:
    """Delete prepared requests that are of no use any more."""
    for some in in_chunks(keys):
        BatchPreparation.objects.filter(key__in=some).delete()


def cost_of(job: Job) -> int:
    """What the job's batches have cost so far, in micro-dollars."""
    return int(job.batches.aggregate(total=Sum("cost_micro_usd"))["total"] or 0)


def _refusals(batch: GeminiBatch, judged: Iterable[Judged]) -> list[dict[str, str]]:
    """The answers that were for no page, as the batch remembers them."""
    found = [(one.answer.key, one.objection) for one in judged if one.objection]
    for key, why in found:
        logger.warning("Batch %s: answer with key %r refused: %s", batch.name, key, why)
    return [{"key": key[:100], "why": why} for key, why in found]


def _account(scene: Scene, judged: Sequence[Judged]) -> None:
    """One line in the books for the chunk."""
    job, usages = scene.held.job, [one.answer.usage for one in judged]
    PaidCall.objects.create(
        job_id=job.pk,
        batch_id=scene.batch.pk,
        type=job.type,
        model=prices.maker_paid([one.answer.model_version for one in judged], scene.batch.model),
        requests=len(judged),
        input_tokens=sum(usage.input for usage in usages),
        output_tokens=sum(usage.output for usage in usages),
        thinking_tokens=sum(usage.thinking for usage in usages),
        cost_micro_usd=sum(one.cost or 0 for one in judged),
        actor=job.created_by,
    )
