"""`make simulate`: 1,000 books and 100 million pages under Gemini's limits, as discrete events, without a network.

Which setting binds? Batches wait for a place among the open ones, for tokens of the quota, for a creation of the day;
pages wait for their image's host. Turns and polls are the program's own (jobs.lifecycle.turns, jobs.lifecycle.polling),
everything else is what docs/scaling.md says it is. Writes that table with --write.
"""

import argparse
import datetime as dt
import heapq
import itertools
import os
import random
import statistics
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
os.environ.setdefault("GEMINI_API_KEY", "none is needed")
DOCUMENT = ROOT / "docs" / "scaling.md"
MARK = "<!-- make simulate -->\n"
DAY = 86_400.0
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class World:
    """One set of limits. Tokens are input tokens of a page's request; hours are seconds of a batch's life."""

    name: str = "as shipped"
    books: int = 1_000
    pages: int = 100_000_000
    users: int = 10
    hosts: int = 100
    pages_a_second_a_host: float = 1.0
    batch_pages: int = 1_000
    open_batches: int = 80
    creations_a_day: int = 700
    queued_tokens: int = 10_000_000
    tokens_a_page: int = 1_400
    batch_hours: tuple[float, float] = (1.0, 9.0)
    poll_first: float = 10.0
    poll_last: float = 900.0
    seed: int = 1


@dataclass
class Book:
    """A job: pages not yet prepared are its host's, prepared ones are ready to go."""

    id: str
    user: str
    host: int
    left: int
    since: dt.datetime
    ready: int = 0


@dataclass
class Run:
    """One simulation; `finish` is when all pages are done, in seconds."""

    world: World
    now: float = 0.0
    finish: float = 0.0
    polls: int = 0
    late: list[float] = field(default_factory=list)
    queue: list[int] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._luck = random.Random(self.world.seed)  # noqa: S311
        self._open: dict[int, tuple[Book, int]] = {}
        self._created: deque[float] = deque()
        self._tokens = 0
        self._wakeup = 0.0
        self.books = self._make()
        self._ready: dict[str, dict[str, Book]] = {book.user: {} for book in self.books}
        self._open_of: dict[str, Counter[str]] = {book.user: Counter() for book in self.books}
        # Of each user the book that would go next, until something of that user changes.
        self._next_of: dict[str, Book] = {}

    def _make(self) -> "list[Book]":
        each, more = divmod(self.world.pages, self.world.books)
        return [
            Book(
                f"{n:05}", f"user{n % self.world.users}", n % self.world.hosts, each + (n < more),
                EPOCH + dt.timedelta(seconds=n),
            )
            for n in range(self.world.books)
        ]  # fmt: skip

    def go(self) -> "Run":
        """To the end."""
        by_host: dict[int, deque[Book]] = {}
        for book in self.books:
            by_host.setdefault(book.host, deque()).append(book)
        for line in by_host.values():
            self._prepare(line)
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
        return self

    def _at(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (seconds, next(self._order), event))

    def _prepare(self, line: "deque[Book]") -> None:
        """A host gives the pages of its books in turns, a batch's worth at a time."""
        if not line:
            return
        book = line.popleft()
        pages = min(book.left, self.world.batch_pages)

        def prepared() -> None:
            book.left -= pages
            book.ready += pages
            self._ready[book.user][book.id] = book
            self._next_of.pop(book.user, None)
            if book.left:
                line.append(book)
            self._prepare(line)
            self._send()

        self._at(self.now + pages / self.world.pages_a_second_a_host, prepared)

    def _send(self) -> None:
        """Every place that may be taken now, in the program's own turns."""
        while any(self._ready.values()):
            why = self._bound()
            self.queue.append(sum(map(len, self._ready.values())))
            if why:
                self.held[why] += 1
                return
            # First among the books of each user, then among the users: what one look at all books would find.
            best = {user: self._best_of(user) for user, books in self._ready.items() if books}
            open_now = [(user, book) for user in best for book in self._open_of[user].elements()]
            self._create(self._first(list(best.values()), open_now))
        self.held["nothing is prepared"] += 1

    def _best_of(self, user: str) -> Book:
        if user not in self._next_of:
            open_now = [(user, book) for book in self._open_of[user].elements()]
            self._next_of[user] = self._first(list(self._ready[user].values()), open_now)
        return self._next_of[user]

    def _first(self, books: list[Book], open_now: list[tuple[str, str]]) -> Book:
        from jobs.lifecycle.turns import Room, Waiting, next_ones

        line = [Waiting(book.id, book.user, book.id, 0, book.since) for book in books]
        (chosen,) = next_ones(line, open_now, Room(1))
        return next(book for book in books if book.id == chosen)

    def _bound(self) -> str:
        world = self.world
        while self._created and self._created[0] <= self.now - DAY:
            self._created.popleft()
        if len(self._open) >= world.open_batches:
            return "open batches"
        if self._tokens + world.batch_pages * world.tokens_a_page > world.queued_tokens:
            return "tokens enqueued"
        if len(self._created) >= world.creations_a_day:
            if self._wakeup <= self.now:
                self._wakeup = self._created[0] + DAY
                self._at(self._wakeup, self._send)
            return "creations a day"
        return ""

    def _create(self, book: Book) -> None:
        world, number = self.world, next(self._order)
        pages = min(book.ready, world.batch_pages)
        book.ready -= pages
        if not book.ready:
            del self._ready[book.user][book.id]
        self._next_of.pop(book.user, None)
        self._open[number] = (book, pages)
        self._open_of[book.user][book.id] += 1
        self._created.append(self.now)
        self._tokens += pages * world.tokens_a_page
        ends = self.now + self._luck.uniform(*world.batch_hours) * 3600
        self._at(self._seen(self.now, ends), lambda: self._collect(number, ends))

    def _seen(self, sent: float, ends: float) -> float:
        """When the poll that finds the end comes."""
        from jobs.lifecycle.polling import next_wait

        at = sent
        while at < ends:
            at += next_wait(at - sent, self.world.poll_first, self.world.poll_last)
            self.polls += 1
        return at

    def _collect(self, number: int, ended: float) -> None:
        book, pages = self._open.pop(number)
        self._open_of[book.user][book.id] -= 1
        self._next_of.pop(book.user, None)
        self._tokens -= pages * self.world.tokens_a_page
        self.late.append(self.now - ended)
        self.finish = self.now
        self._send()


def worlds(base: World) -> list[World]:
    """As shipped, and each limit moved by itself."""
    tokens = replace(base, name="tokens: 1,000 million", queued_tokens=1_000_000_000)
    quick = replace(tokens, name="the same, hosts give 4 pages/s", pages_a_second_a_host=4)
    large = replace(quick, name="the same, 5,000 pages a batch", batch_pages=5_000)
    return [
        base,
        replace(base, name="tokens: 100 million", queued_tokens=100_000_000),
        tokens,
        quick,
        large,
        replace(large, name="the same, 10 hosts only", hosts=10),
    ]


def row(run: Run) -> str:
    """A line of the table."""
    world = run.world
    waits = {why: count for why, count in run.held.items() if why != "nothing is prepared"}
    binds = (
        max(waits, key=lambda why: waits[why]) if sum(waits.values()) > len(run.late) / 4 else "image hosts"
    )
    done = world.pages / run.finish * DAY
    cells = [
        world.name, f"{done / 1e6:.2f} million", f"{run.finish / DAY:,.0f}",
        f"{statistics.mean(run.queue):.0f}, {max(run.queue)}", f"{run.polls / len(run.late):.0f}",
        f"{statistics.mean(run.late) / 60:.0f} min", binds,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEAD = """| Limits | Pages a day | Days | Books in the queue: mean, most | Polls a batch | Found late by | What binds |
|---|---|---|---|---|---|---|"""


def main() -> int:
    """Simulate every world and print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=int, default=1_000)
    parser.add_argument("--pages", type=int, default=100_000_000)
    parser.add_argument("--write", action="store_true", help="write the table into docs/scaling.md")
    wanted = parser.parse_args()
    import django

    django.setup()
    lines = [HEAD]
    for world in worlds(World(books=wanted.books, pages=wanted.pages)):
        lines.append(row(Run(world).go()))
        print(lines[-1], flush=True)
    if wanted.write:
        before, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARK)
        DOCUMENT.write_text(f"{before.rstrip()}\n\n{MARK}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
