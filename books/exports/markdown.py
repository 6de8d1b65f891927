"""Markdown: original and translation facing each other in a table, or one after the other."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from books.exports.base import Leaf, Options, leaves
from books.exports.provenance import about, sentence
from books.exports.trees import fit, plain
from books.languages import name_of
from books.models import Book, Kind, PageText

# What a reader of Markdown would take for HTML, a link or an image: page text is none of these.
ACTIVE = (("<", "&lt;"), ("](", "]\\("), ("]:", "]\\:"), ("![", "!\\["))
_PARAGRAPHS = re.compile(r"\n\s*\n")


class Markdown:
    """CommonMark with tables; the tags of docs/tags.md stand in it as they are."""

    name = "markdown"
    label = "Markdown"
    extension = "md"
    mime = "text/markdown; charset=utf-8"
    order = 20
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """A head that says what this is, then the pages."""
        head = [f"# {_inert(book.title)}\n"]
        head += [f"- **{label}:** {_inert(value)}" for label, value in about(book, options)[1:]]
        yield ("\n".join(head) + "\n").encode()
        for leaf in leaves(book, options):
            yield f"\n## Page {_inert(str(leaf.page))}\n\n{_page(leaf, options)}".encode()


def _page(leaf: Leaf, options: Options) -> str:
    if not leaf.texts:
        return "*Blank page.*\n" if leaf.page.blank else "*No text.*\n"
    made = "".join(f"*{sentence(text, stale=leaf.is_stale(text))}*\n\n" for text in leaf.texts)
    if options.layout == "facing" and leaf.transcription and leaf.translations:
        return f"{made}{_table(leaf.texts)}"
    many = len(leaf.texts) > 1
    return made + "\n".join(_section(text, headed=many) for text in leaf.texts)


def _section(text: PageText, *, headed: bool) -> str:
    """A text with its line ends kept: two spaces before each."""
    body = re.sub(r"(?<=\S)\n(?=\S)", "  \n", _inert(text.data).strip("\n"))
    return (f"### {_title(text)}\n\n" if headed else "") + body + "\n"


def _table(texts: Sequence[PageText]) -> str:
    """One row for each paragraph where all texts have as many, else one row for the page."""
    columns = [_paragraphs(text) for text in texts]
    if len({len(column) for column in columns}) > 1:
        columns = [["<br><br>".join(column)] for column in columns]
    rows = [[_title(text) for text in texts], ["---"] * len(texts)]
    rows += [list(row) for row in zip_longest(*columns, fillvalue="")]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _paragraphs(text: PageText) -> list[str]:
    return [
        "<br>".join(_inert(line).replace("|", "\\|") for line in part.strip().splitlines())
        for part in _PARAGRAPHS.split(plain(text.data))
    ]


def _title(text: PageText) -> str:
    if text.kind == Kind.TRANSLATION:
        return f"Translation into {name_of(text.target_language)}"
    return f"Transcription, {name_of(text.language)}" if text.language else "Transcription"


def _inert(words: str) -> str:
    for active, harmless in ACTIVE:
        words = words.replace(active, harmless)
    return fit(words)


EXPORTER = Markdown()
