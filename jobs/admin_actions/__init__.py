"""What the books' and pages' lists in the admin may ask of the jobs: orders with a confirmation page, and figures."""

from jobs.admin_actions.actions import order_actions, recipes
from jobs.admin_actions.background import in_chunks
from jobs.admin_actions.figures import (
    BookWork,
    PageWork,
    jobs_of,
    spent_on_trials,
    work_of,
    work_on_pages,
)

__all__ = [
    "BookWork", "PageWork", "in_chunks", "jobs_of", "order_actions",
    "recipes", "spent_on_trials", "work_of", "work_on_pages",
]  # fmt: skip
