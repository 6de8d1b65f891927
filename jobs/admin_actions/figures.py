"""Figures about work that lists of books and pages show: a fixed number of queries, however long the list."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from jobs.models import LIVE, Job, JobPage, PageState, TrialPage


@dataclass
class BookWork:
    """Jobs under way on a book and what its jobs have cost (micro-dollars)."""

    open_jobs: int = 0
    spent: int = 0


@dataclass
class PageWork:
    """What jobs last did with a page: under way, or failed with this explanation."""

    under_way: bool = False
    failed: str = ""


def work_of(book_ids: Iterable[str]) -> dict[str, BookWork]:
    """The work on each of these books."""
    rows = (
        Job.objects.filter(book_id__in=list(book_ids)).order_by().values("book_id")
        .annotate(live=Count("pk", filter=Q(status__in=LIVE)), spent=Sum("cost_micro_usd"))
    )  # fmt: skip
    found = {row["book_id"]: BookWork(row["live"], row["spent"] or 0) for row in rows}
    return defaultdict(BookWork, found)


def work_on_pages(page_ids: Iterable[str]) -> dict[str, PageWork]:
    """The last word of the ledger on each of these pages that has not simply succeeded."""
    rows = (
        JobPage.objects.filter(page_id__in=list(page_ids))
        .order_by("id")
        .only("page_id", "is_open", "state", "error")
    )
    found: dict[str, PageWork] = defaultdict(PageWork)
    for row in rows:
        failed = row.error if row.state == PageState.FAILED else ""
        found[row.page_id] = PageWork(row.is_open or (found[row.page_id].under_way and not failed), failed)
    return found


def spent_on_trials(book_id: str) -> int:
    """Micro-dollars that trying prompts on this book's pages has cost."""
    return TrialPage.objects.filter(trial__book=book_id).aggregate(spent=Sum("cost_micro_usd"))["spent"] or 0


def jobs_of(book_id: str, most: int = 20) -> Sequence[Job]:
    """The last jobs of one book, newest first."""
    return list(Job.objects.filter(book_id=book_id).defer("error").order_by("-id")[:most])
