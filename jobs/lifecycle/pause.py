"""Pause and resume. A paused job sends nothing; what is at Gemini already is still collected before it is lost."""

from jobs.lifecycle.common import Actor, Conflict, find_job, note
from jobs.lifecycle.signals import job_ready
from jobs.models import Job, Phase, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated


def pause(job_id: str, actor: Actor) -> str:
    """Stop after the step that is going on; returns a sentence. Raises JobNotFound and Conflict."""
    job = find_job(job_id)
    live = Job.objects.filter(pk=job_id, status__in=[Status.PENDING, Status.PROCESSING])

    def attempt() -> None:
        with atomic():
            if not live.update(status=Status.PAUSED, updated_at=now()):
                raise Conflict(
                    f"The job is {job.get_status_display().lower()}: only a job that is under way can be paused."
                )
            note(job, "pause", actor)

    repeated(attempt)
    return "The job is paused: nothing more is sent; what Gemini has already is still collected."


def resume(job_id: str, actor: Actor) -> str:
    """Go on; returns a sentence. Raises JobNotFound and Conflict."""
    job = find_job(job_id)
    begun = job.started_at or job.batch_phase != Phase.PREPARING
    status = Status.PROCESSING if begun else Status.PENDING
    paused = Job.objects.filter(pk=job_id, status=Status.PAUSED)

    def attempt() -> None:
        with atomic():
            if not paused.update(status=status, next_step_at=now(), updated_at=now()):
                raise Conflict(
                    f"The job is {job.get_status_display().lower()}: only a paused job can be resumed."
                )
            note(job, "resume", actor)

    repeated(attempt)
    job_ready.send(sender=Job, job_id=job_id)
    return "The job goes on."
