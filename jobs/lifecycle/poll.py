"""Polling: what Gemini says of a batch, and what follows for its pages, for every state there is or may come.

SUCCEEDED, PARTIALLY_SUCCEEDED: collect. FAILED, CANCELLED, EXPIRED: collect what there is, the rest goes round again.
404 with the key that made it: gone, its pages go round again. Any other state: wait, with a deadline.
"""

import datetime as dt

from django.conf import settings

from jobs import gemini
from jobs.lifecycle.collect import assume_charged, close, collect, release
from jobs.lifecycle.common import Held, note
from jobs.lifecycle.polling import schedule_poll
from jobs.lifecycle.submit import other_key
from jobs.models import GeminiBatch, Heartbeat, Stage
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic

_ENDS = {
    gemini.FAILED: ("batch_failed", "The batch failed at Gemini before this page had an answer."),
    gemini.CANCELLED: (
        "batch_cancelled",
        "The batch was cancelled at Gemini before this page had an answer.",
    ),
    gemini.EXPIRED: ("batch_expired", "The batch expired at Gemini before this page had an answer."),
}
# How the log of a job says what became of a batch.
_SAID = {
    gemini.SUCCEEDED: "succeeded", gemini.PARTIALLY: "succeeded in part", gemini.FAILED: "failed",
    gemini.CANCELLED: "was cancelled", gemini.EXPIRED: "expired",
}  # fmt: skip
GONE = ("batch_gone", "Gemini no longer knows the batch, so this page has no answer.")


def poll(held: Held, batch: GeminiBatch) -> bool:
    """Look at one batch and do what its state asks for; True when it has ended. Gemini's errors pass through."""
    if batch.key_fingerprint != gemini.fingerprint():
        if batch.released_at is None:
            held.touch(waiting_for=other_key(batch))
        _postpone(batch)
        return False
    try:
        remote = gemini.get_batch(batch.name)
    except gemini.NotFound:
        _vanished(held, batch)
        return True
    Heartbeat.beat("poll", batch=batch.name)
    _note_state(held, batch, remote)
    if remote.state in gemini.WITH_RESULTS or remote.state in gemini.WITHOUT_RESULTS:
        _end(held, batch, remote)
        return True
    _wait(held, batch)
    return False


def _note_state(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> None:
    with atomic():
        if batch.released_at is None:
            held.touch(gemini_state=remote.state, gemini_batch_job=batch.name)
        else:
            held.touch()
        batch.state, batch.polled_at, batch.polls = remote.state, now(), batch.polls + 1
        batch.save(update_fields=["state", "polled_at", "polls"])


def _end(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> None:
    _note_end(held, batch, remote)
    reason, sentence = _ENDS.get(
        remote.state, ("no_answer", "Gemini's results contain no answer for this page.")
    )
    if not remote.has_results:
        close(held, batch, reason, sentence, spent=True)
        return
    try:
        collect(held, batch, remote)
    except (gemini.NotFound, gemini.KeyRefused):
        if not _results_gone(batch, remote):
            raise
        assume_charged(held, batch)
        close(held, batch, "results_gone", "Gemini no longer has the results of this page.", spent=True)


def _results_gone(batch: GeminiBatch, remote: gemini.RemoteBatch) -> bool:
    """Whether a refused download means that there is nothing to download: the key sees the batch, but not the file.

    What is wrong with the key itself passes: a key that is put right finds the results where they were.
    """
    gemini.get_batch(batch.name)
    try:
        gemini.get_file(remote.result_file)
    except gemini.NotFound:
        return True
    except gemini.KeyRefused as refused:
        # Google says this too of a file that is not there.
        return refused.code == gemini.FORBIDDEN
    return False


def _note_end(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> None:
    """From here a clock runs: Gemini keeps results for about two days."""
    if batch.stage == Stage.ENDED:
        return
    ended = dt.datetime.fromisoformat(remote.end_time) if remote.end_time else now()
    with atomic():
        held.touch()
        batch.stage, batch.ended_at, batch.result_file = Stage.ENDED, ended, remote.result_file
        batch.collect_before = ended + dt.timedelta(hours=settings.RESULTS_KEPT_HOURS)
        batch.save(update_fields=["stage", "ended_at", "result_file", "collect_before"])
        note(held.job, "ended", held.actor, f"{batch.name} {_SAID[remote.state]} at Gemini")


def _wait(held: Held, batch: GeminiBatch) -> None:
    """Not ended: look again later; a batch past its deadline or let go of is cancelled and watched to its end."""
    deadline = (batch.submitted_at or batch.created_at) + dt.timedelta(hours=settings.BATCH_DEADLINE_HOURS)
    if batch.released_at is None and now() > deadline:
        hours = settings.BATCH_DEADLINE_HOURS
        release(held, batch, f"Gemini had not answered after {hours:g} hours, so the page is sent again.")
    if batch.released_at is not None:
        gemini.cancel_batch(batch.name)
    schedule_poll(batch)


def _vanished(held: Held, batch: GeminiBatch) -> None:
    with atomic():
        held.touch(**({} if batch.released_at else {"gemini_state": ""}))
        batch.ended_at, batch.error = now(), GONE[1]
        batch.save(update_fields=["ended_at", "error"])
        note(held.job, "gone", held.actor, batch.name)
    assume_charged(held, batch)
    close(held, batch, *GONE, spent=True)


def _postpone(batch: GeminiBatch) -> None:
    batch.next_poll_at = now() + dt.timedelta(seconds=settings.POLL_LAST_SECONDS)
    batch.save(update_fields=["next_poll_at"])


def clean(batch: GeminiBatch) -> None:
    """Delete a batch's files at Gemini once its results are safe. Errors pass through; the sweep comes again."""
    for name in (batch.request_file, batch.result_file):
        if name:
            gemini.delete_file(name)
    batch.stage = Stage.CLOSED
    batch.save(update_fields=["stage"])
