"""Housekeeping: what crashes and failures leave behind here and at Gemini."""

import logging

from django.conf import settings
from django.core.files.storage import default_storage

from jobs import gemini
from jobs.lifecycle import segments
from jobs.lifecycle.common import Actor, Busy, lease
from jobs.lifecycle.poll import clean
from jobs.lifecycle.spending import settle_lost_calls
from jobs.lifecycle.watch import watch
from jobs.models import ENDED, BatchPreparation, GeminiBatch, Heartbeat, Job, Stage

logger = logging.getLogger(__name__)
REQUEST_FILE = "files/sb-"


def sweep(actor: Actor) -> dict[str, int]:
    """Delete files at Gemini and segments here that nothing needs; returns what was done, by kind."""
    done = {
        "batches_watched": watch(actor),
        "gemini_files": _gemini_files(),
        "segments": _segments(),
        "results": _results(),
        "preparations": _preparations(),
        "lost_calls": settle_lost_calls(),
    }
    Heartbeat.beat("housekeeping", **done)
    return done


def _gemini_files() -> int:
    """Files of batches whose results are safe. Only rows of ours are followed: others may share the key."""
    count = 0
    for batch in GeminiBatch.objects.filter(stage=Stage.COLLECTED, key_fingerprint=gemini.fingerprint()):
        try:
            clean(batch)
            count += 1
        except gemini.GeminiError as error:
            logger.warning("Files of %s could not be deleted: %s", batch, error.sentence)
    return count + _forgotten_files()


def _forgotten_files() -> int:
    """Uploaded files of ours that came too late: their batch was let go of and closed while they were on their way."""
    count = 0
    try:
        names = [file.name for file in gemini.list_files() if file.name.startswith(REQUEST_FILE)]
        for name in names:
            if GeminiBatch.objects.filter(pk=name.removeprefix(REQUEST_FILE), stage=Stage.CLOSED).exists():
                gemini.delete_file(name)
                count += 1
    except gemini.GeminiError as error:
        logger.warning("The files at Gemini could not be listed: %s", error.sentence)
    return count


def _segments() -> int:
    """Segment files of ended jobs, and those that no preparation of a live job points to and nobody is writing."""
    try:
        folders, _ = default_storage.listdir("segments")
    except FileNotFoundError:
        return 0
    return sum(_segments_of(job_id) for job_id in folders)


def _segments_of(job_id: str) -> int:
    if not Job.objects.live().filter(pk=job_id).exists():
        return segments.remove(job_id)
    try:
        # Under the lease nobody writes a segment whose rows are not committed yet.
        with lease(job_id, Actor("housekeeping", "schedule")):
            used = BatchPreparation.objects.filter(job_id=job_id).values_list("segment", flat=True)
            return segments.remove(job_id, keep=frozenset(used))
    except Busy:
        return 0


def _preparations() -> int:
    """What a crash left of jobs that have ended and wait for no late answer any more."""
    ended = BatchPreparation.objects.filter(job__status__in=ENDED).order_by().values_list("job_id").distinct()
    done = [job for (job,) in ended if not GeminiBatch.objects.unfinished().filter(job_id=job).exists()]
    return sum(BatchPreparation.objects.filter(job_id=job).delete()[0] for job in done)


def _results() -> int:
    """Downloaded results of batches that are done with."""
    folder = settings.DATA_DIR / "results"
    count = 0
    for path in folder.iterdir() if folder.exists() else []:
        if not GeminiBatch.objects.unfinished().filter(pk=path.name.split(".")[0]).exists():
            path.unlink(missing_ok=True)
            count += 1
    return count
