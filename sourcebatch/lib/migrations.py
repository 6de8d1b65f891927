"""Operations for migrations of tables with millions of rows."""

from collections.abc import Callable
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class AddIndexQuietly(AddIndexConcurrently):
    """An index that is made while others go on writing on PostgreSQL, as usual elsewhere; for `atomic = False`."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _kind(schema_editor).database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _kind(schema_editor).database_backwards(self, app_label, schema_editor, from_state, to_state)


class AddFlagQuietly(migrations.AddField):
    """A boolean or whole number with a default: where Django would write SQLite's whole table anew, only its column."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif self.allow_migrate_model(schema_editor.connection.alias, model):
            field = model._meta.get_field(self.name)
            definition, values = schema_editor.column_sql(model, field)
            schema_editor.execute(
                f"ALTER TABLE {schema_editor.quote_name(model._meta.db_table)} "
                f"ADD COLUMN {schema_editor.quote_name(field.column)} {definition} DEFAULT {int(field.default)}",
                values or None,
            )


def counted(table: str) -> Callable[[Any, Any], None]:
    """For RunPython, after new indexes: have the database look at a table again, or its plans do not use them."""

    def analyze(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor in ("sqlite", "postgresql"):
            schema_editor.execute(f"ANALYZE {schema_editor.quote_name(table)}")

    return analyze


def _kind(schema_editor: Any) -> type[migrations.AddIndex]:
    return AddIndexConcurrently if schema_editor.connection.vendor == "postgresql" else migrations.AddIndex
