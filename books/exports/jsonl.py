"""JSON Lines: first the book, then a page in each line, texts as they are stored and with their provenance."""

from collections.abc import Iterator
from typing import Any

from books.exports.base import Leaf, Options, leaves
from books.exports.provenance import how_made, notice, record
from books.models import Book
from sourcebatch.lib.clock import now, rfc3339
from sourcebatch.lib.http.replies import dumps


class JsonLines:
    """Texts are not changed: the tags of docs/tags.md stand in them."""

    name = "jsonl"
    label = "JSON Lines"
    extension = "jsonl"
    mime = "application/x-ndjson"
    order = 30
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The book, then its pages."""
        yield _line(_book(book, options))
        for leaf in leaves(book, options):
            yield _line(_page(leaf))


def _line(data: dict[str, Any]) -> bytes:
    return dumps(data).encode() + b"\n"


def _book(book: Book, options: Options) -> dict[str, Any]:
    return {
        "type": "book", "id": book.pk, "title": book.title, "author": book.author, "year": book.year,
        "language": book.language, "direction": book.direction, "source_id": book.source_id,
        "source_url": book.source_url, "rights": book.rights, "attribution": book.attribution,
        "metadata": book.metadata, "texts": how_made(book, options), "notice": notice(options),
        "exported_at": rfc3339(now()),
    }  # fmt: skip


def _page(leaf: Leaf) -> dict[str, Any]:
    page = leaf.page
    return {
        "type": "page", "id": page.pk, "number": page.number, "label": page.label, "blank": page.blank,
        "image_url": page.image_url, "canvas_id": page.canvas_id, "width": page.width, "height": page.height,
        "transcription": record(leaf.transcription) if leaf.transcription else None,
        "translations": {
            text.target_language: record(text, stale=leaf.is_stale(text)) for text in leaf.translations
        },
    }  # fmt: skip


EXPORTER = JsonLines()
