"""What there is and what it cost, for one book or the whole library: texts by maker, review, money, error share."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum

from books import makers, review
from books.models import Book, Kind, Page, PageText, SampleJudgement, Source
from books.review import Interval
from books.ways import Way, grouped
from jobs.models import Job, JobPage, PageState


@dataclass(frozen=True)
class Making(Way):
    """The current texts that were made in one way. Costs are millionths of a US dollar, None where none is known."""

    flagged: int
    cost: int | None
    priced: int

    @property
    def label(self) -> str:
        """What kind of text it is, for people."""
        return str(Kind(self.kind).label)

    @property
    def maker(self) -> str:
        """The model, or what else made it."""
        return makers.named(self.model) or str(Source(self.source).label)

    @property
    def cost_per_page(self) -> int | None:
        """Of the pages whose cost is known."""
        return round(self.cost / self.priced) if self.cost is not None and self.priced else None


@dataclass(frozen=True)
class Spending:
    """Ended jobs of one type whose price was estimated: what was expected, what it came to; millionths of a dollar."""

    type: str
    jobs: int
    pages: int
    estimated: int
    cost: int

    @property
    def estimated_per_page(self) -> int | None:
        """As foreseen when the jobs were created."""
        return round(self.estimated / self.pages) if self.pages else None

    @property
    def cost_per_page(self) -> int | None:
        """As paid."""
        return round(self.cost / self.pages) if self.pages else None


@dataclass(frozen=True)
class Statistics:
    """Everything that the page of statistics shows. `pages` counts by state; a page may count in several."""

    pages: dict[str, int]
    makings: list[Making]
    spending: list[Spending]
    errors: dict[str, Interval]


def statistics(book: Book | None = None) -> Statistics:
    """Of one book, or of all that are not hidden; a fixed number of queries."""
    return Statistics(_pages(book), _makings(book), _spending(book), _errors(book))


def _pages(book: Book | None) -> dict[str, int]:
    books = Book.objects.visible() if book is None else Book.objects.filter(pk=book.pk)
    names = ("pages_count", "pages_ocr", "pages_translated", "pages_blank", "pages_flagged")
    sums = books.order_by().aggregate(**{f"sum_{name}": Sum(name) for name in names})
    told = {name.removeprefix("pages_"): sums[f"sum_{name}"] or 0 for name in names}
    texts = _texts(book)
    told["edited"] = texts.filter(source=Source.HUMAN).values("page").distinct().count()
    told["reviewed"] = texts.filter(reviewed_at__isnull=False).values("page").distinct().count()
    told["hidden"] = Page.objects.filter(book__in=books, hidden=True).count()
    return told


def _texts(book: Book | None) -> Any:
    texts = PageText.objects.current().filter(page__hidden=False).order_by()
    return texts.filter(page__book__hidden=False) if book is None else texts.filter(page__book=book)


def _makings(book: Book | None) -> list[Making]:
    figures = {
        "cost": Sum("cost_micro_usd"), "priced": Count("cost_micro_usd"),
        "flagged": Count("pk", filter=Q(is_flagged=True)),
    }  # fmt: skip
    found = [Making(**row) for row in grouped(_texts(book), **figures)]
    return sorted(found, key=lambda one: one.rank)


def _spending(book: Book | None) -> list[Spending]:
    """Sums of the ended jobs that were paid for; no alias is called as a collection is: MongoDB would mix them up.

    What the stand-in did costs nothing and would make every estimate look too high.
    """
    known: dict[str, Any] = {
        "completed_at__isnull": False, "estimated_micro_usd__isnull": False, "cost_micro_usd__gt": 0,
    }  # fmt: skip
    jobs = Job.objects.filter(**known).order_by()
    worked = JobPage.objects.filter(**{f"job__{name}": value for name, value in known.items()}).order_by()
    worked = worked.filter(state__in=(PageState.SUCCEEDED, PageState.FAILED))
    if book is not None:
        jobs, worked = jobs.filter(book=book), worked.filter(job__book=book)
    pages = {row["type"]: row["pages"] for row in worked.values("type").annotate(pages=Count("pk"))}
    rows = jobs.values("type").annotate(
        count=Count("pk"), estimated=Sum("estimated_micro_usd"), paid=Sum("cost_micro_usd")
    )  # fmt: skip
    return [
        Spending(row["type"], row["count"], pages.get(row["type"], 0), row["estimated"], row["paid"])
        for row in sorted(rows, key=lambda row: str(row["type"]))
    ]


def _errors(book: Book | None) -> dict[str, Interval]:
    """By kind of text the share of wrong pages among those judged in samples, with its bounds."""
    judged = SampleJudgement.objects.exclude(verdict="").order_by()
    if book is not None:
        judged = judged.filter(page__book=book)
    counts: dict[str, dict[str, int]] = {}
    for row in judged.values("kind", "verdict").annotate(pages=Count("pk")):
        counts.setdefault(row["kind"], {})[row["verdict"]] = row["pages"]
    wrong = SampleJudgement.Verdict.WRONG
    return {
        str(Kind(kind).label): review.wilson(found.get(wrong, 0), sum(found.values()))
        for kind, found in sorted(counts.items())
    }
