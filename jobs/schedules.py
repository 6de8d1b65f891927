"""What runs by itself, and how often. Made once; whoever changes an interval in the admin keeps that."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _
from django_q.models import Schedule


@dataclass(frozen=True)
class Planned:
    """One scheduled task as a fresh installation has it; `minutes` between two runs."""

    func: str
    name: str
    minutes: int


PLANNED = (
    Planned("jobs.tasks.advance_jobs", _("Advance jobs"), 1),
    Planned("jobs.tasks.collect", _("Collect results"), 60),
    Planned("jobs.tasks.create_automatic_jobs", _("Create jobs for automatic books"), 6 * 60),
    Planned("jobs.tasks.housekeeping", _("Housekeeping"), 24 * 60),
    Planned("books.second_reading.tasks.look_over", _("Second readings"), 2),
    Planned("sourcebatch.alarms.send_alarms", _("Alarms"), 10),
)


def ensure() -> list[str]:
    """Create the schedules that are missing; returns their names. A renamed one is still there."""
    there = set(Schedule.objects.values_list("func", flat=True))
    missing = [plan for plan in PLANNED if plan.func not in there]
    for plan in missing:
        Schedule.objects.create(
            func=plan.func, name=plan.name, schedule_type=Schedule.MINUTES, minutes=plan.minutes, repeats=-1
        )
    return [plan.name for plan in missing]
