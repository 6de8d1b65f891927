"""The engine `none`: text made from the picture's SHA-256, so that a test can tell whose text it is."""

from __future__ import annotations

import hashlib

from localgemini.engines.base import BLANK
from localgemini.requests_in import Image

HEADS = ("b", "c", "d", "f", "g", "l", "m", "n", "p", "qu", "r", "s", "t", "v", "br", "cl")
VOWELS = ("a", "e", "i", "o", "u", "ae", "au", "e")
ENDS = ("", "m", "s", "t", "nt", "r", "", "s", "rum", "bus", "que", "n", "l", "x", "", "tis")


class MadeUpEngine:
    """Fast, and the same for the same bytes: a line with the hash, the comment, then pseudo-Latin."""

    def warm_up(self) -> None:
        """Nothing to load."""

    def read(self, image: Image, lines: int) -> str:
        comment = image.picture.comment
        if BLANK in comment:
            return ""
        digest = hashlib.sha256(image.data).digest()
        heads = [f"sha256 {digest.hex()[:16]}", comment]
        return "\n".join([head for head in heads if head] + verses(digest, lines))


def verses(digest: bytes, count: int) -> list[str]:
    """`count` lines of about 40 characters that no other digest gives."""
    stream = hashlib.shake_128(digest).digest(count * 18)
    return [_verse(stream[at : at + 18]) for at in range(0, len(stream), 18)]


def _verse(seed: bytes) -> str:
    words = [_word(seed[at : at + 3]) for at in range(0, 18, 3)]
    return " ".join(words).capitalize() + "."


def _word(seed: bytes) -> str:
    one, two, three = seed
    return HEADS[one & 15] + VOWELS[one >> 5] + HEADS[two & 15] + VOWELS[two >> 5] + ENDS[three & 15]
