"""Operations for migrations of tables with millions of rows."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class AddIndexQuietly(AddIndexConcurrently):
    """An index that is made while others go on writing on PostgreSQL, as usual elsewhere; for `atomic = False`."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _kind(schema_editor).database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _kind(schema_editor).database_backwards(self, app_label, schema_editor, from_state, to_state)


def _kind(schema_editor: Any) -> type[migrations.AddIndex]:
    return AddIndexConcurrently if schema_editor.connection.vendor == "postgresql" else migrations.AddIndex
