"""What importers take and give: a source as it was handed in, a book as it was understood, a sentence when it is none.

An importer is a module of this package with an `IMPORTER`; it reads no settings and writes nothing.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from books import languages

HEAD = 4096
LEFT_TO_RIGHT = "left-to-right"
DIRECTIONS = frozenset({LEFT_TO_RIGHT, "right-to-left", "top-to-bottom", "bottom-to-top"})


class ImportRefused(Exception):
    """Why nothing can be imported, in a sentence that says what to do.

    `offers` are addresses (address, title) that can be imported instead: the manifests of a collection.
    """

    def __init__(
        self, sentence: str, *, offers: tuple[tuple[str, str], ...] = (), retryable: bool = False
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.offers = offers
        self.retryable = retryable


@dataclass(frozen=True)
class ImportedPage:
    """One page in its place. `canvas_id` finds it again at the next import; sizes are pixels, 0 unknown.

    `service` is what `books.images.service` knows of an image service. `read` gives the bytes of an image
    that comes with the source itself; then `file_name` is what it is called there.
    """

    canvas_id: str
    label: str = ""
    image_url: str = ""
    service: dict[str, Any] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    oddities: tuple[str, ...] = ()
    file_name: str = ""
    read: Callable[[], bytes] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class ImportedBook:
    """One book as its source tells it. `language` is an ISO 639 code or empty; `metadata` pairs of label and value.

    `pages` may be empty in a preview of nothing; `oddities` are sentences for the person who imports;
    `split_spreads` says that wide images were made into two pages each.
    """

    title: str
    author: str = ""
    language: str = ""
    year: int | None = None
    source_id: str = ""
    source_url: str = ""
    rights: str = ""
    attribution: str = ""
    direction: str = LEFT_TO_RIGHT
    metadata: tuple[tuple[str, str], ...] = ()
    pages: tuple[ImportedPage, ...] = ()
    oddities: tuple[str, ...] = ()
    split_spreads: bool = False


@dataclass
class Given:
    """A source as it was handed in: a folder, or a file (open for reading, seekable), with its name and address."""

    name: str = ""
    url: str = ""
    file: BinaryIO = field(default_factory=io.BytesIO)
    folder: Path | None = None

    def head(self) -> bytes:
        """The first bytes, enough to tell what it is."""
        self.file.seek(0)
        found = self.file.read(HEAD)
        self.file.seek(0)
        return found

    def all(self, limit: int) -> bytes:
        """Everything. Raises ImportRefused beyond `limit` bytes."""
        self.file.seek(0)
        found = self.file.read(limit + 1)
        if len(found) > limit:
            raise ImportRefused(f"The file is larger than {limit // 1_000_000} MB: split it into parts.")
        return found

    @property
    def suffix(self) -> str:
        """The lower-case ending of its name, such as `.zip`."""
        return Path(self.name).suffix.lower()


class Importer(Protocol):
    """One kind of source. `order` says who is asked first whether a source is of its kind: small numbers."""

    name: str
    title: str
    order: int

    def recognises(self, given: Given) -> bool:
        """Whether this source is of its kind; cheap, by name and first bytes."""

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The books in it. Raises ImportRefused. Pages with `read` are valid while the source is open."""


def language_code(words: str) -> tuple[str, bool]:
    """The ISO 639 code of what a source calls its language, and whether it named several; empty is unknown."""
    found: list[str] = []
    for word in words.replace(" and ", ";").replace(",", ";").replace("/", ";").split(";"):
        code = _code_or_nothing(word)
        if code and code not in found:
            found.append(code)
    return (found[0] if found else _code_or_nothing(words)), len(found) > 1


# Codes that name no language: none, several, uncoded, undetermined.
_NO_LANGUAGE = {"zxx", "mul", "mis", "und"}


def _code_or_nothing(word: str) -> str:
    try:
        code = languages.normalise(word.strip(" .()[]"))
    except ValueError:
        return ""
    return "" if code in _NO_LANGUAGE else code
