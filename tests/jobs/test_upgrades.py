"""While a new version is installed the old program writes into the new tables, for a restart's length or longer."""

from typing import Any

import pytest
from django.db import connections, migrations, models, router
from django.db.migrations.executor import MigrationExecutor

from jobs.models import PaidCall

# What was there when the rule was made: programs that know less than that are nowhere.
BEFORE = {"books": "0014", "jobs": "0008"}
OURS = ("books", "jobs")


@pytest.fixture
def executor(db: None) -> MigrationExecutor:
    return MigrationExecutor(connections[router.db_for_write(PaidCall)])


def refused(operation: migrations.operations.base.Operation) -> bool:
    """Whether rows of a program that does not know this column would be refused."""
    if not isinstance(operation, migrations.AddField) or isinstance(operation.field, models.ManyToManyField):
        return False
    return not operation.field.null and not operation.field.has_db_default()


def test_columns_are_added_with_a_default_in_the_database(executor: MigrationExecutor) -> None:
    found = [
        f"{app}.{name}: {operation.model_name}.{operation.name}"
        for (app, name), migration in executor.loader.disk_migrations.items()
        if app in OURS and name[:4] > BEFORE[app]
        for operation in migration.operations
        if isinstance(operation, migrations.AddField) and refused(operation)
    ]
    assert not found, "these refuse the rows of the program before: null=True or db_default"


def test_the_rule_finds_a_column_without_one() -> None:
    def added(**options: Any) -> bool:
        return refused(migrations.AddField("paidcall", "more", models.CharField(max_length=9, **options)))

    assert added(default="")
    assert not added(default="", db_default="")
    assert not added(null=True)


def test_the_program_before_writes_into_the_tables_of_now(executor: MigrationExecutor) -> None:
    before = executor.loader.project_state(("jobs", "0008_pages_know_that_they_failed")).apps
    old = before.get_model("jobs", "PaidCall")
    made = old.objects.create(requests=1, cost_micro_usd=7)
    # MongoDB knows no columns: what was not written is not there.
    assert not PaidCall.objects.get(pk=made.pk).reserved_on
