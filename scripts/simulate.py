"""`make simulate`: 1,000 books and 100 million pages under Gemini's limits, as discrete events, without a network.

Which setting binds? Batches wait for a place among the open ones, for tokens of the quota, for space for their files,
for a creation of the day; pages wait for their image's host. The first world has the limits that are set here. Turns,
room and polls are the program's own (jobs.lifecycle.turns, jobs.lifecycle.polling), everything else is what
docs/scaling.md says it is. Writes that table with --write.
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
    """One set of limits. Tokens are input tokens of a page's request, bytes those of its line and of its answer;
    hours are those of a batch's life; 0 is no limit of tokens or files.
    """

    name: str = "as set"
    books: int = 1_000
    pages: int = 100_000_000
    users: int = 10
    hosts: int = 100
    pages_a_second_a_host: float = 1.0
    batch_pages: int = 1_000
    batch_bytes: int = 1_900_000_000
    open_batches: int = 80
    creations_a_day: int = 700
    queued_tokens: int = 10_000_000
    file_bytes: int = 18_000_000_000
    tokens_a_page: int = 1_400
    bytes_a_page: int = 530_000  # an image of 394 KB as base64, and its answer
    batch_hours: tuple[float, float] = (1.0, 9.0)
    poll_first: float = 10.0
    poll_last: float = 900.0
    seed: int = 1

    @property
    def pages_a_batch(self) -> int:
        """A batch is cut to what may be at Gemini at all (jobs.lifecycle.bundle)."""
        tokens = self.queued_tokens // self.tokens_a_page if self.queued_tokens else self.batch_pages
        files = (self.file_bytes or self.batch_bytes) // self.bytes_a_page
        return max(1, min(self.batch_pages, tokens, files, self.batch_bytes // self.bytes_a_page))


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
        self._pages_open = 0
        self._most = self.world.pages_a_batch
        self._small: dict[str, int] = {}
        self._created: deque[float] = deque()
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
        pages = min(book.left, self._most)

        def prepared() -> None:
            book.left -= pages
            book.ready += pages
            self._ready[book.user][book.id] = book
            self._note_small(book)
            self._next_of.pop(book.user, None)
            if book.left:
                line.append(book)
            self._prepare(line)
            self._send()

        self._at(self.now + pages / self.world.pages_a_second_a_host, prepared)

    def _send(self) -> None:
        """Every place that may be taken now, in the program's own turns."""
        while any(self._ready.values()):
            self.queue.append(sum(map(len, self._ready.values())))
            # Where not even the smallest batch may go, it does not matter whose turn it is.
            if why := self._bound(min(self._small.values(), default=self._most)):
                self.held[why] += 1
                return
            # First among the books of each user, then among the users: what one look at all books would find.
            best = {user: self._best_of(user) for user, books in self._ready.items() if books}
            open_now = [(user, book) for user in best for book in self._open_of[user].elements()]
            book = self._first(list(best.values()), open_now)
            if why := self._bound(min(book.ready, self._most)):
                self.held[why] += 1
                return
            self._create(book)
        self.held["nothing is prepared"] += 1

    def _note_small(self, book: Book) -> None:
        """Keep in mind the books that have less than a whole batch ready."""
        self._small.pop(book.id, None)
        if 0 < book.ready < self._most:
            self._small[book.id] = book.ready

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

    def _bound(self, pages: int) -> str:
        """The limit that keeps a batch of so many pages from going; nobody overtakes the one whose turn it is."""
        from jobs.lifecycle.turns import Room, Waiting

        world = self.world
        while self._created and self._created[0] <= self.now - DAY:
            self._created.popleft()
        room = Room(
            world.open_batches - len(self._open),
            {"model": world.queued_tokens - self._pages_open * world.tokens_a_page} if world.queued_tokens else {},
            world.file_bytes - self._pages_open * world.bytes_a_page if world.file_bytes else None,
        )  # fmt: skip
        tokens, size = pages * world.tokens_a_page, pages * world.bytes_a_page
        if lacking := room.lacks(Waiting("", "", "", 0, EPOCH, "model", tokens, size)):
            return setting_of(lacking[0])
        if len(self._created) >= world.creations_a_day:
            if self._wakeup <= self.now:
                self._wakeup = self._created[0] + DAY
                self._at(self._wakeup, self._send)
            return "creations a day"
        return ""

    def _create(self, book: Book) -> None:
        world, number = self.world, next(self._order)
        pages = min(book.ready, self._most)
        book.ready -= pages
        self._note_small(book)
        if not book.ready:
            del self._ready[book.user][book.id]
        self._next_of.pop(book.user, None)
        self._open[number] = (book, pages)
        self._open_of[book.user][book.id] += 1
        self._created.append(self.now)
        self._pages_open += pages
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
        self._pages_open -= pages
        self.late.append(self.now - ended)
        self.finish = self.now
        self._send()


def setting_of(sentence: str) -> str:
    """The setting that a sentence of the queue names."""
    return next(word for word in sentence.split() if word.isupper() and "_" in word)


def as_set(books: int, pages: int) -> World:
    """The limits of these settings, for the model that reads batches."""
    from django.conf import settings

    from jobs.lifecycle.cap import token_limit

    return World(
        books=books,
        pages=pages,
        batch_pages=settings.BATCH_MAX_PAGES,
        batch_bytes=settings.BATCH_MAX_BYTES,
        open_batches=settings.MAX_OPEN_BATCHES,
        queued_tokens=token_limit(settings.OCR_BATCH_MODEL),
        file_bytes=settings.MAX_GEMINI_FILE_BYTES,
        poll_first=settings.POLL_FIRST_SECONDS,
        poll_last=settings.POLL_LAST_SECONDS,
    )


def worlds(base: World) -> list[World]:
    """As set, and each limit moved by itself."""
    tokens = replace(base, name="tokens: 1,000 million", queued_tokens=1_000_000_000)
    small = replace(tokens, name="the same, images of 150 KB", bytes_a_page=204_000)
    quick = replace(small, name="the same, hosts give 4 pages/s", pages_a_second_a_host=4)
    large = replace(quick, name="the same, 5,000 pages a batch", batch_pages=5_000)
    return [
        base,
        replace(base, name="tokens: 100 million", queued_tokens=100_000_000),
        tokens,
        small,
        quick,
        large,
        replace(large, name="the same, 10 hosts only", hosts=10),
        replace(large, name="the same, but space for files without end", file_bytes=0),
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
    for world in worlds(as_set(wanted.books, wanted.pages)):
        lines.append(row(Run(world).go()))
        print(lines[-1], flush=True)
    if wanted.write:
        before, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARK)
        DOCUMENT.write_text(f"{before.rstrip()}\n\n{MARK}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
