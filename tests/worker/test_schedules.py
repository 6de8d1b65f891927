"""The schedules are there after a migration, once, and belong to whoever changes them."""

import pytest
from django.core.management import call_command
from django.utils.module_loading import import_string
from django_q.models import Schedule

from jobs import schedules

pytestmark = pytest.mark.django_db


def test_a_fresh_database_has_them_all() -> None:
    assert set(Schedule.objects.values_list("func", "minutes")) == {
        ("jobs.tasks.advance_jobs", 1),
        ("jobs.tasks.collect", 60),
        ("jobs.tasks.create_automatic_jobs", 360),
        ("jobs.tasks.housekeeping", 1440),
        ("sourcebatch.alarms.send_alarms", 10),
        ("books.second_reading.tasks.look_over", 2),
    }


def test_each_calls_something_that_is_there() -> None:
    for func in Schedule.objects.values_list("func", flat=True):
        assert callable(import_string(func))


def test_migrating_again_adds_none_and_changes_none() -> None:
    Schedule.objects.filter(func="jobs.tasks.collect").update(minutes=30, name="Renamed by somebody")
    call_command("migrate", verbosity=0)
    assert Schedule.objects.count() == len(schedules.PLANNED)
    assert Schedule.objects.get(func="jobs.tasks.collect").minutes == 30


def test_a_deleted_one_comes_back_at_the_next_migration() -> None:
    Schedule.objects.filter(func="jobs.tasks.housekeeping").delete()
    assert schedules.ensure() == ["Housekeeping"]
