"""A folder or a ZIP archive of page images, in natural order: page2 before page10 (I45).

`book.json` beside the images may tell title, author, language, year, source_id, source_url, rights, attribution and
direction; `pages.csv` (columns file, label) what the pages are called. Archives that try tricks are refused whole.
"""

import csv
import hashlib
import io
import json
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from django.utils.translation import gettext_noop

from books.images.decode import ImageError, sniff
from books.importers.base import (
    DIRECTIONS,
    LEFT_TO_RIGHT,
    Given,
    ImportedBook,
    ImportedPage,
    ImportRefused,
    language_code,
)
from books.importers.polyglot import END_MOST, ends_as_archive

IMAGES = {".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".jp2", ".j2k", ".jpx", ".webp", ".gif", ".bmp"}
MAX_FILES = 50_000
MAX_FILE_BYTES = 500_000_000
MAX_TOTAL_BYTES = 100_000_000_000
# Even blank pages in 1-bit TIFF do not shrink to less than this when they are large.
SUSPICIOUS_SIZE, SUSPICIOUS_RATIO = 20_000_000, 500
MAX_TEXT_BYTES = 5_000_000
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Member:
    """One file of a folder or an archive: its path in it, its size in bytes, and how to read so many bytes of it."""

    path: str
    size: int
    read: Callable[[int], bytes]

    @property
    def name(self) -> PurePosixPath:
        """Its path."""
        return PurePosixPath(self.path)


def natural(path: str) -> list[tuple[int, int, str]]:
    """A key that sorts page2 before page10, and upper beside lower case."""
    parts = _DIGITS.split(path.casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part]


class Folder:
    """Page images from a folder or an archive."""

    name = "folder"
    title = gettext_noop("folder or ZIP of page images")
    order = 40

    def recognises(self, given: Given) -> bool:
        """A folder, or what begins as a ZIP archive does."""
        return given.folder is not None or given.head().startswith((b"PK\x03\x04", b"PK\x05\x06"))

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The one book in it. Its pages are read from the source when they are saved."""
        if given.folder is not None:
            yield book_of(given.folder.name, list(_of_folder(given.folder)))
            return
        try:
            with zipfile.ZipFile(given.file) as archive:
                yield book_of(Path(given.name).stem, list(_of_archive(archive)))
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
            raise ImportRefused("The ZIP archive is damaged or of an unknown kind: pack it again.") from error


IMPORTER = Folder()


def book_of(name: str, members: list[Member]) -> ImportedBook:
    """The book that these files make. Raises ImportRefused without any image."""
    oddities: list[str] = []
    told = _told(members, oddities)
    labels = _labels(members, oddities)
    pages = [_page(member, labels) for member in _images(members, oddities)]
    if not pages:
        raise ImportRefused("There are no page images in it (JPEG, PNG, TIFF, JPEG 2000, WebP).")
    direction = _text(told, "direction") or LEFT_TO_RIGHT
    year = told.get("year")
    return ImportedBook(
        title=(_text(told, "title") or name or "Untitled")[:1000],
        author=_text(told, "author")[:500],
        language=language_code(_text(told, "language"))[0],
        year=year if isinstance(year, int) and not isinstance(year, bool) and abs(year) < 10_000 else None,
        source_id=_text(told, "source_id")[:500] or _fingerprint(members),
        source_url=_text(told, "source_url")[:2000],
        rights=(_text(told, "rights") or _text(told, "scan_rights"))[:2000],
        attribution=_text(told, "attribution"),
        direction=direction if direction in DIRECTIONS else LEFT_TO_RIGHT,
        metadata=tuple(
            (key, str(value)[:5000]) for key, value in told.items() if isinstance(value, str | int)
        ),
        pages=tuple(pages),
        oddities=tuple(oddities),
    )


def _page(member: Member, labels: dict[str, str]) -> ImportedPage:
    name = member.name
    return ImportedPage(
        canvas_id=f"file:{member.path}"[:1000],
        label=labels.get(member.path, labels.get(name.name, ""))[:200],
        file_name=name.name,
        read=partial(_image, member),
    )


def _image(member: Member) -> bytes:
    """The bytes of one image, which must not be an archive as well. Raises ImportRefused."""
    raw = member.read(MAX_FILE_BYTES)
    if ends_as_archive(raw[-END_MOST:]):
        raise ImportRefused(f"{member.path} is an image and an archive at once, as no scan is: save it anew.")
    return raw


def _images(members: list[Member], oddities: list[str]) -> Iterator[Member]:
    """The images in natural order; what is called one and is none is left out and told."""
    candidates = [member for member in members if member.name.suffix.lower() in IMAGES]
    folders = {member.name.parent for member in candidates}
    if len(folders) > 1:
        oddities.append(
            f"The images of {len(folders)} folders are put in one book, one folder after the other."
        )
    for member in sorted(candidates, key=lambda each: natural(each.path)):
        try:
            sniff(member.read(4000))
        except ImageError as error:
            oddities.append(f"{member.path} is left out: {error.sentence}")
        else:
            yield member


def _told(members: list[Member], oddities: list[str]) -> dict[str, Any]:
    """What book.json says."""
    raw = _file(members, "book.json")
    if raw is None:
        return {}
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        return told
    oddities.append("book.json cannot be read as JSON and is left out.")
    return {}


def _labels(members: list[Member], oddities: list[str]) -> dict[str, str]:
    """What pages.csv says the files are called."""
    raw = _file(members, "pages.csv")
    if raw is None:
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        return {
            row["file"].strip(): row["label"].strip() for row in rows if row.get("file") and row.get("label")
        }
    except (UnicodeDecodeError, csv.Error, KeyError):
        oddities.append("pages.csv cannot be read (columns file and label, UTF-8) and is left out.")
        return {}


def _file(members: list[Member], name: str) -> bytes | None:
    """The file of that name that lies highest, if there is one of a sensible size."""
    found = [
        member for member in members if member.name.name.lower() == name and member.size <= MAX_TEXT_BYTES
    ]
    return min(found, key=lambda member: len(member.name.parts)).read(MAX_TEXT_BYTES) if found else None


def _text(told: dict[str, Any], key: str) -> str:
    value = told.get(key)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _fingerprint(members: list[Member]) -> str:
    """The same files are the same book; files under the same names with other sizes are another one."""
    lines = "\n".join(sorted(f"{member.path}\t{member.size}" for member in members))
    return "files:" + hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _of_folder(folder: Path) -> Iterator[Member]:
    """The files of a folder and its folders; links that lead out of it are refused."""
    root = folder.resolve()
    if not root.is_dir():
        raise ImportRefused(f"{folder.name} is not a folder that can be read.")
    for count, path in enumerate(sorted(root.rglob("*")), 1):
        if count > MAX_FILES:
            raise ImportRefused(f"The folder has more than {MAX_FILES} files: import it in parts.")
        inside = path.relative_to(root)
        if _is_hidden(inside.parts) or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            raise ImportRefused(
                f"{inside} is a link that leads out of the folder: put the file itself there."
            )
        yield Member(inside.as_posix(), path.stat().st_size, partial(_read_file, path))


def _read_file(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise ImportRefused(f"{path.name} cannot be read: {error.strerror}.") from error


def _of_archive(archive: zipfile.ZipFile) -> Iterator[Member]:
    """The files of an archive, after all of them were found harmless."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise ImportRefused(
            f"The archive is too large (more than {MAX_FILES} files or 100 GB): import it in parts."
        )
    _refuse_overlaps(infos)
    for info in infos:
        _refuse_tricks(info)
    for info in infos:
        if not _is_hidden(PurePosixPath(info.filename).parts):
            yield Member(info.filename, info.file_size, partial(_read_member, archive, info))


def _refuse_tricks(info: zipfile.ZipInfo) -> None:
    """Paths that leave the archive, links, encryption, and files that unpack to far more than they are."""
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in path.parts[0]:
        raise ImportRefused(
            f"The archive has a path that leads out of it ({info.filename!r}): it was not opened."
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ImportRefused(f"The archive has a link in it ({info.filename!r}): pack the file itself.")
    if info.flag_bits & 0x1:
        raise ImportRefused("The archive is protected with a password: pack it without.")
    if info.file_size > MAX_FILE_BYTES:
        raise ImportRefused(
            f"{info.filename!r} in the archive is larger than {MAX_FILE_BYTES // 1_000_000} MB."
        )
    if info.file_size > SUSPICIOUS_SIZE and info.file_size > SUSPICIOUS_RATIO * max(info.compress_size, 1):
        raise ImportRefused(
            f"{info.filename!r} unpacks to far more than an image does: the archive was not opened."
        )


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Files that share their bytes are the trick of the strongest bombs."""
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset < end:
            raise ImportRefused("The archive's files overlap, as no honest archive's do: it was not opened.")
        end = info.header_offset + info.compress_size


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(limit)
    except Exception as error:
        # zipfile, zlib, bz2 and lzma each have errors of their own, all for the same thing.
        raise ImportRefused(f"{info.filename!r} in the archive is damaged: pack it again.") from error


def _is_hidden(parts: tuple[str, ...]) -> bool:
    """What systems leave behind: dot files, macOS's resource forks."""
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)
