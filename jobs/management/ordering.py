"""What the commands that create jobs share: a job for each wish, or what it would do and cost."""

from collections.abc import Iterable
from decimal import Decimal

from tqdm import tqdm

from jobs.lifecycle.common import Actor, LifecycleError
from jobs.lifecycle.create import NewJob, Plan, create, plan


def create_each(wishes: Iterable[NewJob], actor: Actor) -> str:
    """Create the jobs, a line for each; how many, in a sentence. One that cannot be created stops no other."""
    made = 0
    for wish in wishes:
        try:
            created = create(wish, actor)
        except LifecycleError as error:
            tqdm.write(f"{wish.book_id}  {error.sentence}")
            continue
        made += created.created
        tqdm.write(f"{wish.book_id}  job {created.job.pk}: {created.job.progress['total']} pages")
    return f"{made} jobs created."


def plan_each(wishes: Iterable[NewJob]) -> str:
    """Say of each job what it would do; all together, in a sentence. Nothing is written."""
    plans: list[Plan] = []
    for wish in wishes:
        try:
            decided = plan(wish)
        except LifecycleError as error:
            tqdm.write(f"{wish.book_id}  {error.sentence}")
            continue
        plans.append(decided)
        cost = _usd(decided.estimate.batch_usd)
        tqdm.write(f"{wish.book_id}  {decided.pages} pages, {cost}: {decided.book.title[:50]}")
    jobs, pages = sum(bool(one.pages) for one in plans), sum(one.pages for one in plans)
    return f"{jobs} jobs, {pages} pages, {_sum(plans)}. Nothing was created."


def _usd(amount: Decimal | None) -> str:
    return "price unknown" if amount is None else f"about {amount:.2f} US dollars"


def _sum(plans: list[Plan]) -> str:
    """What the plans cost together; unknown as soon as one of them is."""
    amounts = [decided.estimate.batch_usd for decided in plans if decided.pages]
    return _usd(None if None in amounts else sum((one for one in amounts if one is not None), Decimal(0)))
