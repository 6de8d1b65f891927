"""What a request without a picture is answered with: a text that says of itself that it is no translation.

It is about as long as its source, so that rules about length stay quiet; it repeats neither the source nor
itself, and cannot be taken for a rendering of anything.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

NOTICE = "not translated: no Gemini key; local stand-in"
SAYINGS = (
    "Paragraph {n} of the source has {w} words in {c} characters and was not translated.",
    "No key for Gemini was set when paragraph {n} came by; its {w} words wait for one.",
    "Of paragraph {n}, {c} characters long, this machine can say nothing in another language.",
    "The local stand-in has counted {w} words in paragraph {n} and understood none of them.",
    "Where a rendering of paragraph {n} belongs there is only this placeholder ({c} characters of source).",
    "Paragraph {n} stays as it was printed: {w} words, no English.",
    "Set a key and run the job again to have paragraph {n} ({c} characters) put into another language.",
    "This sentence fills the room of paragraph {n}, whose {w} words nobody has rendered.",
    "Nothing here comes from paragraph {n}; it measures {c} characters, and that is all that was looked at.",
    "A person or a language model must still read paragraph {n}, all {w} words of it.",
    "For want of a translator paragraph {n} is represented by its size, {c} characters.",
    "Placeholder for paragraph {n}: {w} words counted, zero translated.",
)
FILLERS = (
    "More of the same paragraph follows and is left alone too.",
    "Its remaining lines were measured, not read.",
    "The rest of it is just as untouched.",
    "Whoever needs its meaning has to turn to the page itself.",
    "No dictionary was opened for it.",
    "The offline programme knows letters, not languages.",
    "Further words stand there and remain foreign.",
    "What they say is not said here.",
    "An honest blank would be shorter but would look like an error.",
    "So the gap is filled with these remarks.",
    "They carry no meaning of the book.",
    "Please do not quote them as the author's.",
)
BLOCK = re.compile(r"<([A-Za-z][\w-]*)[^>]*>\n?(.*?)</\1>", re.DOTALL)
CONTEXT = re.compile(r"context|previous|next|before|after|preceding|following|tail|head", re.IGNORECASE)


def stand_in(texts: list[str]) -> str:
    """The notice, then for each paragraph of the source sentences of about its length."""
    parts = [NOTICE]
    turn = itertools.count()
    for number, paragraph in enumerate(paragraphs(source(texts)), start=1):
        parts.append(_about(number, paragraph, turn))
    return "\n\n".join(parts)


def source(texts: list[str]) -> str:
    """The text to be translated: the longest tagged block that is not context, else the longest part."""
    whole = "\n".join(texts)
    blocks = [body for name, body in BLOCK.findall(whole) if not CONTEXT.search(name)]
    return max(blocks or texts, key=len, default="")


def paragraphs(text: str) -> list[str]:
    return [piece.strip() for piece in re.split(r"\n\s*\n", text) if piece.strip()]


def _about(number: int, paragraph: str, turn: Iterator[int]) -> str:
    words, size = len(paragraph.split()), len(paragraph)
    saying = SAYINGS[(number - 1) % len(SAYINGS)].format(n=number, w=words, c=size)
    while len(saying) < 0.8 * size:
        at = next(turn)
        remark = FILLERS[at % len(FILLERS)]
        saying += f" Remark {at + 1}: {remark[0].lower()}{remark[1:]}" if at >= len(FILLERS) else f" {remark}"
    return saying
