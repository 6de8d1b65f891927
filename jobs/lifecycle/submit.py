"""Submitting: one batch a step, its intent committed before Gemini hears of it.

intent committed -> file uploaded under a name of ours -> `create_called_at` committed -> create -> name committed.
A crash or a lost reply anywhere in between is made good by looking at Gemini for the file and the display name;
nothing is sent twice.
"""

import datetime as dt
import json
import logging

from django.conf import settings
from django.db.models import Exists, F, OuterRef

from jobs import gemini, prices
from jobs.lifecycle import segments, spending
from jobs.lifecycle.bundle import Bundle, beyond_limits, next_bundle, preparations
from jobs.lifecycle.cap import take_turn
from jobs.lifecycle.common import Held, Unavailable, note
from jobs.lifecycle.finish import settle_phase
from jobs.lifecycle.polling import schedule_poll
from jobs.models import BatchPreparation, GeminiBatch, Job, JobPage, PageState, Phase, Stage
from jobs.operations.base import Usage
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated
from sourcebatch.lib.ids import new_id

logger = logging.getLogger(__name__)


def submit(held: Held) -> GeminiBatch | None:
    """Send the next batch of prepared pages, or go on with one whose sending was interrupted.

    Returns None when pages had to be prepared again, or refused, instead. Raises Unavailable and SpendingLimit.
    """
    batch = held.job.batches.held().filter(stage=Stage.INTENT).first()
    if batch is None:
        if _unprepare_lost(held):
            return None
        bundle = next_bundle(held.job)
        if _refuse_alone(held, bundle):
            return None
        batch = _intend(held, bundle)
    elif batch.create_called_at and (found := look_for(batch)):
        adopt(held, batch, found)
        return batch
    try:
        created = _send(held, batch)
    except FileNotFoundError as error:
        _prepare_again(held, batch, str(error))
        return None
    except (gemini.BadRequest, gemini.NotFound) as refused:
        _give_up(held, batch, refused)
        return None
    adopt(held, batch, created)
    return batch


def _unprepare_lost(held: Held) -> int:
    """Pages called prepared whose preparation is gone (deleted by hand, lost in a restore) wait again; how many."""
    kept = BatchPreparation.objects.filter(key=OuterRef("pk"), failed=False)
    # Looked up first, changed by id: MongoDB ignores a subquery in an update and would change every page.
    prepared = held.job.ledger.filter(state=PageState.PREPARED)
    lost = list(prepared.filter(~Exists(kept)).values_list("pk", flat=True))
    if not lost:
        return 0
    with atomic():
        count = prepared.filter(pk__in=lost).update(state=PageState.WAITING, updated_at=now())
        settle_phase(held, held.recount())
    return count


# --- Intent ------------------------------------------------------------------------------------------------------


def _intend(held: Held, bundle: Bundle) -> GeminiBatch:
    """Take the batch's place among all others, reserve its money and write both down in one transaction."""
    job, estimate = held.job, _estimate(held.job, bundle)
    keys = [page.key for page in bundle.pages]

    def write_down() -> GeminiBatch:
        with atomic():
            held.touch(batch_phase=Phase.SUBMITTING)
            take_turn(job, bundle.tokens, bundle.file_bytes)
            paid = spending.reserve(estimate, job.model)
            batch_id = new_id()
            batch = GeminiBatch.objects.create(
                id=batch_id,
                job=job,
                display_name=f"sourcebatch-{batch_id}",
                model=job.model,
                key_fingerprint=gemini.fingerprint(),
                inline=bundle.inline,
                pages=len(keys),
                bytes=bundle.bytes,
                input_tokens=bundle.tokens,
                result_bytes=bundle.result_bytes,
                reserved_micro_usd=paid.micro_usd,
                reserved_on=paid.day,
            )
            JobPage.objects.filter(pk__in=keys, state=PageState.PREPARED).update(batch=batch)
        return batch

    return repeated(write_down)


def _refuse_alone(held: Held, bundle: Bundle) -> bool:
    """A page that passes a limit all by itself would wait for ever: it fails with what to do about it."""
    why = beyond_limits(bundle, held.job.model)
    if not why:
        return False
    with atomic():
        held.touch()
        held.job.ledger.filter(pk__in=[page.key for page in bundle.pages], state=PageState.PREPARED).update(
            state=PageState.FAILED, is_open=False, reason="too_large", error=why, updated_at=now()
        )
        settle_phase(held, held.recount())
    return True


def _estimate(job: Job, bundle: Bundle) -> int | None:
    usage = Usage(input=bundle.tokens, output=bundle.output_tokens * len(bundle.pages))
    return prices.cost_micro_usd(usage, job.model, batch=True)


# --- Sending -----------------------------------------------------------------------------------------------------


def look_for(batch: GeminiBatch) -> gemini.RemoteBatch | None:
    """After an unanswered `create`: the batch if Gemini has it, None once it is sure enough that it has not."""
    if batch.key_fingerprint != gemini.fingerprint():
        raise Unavailable(other_key(batch), retry_after=300)
    found = gemini.find_batch(batch.display_name)
    called = batch.create_called_at or now()
    wait = dt.timedelta(seconds=settings.ADOPT_WAIT_SECONDS) - (now() - called)
    if found is None and wait > dt.timedelta():
        raise Unavailable(
            "It is not known yet whether Gemini took the last batch: looking again before anything is sent twice.",
            retry_after=max(1.0, wait.total_seconds()),
        )
    return found


def _send(held: Held, batch: GeminiBatch) -> gemini.RemoteBatch:
    """Upload and create. Errors that prove that nothing was created leave the intent as if never called."""
    keys = list(batch.ledger.filter(state=PageState.PREPARED).order_by("number").values_list("pk", flat=True))
    chosen = preparations(keys)
    if len(chosen) < batch.pages:
        raise FileNotFoundError("some of its prepared requests are gone")
    if not batch.inline:
        _upload(held, batch, chosen)
    lines = [json.loads(segments.read(one)) for one in chosen] if batch.inline else []
    paid = gemini.Reservation(batch.reserved_micro_usd, batch.reserved_on)
    # From here on somebody must look for it, even if this job is paused or reset before the answer comes.
    _save(held, batch, create_called_at=now(), next_poll_at=now(), key_fingerprint=gemini.fingerprint())
    try:
        if batch.inline:
            return gemini.create_inline(batch.model, lines, batch.display_name, paid)
        return gemini.create_from_file(batch.model, batch.request_file, batch.display_name, paid)
    except gemini.GeminiError as error:
        if not error.may_have_happened:
            _save(held, batch, create_called_at=None)
        raise


def _upload(held: Held, batch: GeminiBatch, chosen: list[BatchPreparation]) -> None:
    """Upload the batch file under a name of ours, unless an earlier try did; wait a moment until it is ready."""
    name = f"sb-{batch.pk}"
    if not batch.request_file:
        # Known before it is there: what a crash leaves behind is found and deleted.
        _save(held, batch, request_file=f"files/{name}")
    stream = segments.Lines(chosen, on_read=held.renew)
    try:
        file = _uploaded(f"files/{name}", stream.size)
        if file is None:
            file = gemini.upload(stream, name=name, display_name=batch.display_name)
    finally:
        stream.close()
    if batch.request_file != file.name or batch.bytes != stream.size:
        _save(held, batch, request_file=file.name, bytes=stream.size)
    if file.state == "PROCESSING":
        raise Unavailable(
            "Gemini is still checking the uploaded batch file: it goes on in a moment.", retry_after=5
        )


def _uploaded(name: str, size: int) -> gemini.RemoteFile | None:
    """The file of an earlier try if it is whole; a part or a failed one is deleted so that its name is free."""
    try:
        file = gemini.get_file(name)
    except (gemini.NotFound, gemini.KeyRefused):
        # Google answers 403 for names that do not exist; a key that really is refused shows at the upload.
        return None
    if file.bytes == size and file.state in ("ACTIVE", "PROCESSING"):
        return file
    gemini.delete_file(name)
    return None


# --- Afterwards ----------------------------------------------------------------------------------------------------


def adopt(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> None:
    """Gemini has the batch: its pages are submitted, each with one attempt more."""
    with atomic():
        _save(
            held, batch, name=remote.name, state=remote.state, stage=Stage.OPEN, submitted_at=now(), error="",
            create_called_at=batch.create_called_at or now(),
        )  # fmt: skip
        schedule_poll(batch)
        batch.ledger.filter(state=PageState.PREPARED).update(
            state=PageState.SUBMITTED, attempts=F("attempts") + 1, updated_at=now()
        )
        present = held.recount(
            gemini_batch_job=remote.name, gemini_state=remote.state, error="", waiting_for=""
        )
        settle_phase(held, present)
        note(held.job, "submit", held.actor, f"{batch.pages} pages as {remote.name}")


def _prepare_again(held: Held, batch: GeminiBatch, why: str) -> None:
    """Prepared requests are missing (a lost disk, a reset): the intent is dropped, its pages are prepared anew."""
    logger.warning("Batch %s is prepared again: %s", batch.pk, why)
    with atomic():
        drop_intent(held, batch, f"Prepared again: {why}.")
        rows = batch.ledger.filter(state=PageState.PREPARED)
        BatchPreparation.objects.filter(key__in=list(rows.values_list("pk", flat=True))).delete()
        rows.update(state=PageState.WAITING, updated_at=now())
        settle_phase(held, held.recount())


def _give_up(held: Held, batch: GeminiBatch, refused: gemini.GeminiError) -> None:
    """Gemini refuses the batch for good: its pages fail with that reason, and can be retried by a person."""
    with atomic():
        drop_intent(held, batch, refused.sentence)
        batch.ledger.filter(state=PageState.PREPARED).update(
            state=PageState.FAILED,
            is_open=False,
            reason="batch_refused",
            error=refused.sentence,
            updated_at=now(),
        )
        settle_phase(held, held.recount())


def drop_intent(held: Held, batch: GeminiBatch, why: str) -> None:
    """An intent that was never created at Gemini ends; its money is free again."""
    spending.settle(gemini.Reservation(batch.reserved_micro_usd, batch.reserved_on), 0)
    _save(
        held, batch, stage=Stage.COLLECTED if batch.request_file else Stage.CLOSED, error=why, ended_at=now(),
        reserved_micro_usd=0, reserved_on="",
    )  # fmt: skip


def _save(held: Held, batch: GeminiBatch, **changes: object) -> None:
    """Change a batch, only while the job is ours."""
    with atomic():
        held.touch()
        for name, value in changes.items():
            setattr(batch, name, value)
        batch.save(update_fields=list(changes))


def other_key(batch: GeminiBatch) -> str:
    """What to say of a batch that only another key can see."""
    return (
        f"The batch {batch.name or batch.display_name} was made with another Gemini key (fingerprint "
        f"{batch.key_fingerprint}): put that key back to collect its results; until then the job waits."
    )
