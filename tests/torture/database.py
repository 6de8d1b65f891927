"""The database that workers die on: a file of SQLite, or a database of PostgreSQL, kept once and restored each time."""

import os
import shutil
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit


class Database(Protocol):
    """`url` is what DATABASE_URL wants; `keep` remembers the present state, `restore` brings it back."""

    url: str

    def keep(self) -> None: ...
    def restore(self) -> None: ...
    def drop(self) -> None: ...


class Sqlite:
    """A file and its copy."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "torture.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def keep(self) -> None:
        """The last connection has closed, so the file is whole without its journal."""
        shutil.copyfile(self.path, self.path.with_suffix(".kept"))

    def restore(self) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.path.with_suffix(".kept"), self.path)

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class Postgres:
    """A database of its own on the server that DATABASE_URL names, and a template of it."""

    def __init__(self, url: str) -> None:
        self._server = url
        self.name = f"torture_{os.getpid()}"
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(path=f"/{self.name}"))
        self._run(f'CREATE DATABASE "{self.name}"')

    def keep(self) -> None:
        self._run(f'CREATE DATABASE "{self.name}_kept" TEMPLATE "{self.name}" STRATEGY FILE_COPY')

    def restore(self) -> None:
        # FORCE ends what a killed worker left open on the server.
        self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        self._run(f'CREATE DATABASE "{self.name}" TEMPLATE "{self.name}_kept"')

    def drop(self) -> None:
        for name in (self.name, f"{self.name}_kept"):
            self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _run(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.encode())


def database_for(url: str, folder: Path) -> Database:
    """PostgreSQL where the address says so, else a SQLite file in the folder."""
    return Postgres(url) if url.startswith("postgres") else Sqlite(folder)
