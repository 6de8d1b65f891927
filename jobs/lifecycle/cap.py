"""Gemini's limits: open batches, tokens enqueued for a model, bytes of files. Who would pass one waits in our own
queue, and is called when there is room and its turn has come.

What is taken is counted from the batches themselves, so nothing can drift. Only one transaction at a time looks and
takes, so two workers cannot pass a limit together.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import Sum

from jobs import gemini
from jobs.lifecycle.common import Queued
from jobs.lifecycle.turns import AT_THE_CAP, IN_LINE, Room, Waiting, next_ones, turns
from jobs.models import GeminiBatch, Heartbeat, Job, Stage, Status
from sourcebatch.lib.clock import now
from sourcebatch.lib.quotas import limit_for

# Ten thousand jobs may wait: each is called, and asks by itself only in case the call was lost.
ASKS_AGAIN = dt.timedelta(hours=1)
# Who has not asked for so long after its time is held up by something else and keeps no place.
FORGOTTEN = dt.timedelta(minutes=10)
_GATE = "submit"


@dataclass(frozen=True)
class Taken:
    """What open batches take: user and book of each, input tokens by model, bytes of files.

    Tokens and files are those of the key in use: each project of Google's has limits of its own.
    """

    open: list[tuple[str, str]]
    tokens: Counter[str]
    bytes: int


def taken() -> Taken:
    """What is at Gemini now, or about to be."""
    rows = GeminiBatch.objects.filter(stage__in=[Stage.INTENT, Stage.OPEN]).order_by()
    places: list[tuple[str, str]] = []
    tokens: Counter[str] = Counter()
    key = gemini.fingerprint()
    for user, book, model, count, made_with in rows.values_list(
        "job__created_by", "job__book_id", "model", "input_tokens", "key_fingerprint"
    ):
        places.append((user, book))
        tokens[model] += count if made_with == key else 0
    return Taken(places, tokens, _bytes(key))


def _bytes(key: str) -> int:
    """Files stay until the results are safe; those of results are counted by what is expected of them."""
    kept = [Stage.INTENT, Stage.OPEN, Stage.ENDED, Stage.COLLECTED]
    rows = GeminiBatch.objects.filter(stage__in=kept, inline=False, key_fingerprint=key)
    sums = rows.aggregate(sent=Sum("bytes"), results=Sum("result_bytes"))
    return int(sums["sent"] or 0) + int(sums["results"] or 0)


def token_limit(model: str) -> int:
    """Input tokens that may be enqueued for a model; 0 where nothing is known and Gemini itself says when to wait."""
    return limit_for(settings.MAX_ENQUEUED_TOKENS, model)


def take_turn(job: Job, tokens: int, file_bytes: int) -> None:
    """Raises Queued when a batch of so many input tokens and bytes of files must wait for room or for others.

    Call it inside the transaction that writes the batch down. Gemini stalls near a hundred open batches and refuses
    what passes a quota, so ours wait here instead.
    """
    _alone()
    present = taken()
    mine = Waiting(
        job.pk, job.created_by, job.book_id, job.priority, job.created_at, job.model, tokens, file_bytes
    )
    places = settings.MAX_OPEN_BATCHES - len(present.open)
    line = [*(_line(without=job.pk) if places > 0 else []), mine]
    if why := turns(line, present.open, _room(present, line)).get(job.pk, AT_THE_CAP):
        pause = ASKS_AGAIN.total_seconds()
        raise Queued(why, retry_after=pause, wanted_tokens=tokens, wanted_bytes=file_bytes)


def call_next() -> int:
    """Have the jobs take their steps now for which there is room; how many were called."""
    line = _line()
    if not line:
        return 0
    present = taken()
    called = next_ones(line, present.open, _room(present, line))
    moment = now()
    return Job.objects.filter(pk__in=called, waiting_for__in=IN_LINE, next_step_at__gt=moment).update(
        next_step_at=moment
    )


def _alone() -> None:
    """Until this transaction ends nobody else gets past here: on PostgreSQL they wait, on MongoDB they begin again."""
    Heartbeat.objects.get_or_create(name=_GATE)
    Heartbeat.objects.filter(pk=_GATE).update(at=now())


def _room(present: Taken, line: list[Waiting]) -> Room:
    limits = {model: token_limit(model) for model in {one.model for one in line}}
    most = _most_bytes()
    return Room(
        settings.MAX_OPEN_BATCHES - len(present.open),
        {model: max(0, limit - present.tokens[model]) for model, limit in limits.items() if limit},
        max(0, most - present.bytes) if most else None,
    )


def _line(without: str = "") -> list[Waiting]:
    """The jobs that were refused and still stand there."""
    jobs = Job.objects.filter(
        status=Status.PROCESSING, waiting_for__in=IN_LINE, next_step_at__gt=now() - FORGOTTEN
    )
    rows = (
        jobs.exclude(pk=without)
        .order_by()
        .values_list(
            "pk", "created_by", "book_id", "priority", "created_at", "model", "wanted_tokens", "wanted_bytes"
        )
    )
    return [_cut(Waiting(*row)) for row in rows]


def _cut(one: Waiting) -> Waiting:
    """Its batch is cut again when its turn comes, should a limit be lower now than when it asked."""
    tokens, files = token_limit(one.model) or one.tokens, _most_bytes() or one.bytes
    return replace(one, tokens=min(one.tokens, tokens), bytes=min(one.bytes, files))


def _most_bytes() -> int:
    return int(settings.MAX_GEMINI_FILE_BYTES)
