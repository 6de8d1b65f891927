"""Many at once: a pool of threads, results as they come, and no heap of them when the reader is slow."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from sourcebatch.lib.fetch.door import Fetched, FetchError, fetch

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 16
MAX_BYTES_WAITING = 64 << 20


def as_done(
    items: Iterable[T],
    work: Callable[[T], R],
    *,
    workers: int = WORKERS,
    size: Callable[[R], int] = lambda result: 0,
    max_bytes_waiting: int = MAX_BYTES_WAITING,
) -> Iterator[tuple[T, R]]:
    """Pairs of item and `work(item)`, in the order in which they end.

    No new work starts while results of more than `max_bytes_waiting` bytes (told by `size`) wait to be taken,
    and `items` is read only as fast as that. What `work` raises reaches the caller once what runs has ended.
    """
    source = iter(items)
    running: dict[Future[R], T] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="fetch") as pool:

        def fill(places: int) -> None:
            for _, item in zip(range(places), source, strict=False):
                running[pool.submit(work, item)] = item

        fill(workers)
        while running:
            done, unfinished = wait(running, return_when=FIRST_COMPLETED)
            future = done.pop()
            item = running.pop(future)
            if sum(size(other.result()) for other in done) <= max_bytes_waiting:
                fill(min(workers - len(unfinished), 2 * workers - len(running)))
            yield item, future.result()


def fetch_many(
    urls: Iterable[str], *, workers: int = WORKERS, max_bytes: int | None = None, accept: str = "image/*"
) -> Iterator[tuple[str, Fetched | FetchError]]:
    """Each address with what came or why nothing came, in the order in which they end."""

    def one(url: str) -> Fetched | FetchError:
        try:
            return fetch(url, max_bytes=max_bytes, accept=accept)
        except FetchError as error:
            return error

    def size(result: Fetched | FetchError) -> int:
        return len(result.body) if isinstance(result, Fetched) else 0

    return as_done(urls, one, workers=workers, size=size)
