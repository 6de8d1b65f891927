"""Which database the library lives in, and transactions that really are transactions on each of them."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import Model

T = TypeVar("T")
# Its codes for a deadlock and for a transaction that cannot be put in an order with others.
ENDED_BY_POSTGRESQL = ("40P01", "40001")
LIBRARY_APPS = frozenset({"books", "jobs"})


class LibraryRouter:
    """Sends books and jobs to the `library` database where one is set; everything else stays in `default`."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return library_alias() if model._meta.app_label in LIBRARY_APPS else "default"

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return bool(self.db_for_read(type(one)) == self.db_for_read(type(other)))

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == (library_alias() if app_label in LIBRARY_APPS else "default")


def library_alias() -> str:
    """The alias of the database that holds books and jobs."""
    return "library" if "library" in settings.DATABASES else "default"


def is_mongodb() -> bool:
    """Whether the library's tables are MongoDB collections."""
    return connections[library_alias()].vendor == "mongodb"


def atomic() -> AbstractContextManager[Any]:
    """A transaction on the library's database; nested calls join the outer one on MongoDB, savepoint on SQL.

    Django's own atomic() silently does nothing on MongoDB, so its backend's must be used there.
    """
    alias = library_alias()
    return _mongodb_atomic(alias) if is_mongodb() else transaction.atomic(using=alias)


@contextmanager
def _mongodb_atomic(alias: str) -> Iterator[None]:
    """A real transaction also inside of Django's own atomic(), as around the admin's forms, which would forbid it."""
    from django_mongodb_backend.transaction import atomic as mongodb_atomic

    connection = connections[alias]
    pretended, connection.in_atomic_block = connection.in_atomic_block, False
    try:
        with mongodb_atomic(using=alias):
            yield
    finally:
        connection.in_atomic_block = pretended


def races() -> type[DatabaseError]:
    """What a writer meets who comes second: on MongoDB there are other errors for it than that of a unique index."""
    return DatabaseError if is_mongodb() else IntegrityError


def repeated(do: Callable[[], T], attempts: int = 20) -> T:
    """What `do` gives, which is one transaction: done again when another writer was first, or when PostgreSQL ended it
    because two were waiting for each other.

    Where the whole of a larger transaction is lost with it, it is done once: that one has to be repeated as a whole.
    """
    for attempt in range(1, attempts + 1):
        try:
            return do()
        except DatabaseError as error:
            if attempt == attempts or not _may_be_repeated(error):
                raise
        if is_mongodb():
            # Those who collided once do so again if they come back at the same moment.
            time.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311
    raise AssertionError("unreachable: the last attempt returns or raises")


def _may_be_repeated(error: DatabaseError) -> bool:
    """Whether a race was lost, and nothing but the transaction in which that happened is lost with it."""
    connection = connections[library_alias()]
    if getattr(error.__cause__, "sqlstate", "") in ENDED_BY_POSTGRESQL:
        return not connection.in_atomic_block
    return isinstance(error, races()) and not getattr(connection, "in_atomic_block_mongo", False)


def in_chunks(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """The items in lists of at most `size`: no database takes any number of values in one statement."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def update_many(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write these fields of rows of one library model by their keys, as bulk_update does; rows that are gone stay so.

    On SQL as one prepared statement, which is ten times as fast as the CASE that bulk_update makes of it.
    """
    if not rows:
        return
    model, connection = type(rows[0]), connections[library_alias()]
    if connection.vendor == "mongodb":
        model._default_manager.bulk_update(rows, fields, 500)
        return
    named: list[Any] = [model._meta.get_field(name) for name in (*fields, model._meta.pk.name)]
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in named] for row in rows
    ]
    quote = connection.ops.quote_name
    *changes, key = [f"{quote(field.column)} = %s" for field in named]
    table = quote(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {', '.join(changes)} WHERE {key}", values)  # noqa: S608


def analyze(most: int = 0) -> None:
    """Let the database count what is in its tables, so that it plans well: after filling many of them at once, and now
    and then in SQLite, which never does so by itself; there `most` entries of each index are looked at, 0: all.
    """
    connection = connections[library_alias()]
    if connection.vendor in ("sqlite", "postgresql"):
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA analysis_limit={int(most)}")
            cursor.execute("ANALYZE")
