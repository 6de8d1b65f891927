"""The closed set of tags in transcriptions and translations, `[[name: content]]` inside Markdown.

docs/tags.md tells people the same; prompts list the set from here, the reading room and the exports read it
by `parse`. Tags may stand inside each other (an unclear word in a marginal note), never across each other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

BLANK = "[[blank]]"
UNREADABLE = "[[unreadable]]"


@dataclass(frozen=True)
class Tag:
    """One tag: what stands in it, in a sentence for people and for models; whether it is apart from the
    running text; whether a translation puts its content into the other language."""

    name: str
    meaning: str
    apart: bool
    translated: bool


TAGS: dict[str, Tag] = {
    tag.name: tag
    for tag in (
        Tag("header", "running head at the top of the page", apart=True, translated=True),
        Tag("page-num", "page or folio number as printed", apart=True, translated=False),
        Tag("margin", "printed note in the margin, placed after the line that it stands beside", True, True),
        Tag("gloss", "note or correction that a later hand has written in", apart=True, translated=True),
        Tag(
            "signature", "signature mark of the printer at the foot of the page", apart=True, translated=False
        ),
        Tag("catchword", "catchword at the foot of the page", apart=True, translated=False),
        Tag("image", "a few words saying what an illustration, ornament or stamp shows", True, True),
        Tag("unclear", "reading that is doubtful; the best guess stands in the tag", False, True),
        Tag(
            "gap",
            "letters or words that cannot be read; how many, as in 2 words",
            apart=False,
            translated=True,
        ),
    )
}
# A looping text may open thousands of tags and close none.
DEEPEST = 6
OPENING = re.compile(r"\[\[([A-Za-z][A-Za-z-]*):[ \t]?")
TOKEN = re.compile(OPENING.pattern + r"|\]\]")


@dataclass
class Tagged:
    """A tag in a text, with the pieces that stand in it."""

    name: str
    pieces: "list[str | Tagged]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands in it, without the tags inside."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces).strip()


Piece = str | Tagged


def parse(text: str) -> list[Piece]:
    """The text as strings and tags, in order. Names outside the set and brackets without a partner stay
    text.
    """
    reader = _Reader()
    at = 0
    for found in TOKEN.finditer(text):
        reader.text(text[at : found.start()])
        reader.opening(found[0], found[1]) if found[1] else reader.closing(found[0])
        at = found.end()
    reader.text(text[at:])
    return reader.end()


class _Reader:
    """The pieces of a text while it is read: a stack of tags that are open."""

    def __init__(self) -> None:
        self.top: list[Piece] = []
        self.open_tags: list[tuple[Tagged, str]] = []
        self.ignored = 0

    @property
    def pieces(self) -> list[Piece]:
        return self.open_tags[-1][0].pieces if self.open_tags else self.top

    def text(self, text: str) -> None:
        _add(self.pieces, text)

    def opening(self, words: str, name: str) -> None:
        if name not in TAGS or len(self.open_tags) == DEEPEST:
            # It stays text, and so does its closing bracket, which must not close the tag around it.
            self.ignored += 1
            self.text(words)
        else:
            self.open_tags.append((Tagged(name), words))

    def closing(self, words: str) -> None:
        if self.ignored:
            self.ignored -= 1
            self.text(words)
        elif self.open_tags:
            closed, _ = self.open_tags.pop()
            self.pieces.append(closed)
        else:
            self.text(words)

    def end(self) -> list[Piece]:
        """A tag that is never closed is no tag: its opening is text, its pieces belong to what is around
        it.
        """
        for tag, words in self.open_tags:
            _add(self.top, words)
            for piece in tag.pieces:
                _add(self.top, piece) if isinstance(piece, str) else self.top.append(piece)
        return self.top


def broken(text: str) -> list[str]:
    """What is wrong with the tags of a text: each an opening or closing bracket, or a name outside the
    set.
    """
    wrong: list[str] = []
    depth: list[str] = []
    for found in TOKEN.finditer(text.replace(BLANK, "").replace(UNREADABLE, "")):
        if not found[1]:
            if depth:
                depth.pop()
            else:
                wrong.append("]]")
        else:
            depth.append(found[0].strip())
            if found[1] not in TAGS:
                wrong.append(found[0].strip())
    return wrong + depth


def plain(text: str, without: Sequence[str] = ("page-num", "signature", "catchword")) -> str:
    """The text without tags: those named in `without` go with their content, of the others the content
    stays.
    """
    return "".join(_plain(parse(text), frozenset(without)))


def explained() -> str:
    """The set as a Markdown list, for prompts."""
    return "\n".join(f"- `[[{tag.name}: ...]]` {tag.meaning}" for tag in TAGS.values())


def _plain(pieces: Sequence[Piece], without: frozenset[str]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif piece.name not in without:
            yield from _plain(piece.pieces, without)


def _add(pieces: list[Piece], text: str) -> None:
    """Append text, to the string before it where there is one."""
    if not text:
        return
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)
