"""Whose batch goes next when as many are open at Gemini as may be: turns between users, then between books.

Higher priority first; among equals whoever has the fewest batches open, then the book with the fewest, then who has
waited longest. So one person's thousand books do not keep another's single one waiting.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

AT_THE_CAP = (
    "Batches are open at Gemini, as many as MAX_OPEN_BATCHES allows: "
    "the next one of this job goes when its turn comes."
)


@dataclass(frozen=True)
class Waiting:
    """A job with a batch that could be sent."""

    job_id: str
    user: str
    book_id: str
    priority: int
    since: dt.datetime


def next_ones(waiting: Sequence[Waiting], open_now: Iterable[tuple[str, str]], places: int) -> list[str]:
    """The jobs that get the next free places, in order; `open_now` is user and book of each open batch.

    A place given counts at once, so that the places of one moment are shared out as well.
    """
    users: Counter[str] = Counter()
    books: Counter[str] = Counter()
    for user, book in open_now:
        users[user] += 1
        books[book] += 1
    ranked = [(_rank(one, users, books), one) for one in waiting]
    heapify(ranked)
    chosen: list[str] = []
    while ranked and len(chosen) < places:
        rank, first = heappop(ranked)
        if (now := _rank(first, users, books)) != rank:
            # Its user or book got a place since it was ranked.
            heappush(ranked, (now, first))
            continue
        chosen.append(first.job_id)
        users[first.user] += 1
        books[first.book_id] += 1
    return chosen


def _rank(
    one: Waiting, users: Mapping[str, int], books: Mapping[str, int]
) -> tuple[int, int, int, dt.datetime, str]:
    return -one.priority, users[one.user], books[one.book_id], one.since, one.job_id
