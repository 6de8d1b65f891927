"""The gate that every paid call passes: limits by day and month, the estimate reserved before, the cost settled after.

Amounts are whole micro-dollars, so they add up the same on every database, and each addition is one conditional
UPDATE, so two submissions at once cannot pass a limit together.
"""

import datetime as dt
from collections.abc import Sequence
from math import isfinite

from django.conf import settings

from jobs.gemini import Reservation
from jobs.lifecycle.common import LifecycleError
from jobs.models import PaidCall, Spending
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, repeated

LOST_AFTER = dt.timedelta(minutes=15)  # far longer than a call may take


class SpendingLimit(LifecycleError):
    """The money allowed for a day or month is used up, or what something costs is not known while a limit is set."""


def reserve(micro_usd: int | None, model: str) -> Reservation:
    """Set money aside for one paid call; call inside the transaction that records the intent. Raises SpendingLimit."""
    day_limit, month_limit = _micro(settings.SPEND_LIMIT_DAY_USD), _micro(settings.SPEND_LIMIT_MONTH_USD)
    if micro_usd is None:
        if day_limit is not None or month_limit is not None:
            raise SpendingLimit(
                f"What {model} costs is not known, so nothing is sent while a spending limit is set: "
                "enter its price under Gemini models, or choose another model."
            )
        micro_usd = 0
    today, micro = f"{now():%Y-%m-%d}", micro_usd
    repeated(lambda: _set_aside(micro, ((today, day_limit, "day"), (today[:7], month_limit, "month"))))
    return Reservation(micro_usd, today)


def _set_aside(micro_usd: int, periods: Sequence[tuple[str, int | None, str]]) -> None:
    with atomic():
        for period, limit, word in periods:
            if limit == 0 or not Spending.add(period, reserved=micro_usd, limit=limit):
                raise SpendingLimit(_sentence(word, limit or 0, micro_usd))


def settle(reservation: Reservation, cost_micro_usd: int) -> None:
    """Turn a reservation into what the call really cost; 0 gives the money back."""
    if not reservation.day:
        return
    with atomic():
        for period in (reservation.day, reservation.day[:7]):
            Spending.add(period, reserved=-reservation.micro_usd, spent=cost_micro_usd)


# --- Realtime calls: a batch keeps its reservation on its own row, a single call on its line in the books ------------


def begin_call(paid: Reservation, **about: str) -> PaidCall:
    """The line of a call that is about to be made: no request yet, its cost what was set aside."""
    return PaidCall.objects.create(requests=0, cost_micro_usd=paid.micro_usd, reserved_on=paid.day, **about)


def end_call(entry: PaidCall, paid: Reservation, cost: int | None, *, known: bool = True) -> None:
    """Settle a call by what it cost; None: it was not made, so its line goes. `known`: whether a price is known."""
    repeated(lambda: _end_call(entry, paid, cost, known=known))


def _end_call(entry: PaidCall, paid: Reservation, cost: int | None, *, known: bool) -> None:
    with atomic():
        mine = PaidCall.objects.filter(pk=entry.pk, requests=0)
        if not (mine.delete()[0] if cost is None else mine.update(requests=1)):
            # The sweep took it for lost: it is in the books already.
            return
        settle(paid, cost or 0)
        if cost is not None:
            entry.requests, entry.cost_micro_usd = 1, cost if known else None
            entry.save()


def is_under_way(page_id: str, type_: str) -> bool:
    """Whether a call for this work on this page was begun and has not been answered yet."""
    begun = PaidCall.objects.filter(page_id=page_id, type=type_, requests=0)
    return begun.filter(created_at__gt=now() - LOST_AFTER).exists()


def settle_lost_calls() -> int:
    """Calls whose process died before the answer: they may have been charged, so what was set aside is spent."""
    count = 0
    for entry in PaidCall.objects.filter(requests=0, created_at__lt=now() - LOST_AFTER):
        # Calls begun before the day was kept have none.
        day = entry.reserved_on or f"{entry.created_at:%Y-%m-%d}"
        paid = Reservation(entry.cost_micro_usd or 0, day)
        end_call(entry, paid, paid.micro_usd)
        count += 1
    return count


def _micro(usd: float | None) -> int | None:
    if usd is None:
        return None
    # What is no amount of money is refused at the start; where nobody looked, nothing is spent.
    return round(usd * 1_000_000) if isfinite(usd) and usd > 0 else 0


def _sentence(word: str, limit: int, wanted: int) -> str:
    setting = f"SPEND_LIMIT_{word.upper()}_USD"
    if limit == 0:
        return f"The spending limit for a {word} is 0 dollars, so nothing is sent to Gemini: raise {setting}."
    return (
        f"The spending limit of {limit / 1e6:.2f} dollars a {word} leaves no room for another "
        f"{wanted / 1e6:.4f} dollars: it goes on when the next {word} begins, or when {setting} is raised."
    )
