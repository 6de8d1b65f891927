"""Plain text: page after page, transcription before translation, for reading and for counting words."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from books.exports.base import Leaf, Options, leaves
from books.exports.provenance import about, sentence
from books.exports.trees import plain
from books.models import Book

RULE = "-" * 60


class Txt:
    """UTF-8 with Unix line ends."""

    name = "txt"
    label = gettext_noop("Plain text")
    extension = "txt"
    mime = "text/plain; charset=utf-8"
    order = 10
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """A head that says what this is, then the pages."""
        head = "\n".join(f"{label}: {value}" for label, value in about(book, options))
        yield f"{head}\n".encode()
        for leaf in leaves(book, options):
            yield "\n".join(_page(leaf)).encode()


def _page(leaf: Leaf) -> Iterator[str]:
    yield f"\n{RULE}\nPage {leaf.page}\n{RULE}"
    if not leaf.texts:
        yield "[blank page]" if leaf.page.blank else "[no text]"
    for text in leaf.texts:
        yield f"({sentence(text, stale=leaf.is_stale(text))})\n"
        yield plain(text.data) + "\n"


EXPORTER = Txt()
