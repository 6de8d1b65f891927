"""Collecting: from ended batches to texts on their pages, matched by key alone.

Results are streamed to disk and read line by line, a chunk a transaction with the number of lines done, so a crash
repeats at most one chunk's reading and writes nothing twice: a page whose end is known takes no second answer.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from django.conf import settings

from jobs import gemini
from jobs.lifecycle import spending
from jobs.lifecycle.chunk import Scene, collect_chunk, cost_of, drop, go_round, preparations, read, save
from jobs.lifecycle.common import Figures, Held, order_of
from jobs.lifecycle.finish import settle_phase
from jobs.models import GeminiBatch, PageState, PaidCall, Stage
from jobs.operations import operation
from jobs.operations.base import Refused
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic

CHUNK = 500  # answers in one transaction
_KEY = re.compile(rb'(?<!\\)"key"\s*:\s*"([^"\\\x00-\x1f]{1,100})"')


def collect(held: Held, batch: GeminiBatch, remote: gemini.RemoteBatch) -> Figures:
    """Save all results of an ended batch, put back or fail what has no answer, settle the money."""
    path = _results(batch, remote, held)
    scene = Scene(held, batch, operation(held.job.type), order_of(held.job), _doubled(path))
    with path.open("rb") as file:
        lines = islice(file, batch.collected_lines, None)
        while chunk := list(islice(lines, CHUNK)):
            held.renew()
            collect_chunk(scene, chunk)
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
        _go_round(batch, Refused(reason, sentence, retry=retry))
        spending.settle(
            gemini.Reservation(batch.reserved_micro_usd, batch.reserved_on),
            batch.cost_micro_usd if spent else 0,
        )
        batch.stage, batch.collected_at = Stage.COLLECTED, now()
        batch.reserved_micro_usd, batch.reserved_on = 0, ""
        batch.save(update_fields=["stage", "collected_at", "reserved_micro_usd", "reserved_on"])
        present = held.recount(cost_micro_usd=cost_of(held.job))
        settle_phase(held, present)
        held.job.book.recount()
    return present


def release(held: Held, batch: GeminiBatch, why: str) -> None:
    """Let go of a batch that does not end: its pages go round again, it is watched to its end all the same."""
    with atomic():
        held.touch()
        batch.released_at, batch.error = now(), why
        batch.save(update_fields=["released_at", "error"])
        _go_round(batch, Refused("batch_late", why, retry=True))
        settle_phase(held, held.recount())


def _go_round(batch: GeminiBatch, refused: Refused) -> None:
    """The same for all pages that still wait for this batch."""
    rows = list(batch.ledger.filter(state=PageState.SUBMITTED))
    prepared = preparations([row.pk for row in rows])
    dropped = [row.pk for row in rows if go_round(row, refused, prepared)]
    save(rows)
    drop(dropped)


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
        _refuse_page(draft)
    with draft.open("rb") as whole:
        # A power cut must not leave an empty file that looks like results without answers.
        os.fsync(whole.fileno())
        size = os.fstat(whole.fileno()).st_size
    if not batch.inline:
        batch.result_bytes = size
        batch.save(update_fields=["result_bytes"])
    draft.replace(path)
    return path


def _refuse_page(draft: Path) -> None:
    """A proxy's page with a 200 is no result without answers, for which everything would be sent again."""
    with draft.open("rb") as file:
        start = file.read(1000).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        draft.unlink()
        raise gemini.Unreachable(
            "Instead of the results there came a web page: something stands between this machine and Gemini. "
            "They will be fetched again."
        )


def _doubled(path: Path) -> frozenset[str]:
    """Keys that occur more than once: which answer is the right one cannot be known, so neither is taken."""
    suspects = _repeated(path, _quick_key)
    return frozenset(_repeated(path, lambda line: read(line).key)) if suspects else frozenset()


def _repeated(path: Path, key_of: Callable[[bytes], str]) -> set[str]:
    with path.open("rb") as file:
        seen = Counter(key_of(line) for line in file)
    return {key for key, count in seen.items() if count > 1}


def _quick_key(line: bytes) -> str:
    """The key of a line without reading all of it. Quotes within texts are escaped, so what looks like a key and
    stands alone is one; of a line that is no JSON it may be more than `read` finds, but never less.
    """
    found = _KEY.findall(line)
    return str(found[0], "utf-8", "replace") if len(found) == 1 else read(line).key
