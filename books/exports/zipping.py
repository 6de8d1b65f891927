"""ZIP archives in pieces, while their entries are being made: no archive is ever whole in memory or on the disk."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sourcebatch.lib.clock import now


class Drain:
    """A file to write to whose content is taken away again and again."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.written = 0

    def write(self, data: bytes) -> int:
        """Keep until the next `take`."""
        self.parts.append(bytes(data))
        self.written += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.written

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self.parts = b"".join(self.parts), []
        return taken


@dataclass(frozen=True)
class Entry:
    """A file of an archive: its path, its bytes in pieces, and whether they are worth compressing."""

    path: str
    pieces: Iterable[bytes]
    compressed: bool = True


def zipped(entries: Iterable[Entry], *, large: bool = True) -> Iterator[bytes]:
    """The archive in pieces; entries are read one after the other. `large`: an entry may exceed 2 GB (ZIP64)."""
    drain = Drain()
    with zipfile.ZipFile(drain, "w") as archive:  # type: ignore[call-overload]
        for entry in entries:
            with archive.open(_info(entry), "w", force_zip64=large) as file:
                for piece in entry.pieces:
                    file.write(piece)
                    if data := drain.take():
                        yield data
            yield drain.take()
    yield drain.take()


def _info(entry: Entry) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry.path, now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED if entry.compressed else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    return info
