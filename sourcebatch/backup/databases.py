"""The database at one moment, while others write: SQLite's own back-up, or PostgreSQL's COPY in one snapshot.

COPY needs no pg_dump, whose version would have to fit the server's.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, connections, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from sourcebatch.backup.archive import BackupError
from sourcebatch.lib.db import is_mongodb

SQLITE = "database/sourcebatch.sqlite3"
MIGRATIONS = "django_migrations"
# What the rows of a snapshot refer to in file storage, with the bytes that must be there at least.
REFERENCES = (
    'SELECT segment, MAX("offset" + length) FROM batch_preparations WHERE NOT failed GROUP BY segment',
    "SELECT image_file, 1 FROM pages WHERE image_file <> ''",
)


@dataclass
class Snapshot:
    """The database at one moment: members for the tar, what restoring must know, and the files it refers to."""

    members: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)


def snapshot(folder: Path) -> Snapshot:
    """Write the database into `folder`, which must be empty. Raises BackupError."""
    if is_mongodb():
        raise BackupError(
            "The library is in MongoDB: back it up with mongodump, and the rest with its own tools."
        )
    shot = Snapshot(facts={"vendor": connection.vendor, "migrations": migrations()})
    if connection.vendor == "sqlite":
        _snapshot_sqlite(folder, shot)
    else:
        _snapshot_postgres(folder, shot)
    return shot


def migrations() -> list[str]:
    """Which form the tables have, as sorted `app.name`."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


def load(manifest: dict[str, Any], folder: Path) -> None:
    """Put the members of a back-up, extracted into `folder`, in the place of the present database."""
    if manifest["vendor"] != connection.vendor:
        raise BackupError(
            f"This back-up is of {manifest['vendor']}, DATABASE_URL names {connection.vendor}: they must be the same."
        )
    if connection.vendor == "sqlite":
        _load_sqlite(folder / SQLITE)
    else:
        _load_postgres(manifest, folder)


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _snapshot_sqlite(folder: Path, shot: Snapshot) -> None:
    path = folder / Path(SQLITE).name
    with closing(_opened(connection.settings_dict["NAME"])) as source, closing(_opened(path)) as copy:
        source.backup(copy)
        # One file: a write-ahead log beside it would have to be carried along.
        copy.execute("PRAGMA journal_mode=DELETE")
        shot.references = {name: size for query in REFERENCES for name, size in copy.execute(query)}
    shot.members[SQLITE] = path


def _load_sqlite(path: Path) -> None:
    """By SQLite's own back-up, the other way round: whoever still has the file open sees the change, or waits."""
    connections.close_all()
    with closing(_opened(path)) as source, closing(_opened(connection.settings_dict["NAME"])) as target:
        verdict = source.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise BackupError(f"The database in this back-up is damaged ({verdict}): use an earlier one.")
        source.backup(target)
    call_command("migrate", verbosity=0)


def _opened(path: Any) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=60)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _snapshot_postgres(folder: Path, shot: Snapshot) -> None:
    shot.facts["columns"] = columns = {table: _columns(table) for table in _tables()}
    with _one_moment() as cursor:
        for table, names in columns.items():
            path = folder / f"{table}.copy"
            with path.open("wb") as file, cursor.copy(f"COPY {_list(table, names)} TO STDOUT") as pieces:
                for piece in pieces:
                    file.write(piece)
            shot.members[f"database/{table}.copy"] = path
        for query in REFERENCES:
            shot.references.update(cursor.execute(query).fetchall())


@contextmanager
def _one_moment() -> Iterator[Any]:
    """A connection of its own that sees everything as it is now, however long it takes."""
    own = connection.copy()
    try:
        own.connect()
        own.set_autocommit(False)
        with own.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor
    finally:
        own.close()


def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - {MIGRATIONS})


def _columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def _list(table: str, columns: list[str]) -> str:
    quoted = ", ".join(connection.ops.quote_name(name) for name in columns)
    return f"{connection.ops.quote_name(table)} ({quoted})"


def _load_postgres(manifest: dict[str, Any], folder: Path) -> None:
    """All tables in one transaction; foreign keys are looked at when it ends."""
    call_command("migrate", verbosity=0)
    if others := set(migrations()) ^ set(manifest["migrations"]):
        names = ", ".join(sorted(others)[:5])
        raise BackupError(
            f"This back-up has tables of another version ({names}): restore it with that version, then migrate."
        )
    tables: dict[str, list[str]] = manifest["columns"]
    with transaction.atomic(), connection.cursor() as cursor:
        names = ", ".join(connection.ops.quote_name(table) for table in tables)
        cursor.execute(f"TRUNCATE {names} CASCADE")
        for table, columns in tables.items():
            with (
                (folder / "database" / f"{table}.copy").open("rb") as file,
                cursor.copy(f"COPY {_list(table, columns)} FROM STDIN") as copy,
            ):
                while piece := file.read(1 << 20):
                    copy.write(piece)
        every: list[type[models.Model]] = list(apps.get_models(include_auto_created=True))
        for statement in connection.ops.sequence_reset_sql(no_style(), every):
            cursor.execute(statement)
