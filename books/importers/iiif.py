"""IIIF Presentation manifests, versions 1, 2 and 3, as libraries really publish them.

Validity never blocks an import: what is missing is left empty and told as an oddity. Only what has no page
images at all is refused, in one sentence.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext_noop

from books.importers import iiif_text as texts
from books.importers.base import (
    DIRECTIONS,
    LEFT_TO_RIGHT,
    Given,
    ImportedBook,
    ImportedPage,
    ImportRefused,
    language_code,
)
from books.importers.iiif_images import Found, image_of
from books.importers.iiif_text import plain

MAX_BYTES = 60_000_000
MAX_PAGES = 50_000
_REFUSED_MEDIA = {
    "audio": "This manifest holds sound recordings and no page images: only books with page images can be imported.",
    "video": "This manifest holds films and no page images: only books with page images can be imported.",
    "pdf": "This manifest holds a PDF and no page images: download the PDF and import it as a file.",
}


class Iiif:
    """Manifests from an address or a file."""

    name = "iiif"
    title = gettext_noop("IIIF manifest")
    order = 90

    def recognises(self, given: Given) -> bool:
        """Anything that looks like JSON, and whatever came from an address: then the refusal says what it is."""
        head = given.head().lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")
        return given.folder is None and (
            head.startswith((b"{", b"[")) or given.suffix == ".json" or bool(given.url)
        )

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The one book of a manifest. Raises ImportRefused."""
        yield parse(given.all(MAX_BYTES), given.url)


IMPORTER = Iiif()


def parse(raw: bytes, url: str = "") -> ImportedBook:
    """The book that a manifest describes; `url` is where it came from. Raises ImportRefused and nothing else."""
    manifest = _manifest(raw)
    base = url or _id(manifest)
    canvases, notes = _canvases(manifest)
    pages, page_notes = _pages(canvases, base)
    notes += page_notes
    entries = texts.entries_of(manifest.get("metadata"))
    language, several = language_code(next(texts.find(entries, "language"), ""))
    if several:
        notes.append("It names several languages: the first is taken; change it if another one prevails.")
    if not (rights := _rights(manifest, entries)):
        notes.append("It says nothing about rights: ask the library before you publish.")
    return ImportedBook(
        title=(plain(manifest.get("label")) or next(texts.find(entries, "title"), "") or "Untitled")[:1000],
        author=next(texts.find(entries, "author"), "")[:500],
        language=language,
        year=_year(manifest, entries),
        source_id=_source_id(manifest, url, raw),
        source_url=(url or _id(manifest))[:2000],
        rights=rights[:2000],
        attribution=_attribution(manifest),
        direction=_direction(manifest, notes),
        metadata=entries,
        pages=pages,
        oddities=tuple(notes),
    )


def _manifest(raw: bytes) -> Mapping[str, Any]:
    """The manifest as a mapping; all that is none is refused and called by its name."""
    start = raw[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"%pdf"):
        raise ImportRefused("This is a PDF, not a IIIF manifest: import it as a file.")
    if start.startswith((b"<!doctype", b"<html")):
        raise ImportRefused(
            "This is a web page, not a IIIF manifest: look there for a link named IIIF or manifest."
        )
    try:
        data = json.loads(raw)
    except UnicodeDecodeError as error:
        raise ImportRefused(
            "This file is not in UTF-8, as JSON must be: save it as UTF-8 and try again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ImportRefused("This is not a IIIF manifest: it cannot be read as JSON.") from error
    if not isinstance(data, dict):
        raise ImportRefused("This is JSON, but not a IIIF manifest: give the address of a manifest.")
    return _only_manifests(data)


def _only_manifests(data: dict[str, Any]) -> dict[str, Any]:
    kind = str(data.get("type") or data.get("@type") or "")
    if "Collection" in kind or (("manifests" in data or "members" in data) and "sequences" not in data):
        offers = tuple(_members(data))
        raise ImportRefused(
            f"This is a collection of {len(offers)} manifests, not a book: import its manifests one by one.",
            offers=offers,
        )
    if "sequences" in data or "items" in data or "Manifest" in kind:
        return data
    if "protocol" in data or "api/image" in str(data.get("@context")):
        raise ImportRefused(
            "This describes a single image (info.json), not a book: give the manifest's address."
        )
    raise ImportRefused(
        "This is JSON, but not a IIIF manifest: it has no pages. Give the address of a manifest."
    )


def _members(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Address and title of a collection's manifests and inner collections."""
    for key in ("manifests", "members", "items", "collections"):
        for each in _list(data.get(key)):
            if isinstance(each, Mapping) and _id(each).startswith(("http://", "https://")):
                yield _id(each), plain(each.get("label")) or _id(each)


def _canvases(manifest: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The canvases in reading order, and what is odd about them."""
    if manifest.get("sequences"):
        found = [
            _list(each.get("canvases")) for each in _list(manifest["sequences"]) if isinstance(each, Mapping)
        ]
        full = [canvases for canvases in found if canvases]
        notes = [f"It has {len(full)} sequences of pages: the first is taken."] if len(full) > 1 else []
        canvases = full[0] if full else []
    else:
        canvases, notes = _list(manifest.get("items")), []
    kept = [canvas for canvas in canvases if isinstance(canvas, Mapping)]
    if len(kept) > MAX_PAGES:
        raise ImportRefused(f"This manifest has more than {MAX_PAGES} pages: import it in parts.")
    return kept, notes


def _pages(canvases: list[Mapping[str, Any]], base: str) -> tuple[tuple[ImportedPage, ...], list[str]]:
    """The pages, and in sentences what is odd about which of them. Refuses a manifest without any image."""
    found = [image_of(canvas, base) for canvas in canvases]
    with_image = [each for each in found if each.url or each.service]
    if not with_image:
        instead = next((each.instead for each in found if each.instead in _REFUSED_MEDIA), "")
        raise ImportRefused(
            _REFUSED_MEDIA.get(instead, "This manifest has no page images: there is nothing to import.")
        )
    if all(each.needs_login for each in with_image):
        raise ImportRefused(
            "The images of this book need a login at the library, which cannot be done from here."
        )
    pages = tuple(_page(canvas, image) for canvas, image in zip(canvases, found, strict=True))
    return pages, _page_notes(pages)


def _page(canvas: Mapping[str, Any], image: Found) -> ImportedPage:
    login = ("needs a login at the library",) if image.needs_login else ()
    return ImportedPage(
        canvas_id=(_id(canvas) or image.url or str((image.service or {}).get("id", "")))[:1000],
        label=plain(canvas.get("label"))[:200],
        image_url=image.url,
        service=image.service or {},
        width=image.width,
        height=image.height,
        oddities=(*image.oddities, *login),
    )


def _page_notes(pages: tuple[ImportedPage, ...]) -> list[str]:
    """`3 pages: has no image (4, 7, 12).`, one sentence for each kind of oddity."""
    where: defaultdict[str, list[int]] = defaultdict(list)
    for number, page in enumerate(pages, 1):
        for oddity in page.oddities:
            where[oddity].append(number)
    return [
        f"{'Page' if len(numbers) == 1 else 'Pages'} {_short_list(numbers)}: {oddity}."
        for oddity, numbers in where.items()
    ]


def _short_list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown


def _rights(manifest: Mapping[str, Any], entries: texts.Entries) -> str:
    """What the library says in the proper place, else a licence linked elsewhere, else its words about rights."""
    told = plain(manifest.get("rights") or manifest.get("license"))
    elsewhere = [manifest.get("attribution"), manifest.get("requiredStatement"), manifest.get("metadata")]
    linked = next((found for value in elsewhere if (found := texts.licence_in(value))), "")
    return told or linked or next(texts.find(entries, "rights"), "")


def _attribution(manifest: Mapping[str, Any]) -> str:
    """Whom to name: Presentation 2's attribution, 3's required statement, else the provider."""
    statement = manifest.get("requiredStatement")
    told = plain(manifest.get("attribution"))
    if not told and isinstance(statement, Mapping):
        told = plain(statement.get("value"))
    provider = next((each for each in _list(manifest.get("provider")) if isinstance(each, Mapping)), {})
    return told or plain(provider.get("label"))


def _direction(manifest: Mapping[str, Any], notes: list[str]) -> str:
    """The viewing direction of the manifest or of its sequence; the order of the pages is never changed for it."""
    sequence = next((each for each in _list(manifest.get("sequences")) if isinstance(each, Mapping)), {})
    told = manifest.get("viewingDirection") or sequence.get("viewingDirection")
    if isinstance(told, str) and told in DIRECTIONS:
        return told
    if told:
        notes.append("Its reading direction is not one that is known: left to right is assumed.")
    return LEFT_TO_RIGHT


def _year(manifest: Mapping[str, Any], entries: texts.Entries) -> int | None:
    """The year of publication from the metadata, else the date by which viewers sort."""
    years = (texts.year_in(value) for value in texts.find(entries, "year"))
    return next((year for year in years if year), None) or texts.year_in(str(manifest.get("navDate") or ""))


def _source_id(manifest: Mapping[str, Any], url: str, raw: bytes) -> str:
    """What identifies the book at its library: the manifest's id, else its address, else its content."""
    told = _id(manifest) or url
    if told and len(told) <= 500:
        return told
    return f"sha256:{hashlib.sha256(told.encode() or raw).hexdigest()}"


def _id(data: Mapping[str, Any]) -> str:
    found = data.get("id") or data.get("@id")
    return found.strip() if isinstance(found, str) else ""


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
