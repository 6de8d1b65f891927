"""Which verbs a job's state allows, for buttons that are missing or explained where it does not."""

from django.utils.translation import gettext as _

from jobs.models import Job, Status


def allowed(job: Job) -> dict[str, str | None]:
    """For each verb None where it is allowed, else one sentence why not. The verbs check again when they run."""
    status, progress = job.status, job.progress
    live = not job.is_ended
    ended = _("The job has ended.")
    failed = int(progress.get("failed", 0))
    unfinished = failed + int(progress.get("open", 0)) or status == Status.CANCELLED
    return {
        "process": None
        if live and status != Status.PAUSED
        else (ended if not live else _("The job is paused.")),
        "pause": None
        if status in (Status.PENDING, Status.PROCESSING)
        else _("Only a job that is under way can be paused."),
        "resume": None if status == Status.PAUSED else _("Only a paused job can be resumed."),
        "cancel": None if live else ended,
        "reset": None if unfinished else _("Every page of this job is done or left out for good."),
        "retry": _retry(status, failed),
    }


def _retry(status: str, failed: int) -> str | None:
    if status == Status.CANCELLED:
        return _("The job was cancelled: reset it to start over.")
    return None if failed else _("No page of this job has failed.")
