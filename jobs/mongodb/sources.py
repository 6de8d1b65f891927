"""Where the documents are: a MongoDB that answers, the BSON files of mongodump, the JSON lines of mongoexport.

One document is held at a time.
"""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast

Document = dict[str, Any]
COLLECTIONS = ("books", "pages", "jobs")
SUFFIXES = (".bson", ".bson.gz", ".json", ".jsonl", ".json.gz", ".jsonl.gz")
# A server that is not there is said to be so after this many milliseconds.
PATIENCE = 10_000
# The wire sends documents in such portions.
PORTION = 500


class Unreadable(Exception):
    """Why nothing can be read from there, in a sentence that says what to do."""


class Damage(Exception):
    """Why a document, or the rest of a file, could not be read."""


class Library(Protocol):
    """An opened library."""

    def documents(self, collection: str) -> "Iterator[Document | Damage]":
        """Its documents one by one; what could not be read in their place."""


@contextmanager
def opened(place: str) -> Iterator[Library]:
    """The library at an address `mongodb://...` or in a folder. Raises Unreadable."""
    if not place.startswith(("mongodb://", "mongodb+srv://")):
        yield Dump(Path(place))
        return
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        with MongoClient[Document](place, serverSelectionTimeoutMS=PATIENCE, tz_aware=True) as client:
            database = client.get_default_database()
            names = database.list_collection_names()
            if not set(COLLECTIONS) & set(names):
                raise Unreadable(
                    f"The database {database.name} has no collection {' or '.join(COLLECTIONS)}: look at its name."
                )
            yield Live(database)
    except PyMongoError as error:
        # The address may hold a password: it is not repeated.
        raise Unreadable(
            f"MongoDB could not be read ({type(error).__name__}: {_first_line(error)}): "
            "give an address with the database's name, such as mongodb://host/name, and try again."
        ) from error


class Live:
    """A database of a running server."""

    def __init__(self, database: Any) -> None:
        self.database = database

    def documents(self, collection: str) -> "Iterator[Document | Damage]":
        """In the order of their `_id`, so that a second run meets them in the same order."""
        return cast(
            "Iterator[Document | Damage]",
            self.database[collection].find(sort=[("_id", 1)], batch_size=PORTION),
        )


class Dump:
    """A folder with a file for each collection, or mongodump's folder with one such folder in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = _with_files(folder)

    def documents(self, collection: str) -> "Iterator[Document | Damage]":
        """In the order of the file; what comes after a damage of a BSON file is lost with it."""
        path = _file(self.folder, collection)
        if path is None:
            return
        with _open(path) as file:
            yield from (_bson if ".bson" in path.name else _json)(file, path.name)


def _with_files(folder: Path) -> Path:
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    found = [one for one in (folder, *inner) if any(_file(one, name) for name in COLLECTIONS)]
    if len(found) == 1 or folder in found:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise Unreadable(f"There are several databases in {folder} ({names}): give the folder of one.")
    raise Unreadable(
        f"There is no books.bson, pages.bson or jobs.bson (nor .json) in {folder}: "
        "give a folder that mongodump wrote, or one with the files of mongoexport."
    )


def _file(folder: Path, collection: str) -> Path | None:
    return next((path for end in SUFFIXES if (path := folder / f"{collection}{end}").is_file()), None)


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _bson(file: IO[bytes], name: str) -> "Iterator[Document | Damage]":
    from bson import CodecOptions, decode_file_iter
    from bson.errors import InvalidBSON

    options: CodecOptions[Document] = CodecOptions(tz_aware=True, unicode_decode_error_handler="replace")
    documents = decode_file_iter(cast("Any", file), options)
    number = 0
    try:
        for number, document in enumerate(documents, 1):  # noqa: B007
            yield document
    except (InvalidBSON, EOFError, OSError) as error:
        yield Damage(f"{name} is damaged after document {number} ({_first_line(error)})")


def _json(file: IO[bytes], name: str) -> "Iterator[Document | Damage]":
    from bson import json_util

    options = json_util.JSONOptions(tz_aware=True, strict_number_long=False)
    number = 0
    with suppress(StopIteration):
        lines = iter(file)
        while True:
            number += 1
            try:
                line = next(lines)
            except (EOFError, OSError) as error:
                yield Damage(f"{name} is damaged after line {number - 1} ({_first_line(error)})")
                return
            if number == 1 and line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                yield Damage(
                    f"{name} is one JSON array: export it again without --jsonArray, a document a line"
                )
                return
            if line.strip():
                yield _document(line, f"line {number} of {name}", json_util.loads, options)


def _document(line: bytes, place: str, loads: Any, options: Any) -> "Document | Damage":
    try:
        found = loads(line.decode("utf-8-sig", "replace"), json_options=options)
    except (ValueError, TypeError, RecursionError, json.JSONDecodeError) as error:
        return Damage(f"{place} is no JSON ({_first_line(error)})")
    return found if isinstance(found, dict) else Damage(f"{place} is no document")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
