"""Where files are: a folder of this machine, or an S3-compatible store that many machines share.

`STORAGE_URL=s3://bucket/prefix?endpoint=https://host&region=name`; the key is that of AWS's own variables
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), of a machine's role, or `s3://id:secret@bucket`.
"""

import io
from contextlib import suppress
from typing import IO, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage

KNOWN = {"endpoint", "region", "path_style"}
# What is read whole, such as an upload or a large image, goes to the disk beyond so many bytes.
IN_MEMORY = 16 * 1024 * 1024


def entry(url: str) -> dict[str, Any]:
    """Django's STORAGES entry for an address. Raises ImproperlyConfigured with a sentence."""
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    if parts.scheme != "s3" or not parts.hostname or not query.keys() <= KNOWN:
        # The address may hold a secret: it is not repeated.
        raise ImproperlyConfigured(
            "STORAGE_URL is no address of a store: use s3://bucket or s3://bucket/prefix?endpoint=https://host&region=name."
        )
    options: dict[str, Any] = {
        "bucket_name": parts.hostname, "location": parts.path.strip("/"), "file_overwrite": False,
        "querystring_auth": False, "max_memory_size": IN_MEMORY,
        "endpoint_url": query["endpoint"][0] if "endpoint" in query else None,
        "region_name": query.get("region", [None])[0],
        # Other makers' stores have no host name for each bucket.
        "addressing_style": "path" if "endpoint" in query else None,
    }  # fmt: skip
    if parts.username:
        options |= {"access_key": unquote(parts.username), "secret_key": unquote(parts.password or "")}
    return {
        "BACKEND": "sourcebatch.lib.s3.S3",
        "OPTIONS": {k: v for k, v in options.items() if v is not None},
    }


def ranged(storage: Storage, name: str) -> IO[bytes]:
    """A file that only some bytes are read of, at any place. Raises FileNotFoundError, at once or when it is read."""
    opener = getattr(storage, "ranged", None)
    return cast("IO[bytes]", opener(name) if opener else storage.open(name))


class Stream(io.RawIOBase):
    """Something that is read at any place, one piece after the other. Subclasses say how to `seek` and to `read`."""

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer)) or b""
        buffer[: len(piece)] = piece
        return len(piece)


class Ranged(Stream):
    """Reads by asking a store for a range of bytes each time; nothing is held."""

    def __init__(self, get: Any) -> None:
        """`get(start, end)` gives the bytes from start up to end, without it; fewer at the end of the file."""
        super().__init__()
        self._get = get

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("where the end is was not asked")
        self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            raise io.UnsupportedOperation("say how many bytes to read")
        found: bytes = self._get(self._position, self._position + size) if size else b""
        self._position += len(found)
        return found


def has(storage: Storage, folder: str) -> bool:
    """Whether there is anything in a folder; stores have no folders, only names that begin alike."""
    with suppress(FileNotFoundError):
        folders, names = storage.listdir(folder)
        return bool(folders or names)
    return False
