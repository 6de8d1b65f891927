"""How the admin says what the program knows by codes: states, reasons, verbs, each in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jobs import gemini
from jobs.models import PageState, Phase, Status
from sourcebatch.lib.adminlog import WAYS
from sourcebatch.lib.show import badge, bar

REASONS: dict[str, Any] = {
    "hidden": _("The page is hidden"),
    "in_live_job": _("Already in a job that is under way"),
    "human_text": _("A person wrote or corrected the text"),
    "already_done": _("Has this text already"),
    "blank": _("The page is blank"),
    "no_source": _("There is no transcription to translate"),
    "no_image": _("The page has no image"),
    "image": _("The image could not be fetched or read"),
    "empty": _("The answer was empty"),
    "recitation": _("Gemini stopped because the text resembles a published one"),
    "safety": _("Gemini refused the page as unsafe"),
    "blocked": _("Gemini refused to look at the page"),
    "prohibited_content": _("Gemini refused the page as forbidden"),
    "blocklist": _("Gemini refused the page for a forbidden word"),
    "spii": _("Gemini refused the page because of personal data"),
    "language": _("Gemini does not know the language of the page"),
    "bad_request": _("Gemini could not make sense of the request"),
    "gemini_error": _("Gemini had an error of its own"),
    "unfinished": _("The answer came to no proper end"),
    "batch_refused": _("Gemini did not take the batch"),
    "too_large": _("Larger than a limit of Gemini's allows"),
    "bad_source": _("There is nothing to translate on the page"),
    "unreadable": _("Gemini can read nothing on the page"),
    "blank_but_inked": _("Gemini calls the page blank, but there is ink on it"),
    "needs_image": _("The page has no image"),
    "not_translated": _("A placeholder, no translation"),
    "preamble": _("A remark of the model is in the text"),
    "refusal": _("The model answered instead of working"),
    "stray_marker": _("The page is called blank and has a text all the same"),
    "broken_tags": _("Tags in the text are broken or unknown"),
    "looping": _("The text repeats itself without end"),
    "placeholder": _("A placeholder is in the text"),
    "too_long": _("The text is longer than a page can be"),
    "more_than_the_ink": _("The text is longer than what is printed there"),
    "wrong_script": _("The text is in another script than the book"),
    "wrong_language": _("The text is in another language than the book"),
    "untranslated": _("The text was not translated"),
    "length_ratio": _("The translation is far longer or shorter than its source"),
    "glossary": _("The glossary is not followed"),
    "max_tokens": _("The answer was cut off at its greatest length"),
    "truncated": _("The answer was cut off"),
    "loop": _("The text repeats itself without end"),
    "copied": _("The transcription was copied instead of translated"),
    "answered_before": _("Nothing was sent: an earlier answer to the same request was copied"),
    "kept_in_history": _("Another text stays; this one is in the page's history"),
    "missing": _("Gemini sent no answer for this page"),
    "expired": _("The batch expired at Gemini"),
    "cancelled": _("The job was cancelled"),
}
# Gemini's states say JOB_STATE_ or BATCH_STATE_ before these.
GEMINI_STATES: dict[str, Any] = {
    "PENDING": _("queued"),
    "QUEUED": _("queued"),
    "RUNNING": _("being worked on"),
    "SUCCEEDED": _("succeeded"),
    "PARTIALLY_SUCCEEDED": _("succeeded in part"),
    "FAILED": _("failed"),
    "CANCELLING": _("being cancelled"),
    "CANCELLED": _("cancelled"),
    "EXPIRED": _("expired"),
}
EVENTS: dict[str, Any] = {
    "create": _("Created"),
    "submit": _("Sent"),
    "ended": _("Batch ended"),
    "gone": _("Batch gone"),
    "finish": _("Finished"),
    "pause": _("Paused"),
    "resume": _("Resumed"),
    "retry": _("Retried"),
    "reset": _("Reset"),
    "cancel": _("Cancelled"),
}
_STATUS_TONES = {
    Status.PENDING: "plain", Status.PROCESSING: "busy", Status.PAUSED: "warn", Status.COMPLETED: "good",
    Status.FAILED: "bad", Status.CANCELLED: "plain",
}  # fmt: skip
_PAGE_TONES = {PageState.SUCCEEDED: "good", PageState.FAILED: "bad", PageState.SUBMITTED: "busy"}


@dataclass(frozen=True)
class Verb:
    """Something a person may do to a job. `confirm` verbs ask back with counts; `spends` needs the right to spend."""

    name: str
    label: Any
    what: Any
    icon: str
    spends: bool = False
    confirm: bool = False
    danger: bool = False

    @property
    def permission(self) -> str:
        return "jobs.spend_money" if self.spends else "jobs.change_job"


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("process", _("Process now"), _("Takes the next step at once instead of waiting for the worker."),
             "play_arrow", spends=True),
        Verb("pause", _("Pause"), _("Nothing more is prepared or sent. What is at Gemini runs on there."), "pause"),
        Verb("resume", _("Resume"), _("Goes on where the job was paused."), "resume", spends=True),
        Verb("retry", _("Retry failed pages"), _("Sends the failed pages alone again, in a new batch of this job."),
             "replay", spends=True, confirm=True),
        Verb("reset", _("Reset"), _("Starts the unfinished pages again; the batch at Gemini is cancelled. "
             "Texts that were saved stay."), "restart_alt", spends=True, confirm=True, danger=True),
        Verb("cancel", _("Cancel"), _("Ends the job and cancels its batch at Gemini. Texts that were saved stay."),
             "cancel", confirm=True, danger=True),
    )
}  # fmt: skip


def stand_in_notice() -> str:
    """What people who see a price are told where the local stand-in answers; else empty."""
    if not gemini.is_stand_in():
        return ""
    return gettext(
        "The local stand-in answers here, not Gemini: nothing is charged. The price is what Gemini would charge."
    )


def reason_words(code: str) -> str:
    """A reason's code in plain words; one that nobody put into words is shown with spaces."""
    if code in REASONS:
        return str(REASONS[code])
    return code.replace("_", " ").capitalize() or gettext("No reason given")


def gemini_words(state: str) -> str:
    """A state of Gemini's in plain words; one that is not known as Gemini says it."""
    known = GEMINI_STATES.get(state.removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_"))
    return str(known or state)


def event_words(verb: str) -> str:
    """What was done to a job, by its verb."""
    return str(EVENTS.get(verb) or verb.replace("_", " ").capitalize())


def way_words(via: str) -> str:
    """By which way somebody acted."""
    return str(WAYS.get(via) or via)


def progress_words(job: Any) -> str:
    """Pages done of all that were not left out, and failed ones if there are any."""
    total, done, failed = _figures(job)
    if not total:
        return ""
    figures = {"done": done, "total": total, "failed": failed}
    if failed:
        return gettext("%(done)s of %(total)s pages done, %(failed)s failed") % figures
    return gettext("%(done)s of %(total)s pages") % figures


def job_state(job: Any) -> SafeString:
    """Status of a job as a badge; a live one says what it is doing."""
    if job.waiting_for and job.status == Status.PROCESSING:
        return badge(gettext("Waiting"), "warn")
    text = job.get_batch_phase_display() if job.status == Status.PROCESSING else job.get_status_display()
    if job.status == Status.PROCESSING and job.batch_phase == Phase.COMPLETED:
        text = job.get_status_display()
    return badge(text, _STATUS_TONES.get(job.status, "plain"))


def page_state(row: Any) -> SafeString:
    """State of one page of the ledger as a badge."""
    return badge(row.get_state_display(), _PAGE_TONES.get(row.state, "plain"))


def job_bar(job: Any) -> SafeString:
    """The progress of a job as kept on its row: done and failed pages of all that were not left out."""
    total, done, failed = _figures(job)
    return bar(done, total, failed, progress_words(job))


def _figures(job: Any) -> tuple[int, int, int]:
    """Pages that were not left out, done ones, failed ones."""
    progress: Mapping[str, int] = job.progress or {}
    return (
        progress.get("total", 0) - progress.get("skipped", 0),
        progress.get("completed", 0),
        progress.get("failed", 0),
    )
