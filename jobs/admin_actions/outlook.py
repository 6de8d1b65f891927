"""What an order would do, before anybody pays: pages, what is left out and why, the price and its basis.

Few books are planned one by one by the lifecycle itself; for many the books' own counts are added up by queries, and
the jobs decide page by page when they are created.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum

from books.models import Kind
from jobs import lifecycle, prices
from jobs.admin_actions.wording import reason_words
from jobs.lifecycle.common import LifecycleError
from jobs.models import JobPage
from jobs.operations import operation, operations
from jobs.operations.base import Order

ONE_BY_ONE = 20
"""Books that are planned, and later ordered, while the browser waits."""


@dataclass(frozen=True)
class Choice:
    """What the person chose on the confirmation page; plain values, so that a worker can be handed them."""

    type: str
    model: str = ""
    language: str = ""
    target_language: str = ""
    overwrite: str = ""

    def order(self, book_id: str, page_ids: Sequence[str] | None = None) -> "lifecycle.NewJob":
        """The order for one book: these pages of it, or all that need it."""
        return lifecycle.NewJob(
            type=self.type, page_ids=page_ids, book_id=book_id, language=self.language, model=self.model,
            target_language=self.target_language, overwrite=self.overwrite,
        )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One book of the order."""

    title: str
    pages: int
    refused: str = ""


@dataclass
class Outlook:
    """The whole order. A price of None means that it is unknown; `counted` that figures are the books' counts."""

    type: str
    books: int = 0
    pages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    batch_usd: Decimal | None = Decimal(0)
    realtime_usd: Decimal | None = Decimal(0)
    basis: str = ""
    model: str = ""
    notices: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    counted: bool = False

    @property
    def label(self) -> str:
        return str(operation(self.type).label)

    @property
    def left_out(self) -> list[tuple[str, int]]:
        """Reasons in words with their number of pages, the most frequent first."""
        return [(reason_words(code), count) for code, count in self.skipped.most_common() if count]

    @property
    def left_out_count(self) -> int:
        return sum(self.skipped.values())

    def add(self, plan: "lifecycle.Plan") -> None:
        """Another book's plan."""
        self.books += 1
        self.pages += plan.pages
        self.skipped.update(plan.skipped_by_reason)
        self.model, self.basis = plan.model, self.basis or plan.estimate.basis
        self.batch_usd = _plus(self.batch_usd, plan.estimate.batch_usd)
        self.realtime_usd = _plus(self.realtime_usd, plan.estimate.realtime_usd)
        self.notices += [notice for notice in plan.notices if notice not in self.notices]
        self.lines.append(Line(plan.book.title, plan.pages))


def of_books(books: Any, choice: Choice) -> Outlook:
    """The order over a QuerySet of books, however many."""
    first = list(books.order_by("pk").values_list("pk", flat=True)[: ONE_BY_ONE + 1])
    if len(first) <= ONE_BY_ONE:
        return of_orders([choice.order(pk) for pk in first], choice)
    return _by_counts(books.order_by(), first[0], choice)


def of_orders(orders: Iterable["lifecycle.NewJob"], choice: Choice) -> Outlook:
    """The order over some books, each planned by the lifecycle: exact. A book that cannot be planned says why."""
    outlook = Outlook(choice.type)
    for order in orders:
        try:
            outlook.add(lifecycle.plan(order))
        except LifecycleError as error:
            outlook.books += 1
            outlook.lines.append(Line(order.book_title or order.book_id, 0, error.sentence))
    return outlook


def _by_counts(books: Any, sample: str, choice: Choice) -> Outlook:
    """Added up from the counts that each book keeps; two queries for any number of books."""
    sums = books.aggregate(
        n=Count("pk"), pages=Sum("pages_count"), ocr=Sum("pages_ocr"), translated=Sum("pages_translated"),
        blank=Sum("pages_blank"),
    )  # fmt: skip
    live = JobPage.objects.filter(job__book__in=books.values("pk"), type=choice.type, is_open=True).count()
    skipped = _skipped_by_counts(choice, sums, live)
    outlook = Outlook(choice.type, books=sums["n"], skipped=skipped, counted=True)
    outlook.pages = max(0, sums["pages"] - skipped.total())
    _price(outlook, choice, sample)
    return outlook


def _skipped_by_counts(choice: Choice, sums: dict[str, int], live: int) -> Counter[str]:
    translates = operation(choice.type).kind == Kind.TRANSLATION
    skipped = Counter({"blank": sums["blank"], "in_live_job": live})
    if translates:
        skipped["no_source"] = max(0, sums["pages"] - sums["blank"] - sums["ocr"])
    if not choice.overwrite:
        skipped["already_done"] = sums["translated"] if translates else sums["ocr"]
    return skipped


def _price(outlook: Outlook, choice: Choice, sample: str) -> None:
    """The price of so many pages, by what one book's order looks like."""
    try:
        plan = lifecycle.plan(choice.order(sample))
    except LifecycleError as error:
        outlook.notices.append(error.sentence)
        return
    estimate = prices.estimate_order(operation(choice.type), plan.order, outlook.pages)
    outlook.model, outlook.basis = plan.model, estimate.basis
    outlook.batch_usd, outlook.realtime_usd = estimate.batch_usd, estimate.realtime_usd


def price_of_translating(pages: int, target_language: str, model: str) -> "prices.Estimate":
    """What translating so many pages would cost later, for orders that go on by themselves."""
    work = translation()
    name, _ = prices.resolve_model(model or getattr(settings, work.batch_model_setting))
    return prices.estimate_order(
        work, Order(type=work.type, target_language=target_language, model=name), pages
    )


def translation() -> Any:
    """The operation that translates."""
    return next(work for work in operations().values() if work.kind == Kind.TRANSLATION)


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
