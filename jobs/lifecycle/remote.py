"""What is at Gemini now, each batch with the job here that owns it."""

from dataclasses import dataclass

from jobs import gemini
from jobs.lifecycle.common import Unavailable
from jobs.models import GeminiBatch
from sourcebatch.lib.db import in_chunks


@dataclass(frozen=True)
class OwnedBatch:
    """A batch at Gemini; `job_id` is None and `orphan` true when no job here knows it."""

    name: str
    display_name: str
    state: str
    model: str
    create_time: str
    end_time: str
    job_id: str | None

    @property
    def orphan(self) -> bool:
        return self.job_id is None


def list_batches() -> list[OwnedBatch]:
    """Every batch the key in use can see. Raises Unavailable."""
    try:
        remote = list(gemini.list_batches())
    except gemini.GeminiError as error:
        raise Unavailable(error.sentence, retry_after=error.retry_after) from error
    owners = _owners(remote)
    return [
        OwnedBatch(
            name=one.name, display_name=one.display_name, state=one.state, model=one.model,
            create_time=one.create_time, end_time=one.end_time,
            job_id=owners.get(one.name) or owners.get(one.display_name),
        )
        for one in remote
    ]  # fmt: skip


def _owners(remote: list[gemini.RemoteBatch]) -> dict[str, str]:
    """Jobs by the name and by the display name of their batches."""
    owners: dict[str, str] = {}
    for chunk in in_chunks(remote):
        names = GeminiBatch.objects.filter(name__in=[one.name for one in chunk])
        displayed = GeminiBatch.objects.filter(display_name__in=[one.display_name for one in chunk])
        owners.update(names.values_list("name", "job_id"))
        owners.update(displayed.values_list("display_name", "job_id"))
    return owners
