"""Whose batch goes next when Gemini takes no more: turns between users, then between books.

Higher priority first; among equals whoever has the fewest batches open, then the book with the fewest, then who has
waited longest. So one person's thousand books do not keep another's single one waiting. Nobody goes ahead of one
whose turn it is by being smaller: what is free is kept until it is enough, so a large batch is not starved.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

AT_THE_CAP = (
    "Batches are open at Gemini, as many as MAX_OPEN_BATCHES allows: "
    "the next one of this job goes when its turn comes."
)
NO_TOKENS = (
    "As many tokens wait at Gemini as MAX_ENQUEUED_TOKENS allows this model: "
    "the next batch of this job goes when its turn comes."
)
NO_SPACE = (
    "Files fill the space at Gemini that MAX_GEMINI_FILE_BYTES allows: "
    "the next batch of this job goes when its turn comes."
)
IN_LINE = (AT_THE_CAP, NO_TOKENS, NO_SPACE)


@dataclass(frozen=True)
class Waiting:
    """A job with a batch that could be sent: its input tokens, and its bytes of files (none where it needs none)."""

    job_id: str
    user: str
    book_id: str
    priority: int
    since: dt.datetime
    model: str = ""
    tokens: int = 0
    bytes: int = 0


@dataclass
class Room:
    """What Gemini still takes: batches, tokens by model, bytes of files. What is not named has no limit."""

    places: int
    tokens: dict[str, int] = field(default_factory=dict)
    bytes: int | None = None

    def lacks(self, one: Waiting) -> list[str]:
        """The limits that keep this one from going, as sentences."""
        found = [] if self.places > 0 else [AT_THE_CAP]
        if one.tokens > self.tokens.get(one.model, one.tokens):
            found.append(NO_TOKENS)
        if self.bytes is not None and one.bytes > self.bytes:
            found.append(NO_SPACE)
        return found

    def take(self, one: Waiting) -> None:
        """It goes, and takes its share."""
        self.places -= 1
        self.keep(one, (NO_TOKENS, NO_SPACE))

    def keep(self, one: Waiting, limits: Iterable[str]) -> None:
        """Of these limits its share is for nobody else, or what there is of it."""
        if NO_TOKENS in limits and one.model in self.tokens:
            self.tokens[one.model] = max(0, self.tokens[one.model] - one.tokens)
        if NO_SPACE in limits and self.bytes is not None:
            self.bytes = max(0, self.bytes - one.bytes)


def next_ones(waiting: Sequence[Waiting], open_now: Iterable[tuple[str, str]], room: Room) -> list[str]:
    """The jobs whose batches go now, in order; see `turns`."""
    return [job_id for job_id, why in turns(waiting, open_now, room).items() if not why]


def turns(waiting: Sequence[Waiting], open_now: Iterable[tuple[str, str]], room: Room) -> dict[str, str]:
    """Each job with what it waits for, empty where it goes now; who is not named waits for a place (AT_THE_CAP).

    `open_now` is user and book of each open batch. A place given counts at once, so that the places of one moment are
    shared out as well, and `room` is left as it is then.
    """
    users: Counter[str] = Counter()
    books: Counter[str] = Counter()
    for user, book in open_now:
        users[user] += 1
        books[book] += 1
    ranked = [(_rank(one, users, books), one) for one in waiting]
    heapify(ranked)
    found: dict[str, str] = {}
    nobody_waits = True
    while ranked and room.places > 0:
        rank, first = heappop(ranked)
        if (now := _rank(first, users, books)) != rank:
            # Its user or book got a place since it was ranked.
            heappush(ranked, (now, first))
            continue
        if lacking := room.lacks(first):
            # The first who must wait keeps all that it needs; if each did, models and files would lie idle.
            room.keep(first, (NO_TOKENS, NO_SPACE) if nobody_waits else lacking)
            found[first.job_id], nobody_waits = lacking[0], False
            continue
        room.take(first)
        found[first.job_id] = ""
        users[first.user] += 1
        books[first.book_id] += 1
    return found


def _rank(
    one: Waiting, users: Mapping[str, int], books: Mapping[str, int]
) -> tuple[int, int, int, dt.datetime, str]:
    return -one.priority, users[one.user], books[one.book_id], one.since, one.job_id
