"""What is suspicious about a text, found before it is stored.

A rule is one small function `(text, context) -> Finding | None` with its evidence in the sentence; `check`
runs them all. A finding either fails the text (the page goes round again) or flags it for a person to look
at.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from books import loops, markup, scripts
from books import quality_voice as voice
from books.languages import name_of, script_of
from books.models import Kind

# Characters. The fullest pages of folio volumes have about 12,000, a newspaper's 60,000.
LEAST_LOOP = 120
MUCH_FOR_A_PAGE = 20_000
MOST_ON_A_PAGE = 80_000
# Share of dark pixels: below this a page is nearly empty, above it ink says little about the length. Roman
# type of a 1520 octavo has 8,500 letters per unit of ink; the smallest type has several times as many.
LITTLE_INK = 0.04
LETTERS_PER_INK = 60_000
LETTERS_AT_LEAST = 120
# Of the usual length of a book's pages: with less a printed page is hardly whole.
LEAST_OF_USUAL = 0.25
A_PAGE = 1000  # characters: a shorter text may be nothing but an answer
# Scripts whose signs stand for syllables or words.
DENSE = ("Hani", "Kana", "Hang")

SENTENCE_END = re.compile(r"[.!?;:…·。！？।։؟]['\"’”»)\]*_]*$")
NO_WORDS = re.compile(r"[\W\d_]+")
PLACEHOLDER = re.compile(
    r"\[(?:insert|your|page|text|translation|transcription)[ \w]*(?:here|goes|text)[ \w]*\]|\blorem ipsum dolor\b",
    re.IGNORECASE,
)
Severity = Literal["fail", "flag"]


@dataclass(frozen=True)
class Finding:
    """What one rule found. `certain` findings fail a text however often it comes back the same."""

    rule: str
    severity: Severity
    reason: str
    certain: bool = False

    @property
    def flag(self) -> dict[str, str]:
        """As it is stored with a text."""
        return {"rule": self.rule, "reason": self.reason}


@dataclass(frozen=True)
class Context:
    """What is known of a text besides itself; anything may be missing.

    `ink` is the share of the page that is printed or written on (0 to 1), lengths are in characters,
    `usual_ratio` is the book's usual length of a translation divided by that of its source.
    """

    kind: str = Kind.OCR
    language: str = ""
    target_language: str = ""
    source_text: str = ""
    ink: float | None = None
    book_median_length: int | None = None
    usual_ratio: float | None = None


Rule = Callable[[str, Context], Finding | None]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Register a rule; they run in the order they are written in."""
    RULES.append(function)
    return function


def check(text: str, context: Context) -> list[Finding]:
    """All findings about a text. A text that says itself that it is none is not judged any further."""
    if found := not_translated(text, context):
        return [found]
    findings: list[Finding] = []
    for one in RULES:
        if found := one(text, context):
            findings.append(found)
            if found.severity == "fail" and found.certain:
                break
    return findings


NOTICE = "not translated:"


def not_translated(text: str, context: Context) -> Finding | None:
    """The stand-in for Gemini says in its first words that what follows is no translation."""
    if not text.startswith(NOTICE):
        return None
    reason = "This is a placeholder, not a translation: no Gemini key was set when it was made."
    return Finding("not_translated", "flag", reason)


@rule
def loop(text: str, context: Context) -> Finding | None:
    """The same words over and over, in short or long periods (I23); a refrain or a litany is no loop."""
    if len(text) < LEAST_LOOP:
        return None
    found = loops.measure(text)
    words = len(found.words)
    if found.repeat and found.repeat.is_loop:
        return _loop(found, found.repeat)
    if words >= 200 and found.share > 0.6:
        reason = f"{found.share:.0%} of the text repeats what stands in it already."
        return Finding("loop", "fail" if words >= 400 and found.share > 0.8 else "flag", reason, certain=True)
    return _monotonous(text)


def _loop(found: loops.Measured, repeat: loops.Repeat) -> Finding:
    """A loop that fills the page fails it; a passage that comes twice may stand there twice."""
    severe = repeat.length >= 300 or repeat.length >= 0.3 * len(found.words)
    reason = _repeated(found.words, repeat)
    return Finding("loop", "fail" if severe else "flag", reason, certain=repeat.times >= 3)


def _repeated(words: list[str], repeat: loops.Repeat) -> str:
    phrase = " ".join(words[repeat.start : repeat.start + min(repeat.period, 8)])
    more = " ..." if repeat.period > 8 else ""
    return f"The text repeats itself: “{phrase}{more}” comes {repeat.times:.0f} times in a row."


def _monotonous(text: str) -> Finding | None:
    """Thousands of dots, dashes or figures in a row have no words that could repeat."""
    longest = max((found.end() - found.start() for found in NO_WORDS.finditer(text)), default=0)
    if longest < 3000:
        return None
    return Finding("loop", "fail", f"{longest:,} characters in a row are signs or figures.", certain=True)


@rule
def refusal(text: str, context: Context) -> Finding | None:
    """The model speaks of itself instead of doing the work."""
    said = voice.refusal(text, alone=_far_too_short(text, context), language=_language(context))
    if not said:
        return None
    severity: Severity = "fail" if len(text) < A_PAGE else "flag"
    return Finding("refusal", severity, f"The model seems to answer instead of working: “{said[:100]}”.")


@rule
def preamble(text: str, context: Context) -> Finding | None:
    """A remark of the model around the text, of a form that is not certain enough to be cut off."""
    said = voice.announcement(text) or voice.closing(text)
    if not said:
        return None
    part = said.splitlines()[0][:100]
    return Finding("preamble", "flag", f"A remark of the model may be part of the text: “{part}”.")


@rule
def placeholder(text: str, context: Context) -> Finding | None:
    """Filling material where a text should be."""
    found = PLACEHOLDER.search(text)
    if not found:
        return None
    return Finding("placeholder", "fail", f"The text has a placeholder in it: “{found[0]}”.")


@rule
def stray_marker(text: str, context: Context) -> Finding | None:
    """The word for a blank or unreadable page beside a text: one of the two is wrong."""
    for marker in (markup.BLANK, markup.UNREADABLE):
        if marker in text:
            return Finding(
                "stray_marker", "flag", f"The page is called {marker} and has a text all the same."
            )
    return None


@rule
def broken_tags(text: str, context: Context) -> Finding | None:
    """Tags that are not closed, or not in the set."""
    wrong = markup.broken(text)
    if not wrong:
        return None
    return Finding(
        "broken_tags", "flag", f"{len(wrong)} tags are broken or unknown, the first is {wrong[0]}."
    )


@rule
def too_long(text: str, context: Context) -> Finding | None:
    """More than any page can hold, or far more than the other pages of the book."""
    size, usual = len(text), context.book_median_length
    if size > MOST_ON_A_PAGE:
        return Finding("too_long", "fail", f"{size:,} characters are more than a page can hold.")
    if size > MUCH_FOR_A_PAGE:
        return Finding("too_long", "flag", f"{size:,} characters are a great deal for one page.")
    if usual and size > max(4 * usual, 2000):
        reason = f"{size:,} characters; the pages of this book usually have about {usual:,}."
        return Finding("too_long", "flag", reason)
    return None


@rule
def more_than_the_ink(text: str, context: Context) -> Finding | None:
    """A long text from a page that is nearly empty is invented (I24)."""
    if context.kind != Kind.OCR or context.ink is None or context.ink >= LITTLE_INK:
        return None
    size = len("".join(markup.plain(text).split()))
    if size <= LETTERS_AT_LEAST + LETTERS_PER_INK * context.ink:
        return None
    reason = f"{size:,} letters, but only {context.ink:.2%} of the page is ink: the text may be invented."
    return Finding("more_than_the_ink", "flag", reason)


@rule
def less_than_the_ink(text: str, context: Context) -> Finding | None:
    """Next to no text from a page that is as full of ink as others: left out, refused or cut off."""
    usual = context.book_median_length
    if context.kind != Kind.OCR or not usual or context.ink is None or context.ink < LITTLE_INK:
        return None
    size = len(markup.plain(text).strip())
    # A picture is ink too.
    if size >= LEAST_OF_USUAL * usual or "[[image" in text:
        return None
    reason = (
        f"{size:,} characters from a page full of ink; the pages of this book usually have about {usual:,}."
    )
    return Finding("less_than_the_ink", "flag", reason)


@rule
def wrong_script(text: str, context: Context) -> Finding | None:
    """Letters of another script than the language is written in."""
    code = _language(context)
    script = script_of(code)
    if not script or not scripts.is_known(script):
        return None
    share, letters = scripts.share_of(script, text)
    if letters < 100 or share >= 0.5:
        return None
    other = scripts.NAMES.get(scripts.main_script(text), "other")
    reason = f"Only {share:.0%} of the letters belong to {name_of(code)}; most are {other}."
    # A page of a Latin book may well be in Greek; a translation into English may not.
    return Finding("wrong_script", "fail" if context.kind == Kind.TRANSLATION else "flag", reason)


@rule
def wrong_language(text: str, context: Context) -> Finding | None:
    """The little words of another language: a translation into the wrong one, or instead of a
    transcription.
    """
    code = _language(context)
    code = code.split("-")[0]
    own = scripts.share_of_language(code, text)
    found, share, times = scripts.main_language(text)
    if own is None or found == code or share < 0.12 or times < 1.5 or own > share / 3 or len(text) < 300:
        return None
    reason = f"The text seems to be in {name_of(found)}, not in {name_of(code)}."
    return Finding("wrong_language", "flag", reason)


@rule
def copied(text: str, context: Context) -> Finding | None:
    """The source again instead of a translation, wholly or in long passages (I25)."""
    if context.kind != Kind.TRANSLATION or not context.source_text or _same_language(context):
        return None
    own, source = _words(text), _words(context.source_text)
    if len(own) < 20:
        return None
    share, longest = _taken_over(own, source)
    if share > 0.6 and longest >= 20:
        return Finding("copied", "fail", f"{share:.0%} of the translation is its source word for word.")
    if longest >= 25 or share > 0.4:
        reason = f"Up to {longest} words in a row were left untranslated."
        return Finding("untranslated", "flag", reason)
    return None


@rule
def length_ratio(text: str, context: Context) -> Finding | None:
    """A translation far shorter or longer than its source, or than is usual in the book (I25)."""
    if context.kind != Kind.TRANSLATION:
        return None
    source = len(markup.plain(context.source_text).strip())
    size = len(markup.plain(text).strip())
    if source < 200:
        return _long_for_little(size, source, context)
    least, most = _bounds(context)
    ratio = size / source
    if least <= ratio <= most:
        return None
    word = "short" if ratio < least else "long"
    reason = f"The translation is too {word}: {size:,} characters for {source:,} of the source."
    return Finding("length_ratio", "fail" if ratio < least / 3 or ratio > 3 * most else "flag", reason)


@rule
def cut_off(text: str, context: Context) -> Finding | None:
    """A translation that stops in the middle of a sentence where its source does not, and is on the short side (I21).

    Transcriptions are left to books.quality_neighbours: a printed page may well end in the middle of a word.
    """
    source, size = markup.plain(context.source_text).strip(), len(markup.plain(text).strip())
    if context.kind != Kind.TRANSLATION or len(source) < 200 or not SENTENCE_END.search(source):
        return None
    usual = context.usual_ratio or 1.0
    if SENTENCE_END.search(markup.plain(text).strip()) or size >= 0.9 * usual * len(source):
        return None
    tail = " ".join(text.split()[-5:])
    reason = f"The translation stops in the middle of a sentence (“... {tail}”), its source does not."
    return Finding("cut_off", "flag", reason)


def _long_for_little(size: int, source: int, context: Context) -> Finding | None:
    if not context.source_text or size <= 2000:
        return None
    return Finding("length_ratio", "fail", f"{size:,} characters were made from {source:,} of the source.")


def _bounds(context: Context) -> tuple[float, float]:
    """The lengths of ordinary translations, as multiples of their source's."""
    if context.usual_ratio:
        return context.usual_ratio * 0.5, context.usual_ratio * 2
    dense = scripts.main_script(context.source_text) in DENSE
    return (1.0, 9.0) if dense else (0.45, 2.6)


def _language(context: Context) -> str:
    """The language that the text must be in."""
    return context.target_language if context.kind == Kind.TRANSLATION else context.language


def _far_too_short(text: str, context: Context) -> bool:
    """Whether a page must have far more text than this, by its source, its ink or its book where they are known."""
    size = len(markup.plain(text).strip())
    if context.kind == Kind.TRANSLATION and context.source_text:
        return size < 0.25 * len(markup.plain(context.source_text).strip())
    if context.ink is not None and context.ink < LITTLE_INK:
        return False
    return size < 0.4 * (context.book_median_length or A_PAGE)


def _same_language(context: Context) -> bool:
    """Modernising a text within its language leaves many words as they are."""
    return context.language.split("-")[0] == context.target_language.split("-")[0]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", markup.plain(text).lower())


def _taken_over(own: list[str], source: list[str]) -> tuple[float, int]:
    """The share of groups of four words that stand in the source too, and the longest run of them in
    words.
    """
    known = set(zip(source, source[1:], source[2:], source[3:], strict=False))
    hits = [four in known for four in zip(own, own[1:], own[2:], own[3:], strict=False)]
    runs = [len(list(run)) for hit, run in groupby(hits) if hit]
    return sum(hits) / max(len(hits), 1), max(runs) + 3 if runs else 0
