"""`make bench-quality`: how many spoilt pages each rule of books/quality.py finds, and how often it is wrong.

The set is made from the sample book's transcription by people and from English prose written for this purpose: each
page is spoilt in every way that a model spoils pages, in several variants by a fixed seed, and every rule is asked
about every page. A rule's recall is the share of the pages spoilt in its way that it finds; its precision is the share
of its findings that concern such a page. Whole pages that nobody spoilt are in the set too. The numbers say how good
the rules are against these ways of spoiling, not against all that may happen. Refusals and preambles are of wordings
that the rules were not written after: the rules know words, and models find others.
"""

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
django.setup()

from books import quality  # noqa: E402
from books.quality import Context  # noqa: E402

SEED = 1520
VARIANTS = 4
# A rule may say so where another one is meant: a page of untranslated text is also of the wrong language.
NEAR = {
    "copied": {"untranslated", "wrong_language"}, "untranslated": {"copied", "wrong_language"},
    "wrong_script": {"wrong_language"}, "loop": {"too_long", "length_ratio", "more_than_the_ink"},
    "truncated": {"length_ratio"}, "wrong_language": {"more_than_the_ink"}, "preamble": {"refusal"},
    "refusal": {"preamble", "length_ratio"}, "invented": {"wrong_language"},
}  # fmt: skip
PROSE = (
    "He who comes late to the table must take what the others have left, and yet he may count himself happy if the "
    "host is a friend. So it was with me when I first read these lines: the best had been praised long before.",
    "There was a time when kings were thought to be shepherds, and the people their flock; nobody asked then who had "
    "given the staff into their hands. Now that the crown is placed upon a worthier head, we hope for better years.",
    "The merchants, who had been kept at home by heavy dues, put out to sea again with full sails. Laws that had been "
    "bent to do harm are straight once more, and what was taken from the citizens is given back to them.",
    "If you ask me what a happy life is, I shall say that it is one in which the day is long enough for work and the "
    "night for sleep. The poet has neither; he writes by candlelight and sleeps when the sun is high.",
    "Of the two brothers the elder had a voice like a bell, and the younger none at all, but it was the younger to "
    "whom everybody listened. For he said little, and what he said was true, and he said it only once.",
    "It is told of a painter that he put so much gold upon the robe of a queen that nobody looked at her face. In the "
    "same way a book may be printed so beautifully that it is never read by those who have bought it.",
)
# John 1, 1 to 14.
GREEK = (
    "Ἐν ἀρχῇ ἦν ὁ λόγος, καὶ ὁ λόγος ἦν πρὸς τὸν θεόν.",
    "πάντα δι᾽ αὐτοῦ ἐγένετο, καὶ χωρὶς αὐτοῦ ἐγένετο οὐδὲ ἕν.",
    "ὃ γέγονεν ἐν αὐτῷ ζωὴ ἦν, καὶ ἡ ζωὴ ἦν τὸ φῶς τῶν ἀνθρώπων.",
    "καὶ τὸ φῶς ἐν τῇ σκοτίᾳ φαίνει.",
    "Ἐγένετο ἄνθρωπος ἀπεσταλμένος παρὰ θεοῦ, ὄνομα αὐτῷ Ἰωάννης.",
    "οὗτος ἦλθεν εἰς μαρτυρίαν.",
    "ἦν τὸ φῶς τὸ ἀληθινόν, ὃ φωτίζει πάντα ἄνθρωπον, ἐρχόμενον εἰς τὸν κόσμον.",
    "εἰς τὰ ἴδια ἦλθεν.",
    "Καὶ ὁ λόγος σὰρξ ἐγένετο καὶ ἐσκήνωσεν ἐν ἡμῖν, καὶ ἐθεασάμεθα τὴν δόξαν αὐτοῦ.",
)


@dataclass(frozen=True)
class Case:
    """A text with what is known of it, and the rule that should find it; no rule: nothing was spoilt."""

    rule: str
    way: str
    text: str
    context: Context


@dataclass
class Score:
    """How a rule did; `others` are the ways of spoiling on which it was wrongly heard."""

    cases: int = 0
    found: int = 0
    wrong: int = 0
    others: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        """Share of the pages of its kind that it found."""
        return self.found / self.cases if self.cases else 0.0

    @property
    def precision(self) -> float:
        """Share of what it found that was of its kind."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 0.0


def pages() -> list[str]:
    """The sample book as people transcribed it."""
    found = sorted((ROOT / "books" / "sample").glob("*.gt.txt"))
    return [path.read_text(encoding="utf-8") for path in found]


def prose(chance: random.Random, length: int) -> str:
    """English of about so many characters, in paragraphs."""
    parts = chance.sample(PROSE, len(PROSE))
    text = "\n\n".join(parts)
    return text[: max(length, 400)].rpartition(" ")[0] if len(text) > length else text


def cases() -> Iterator[Case]:
    """The whole set, the same every time."""
    chance = random.Random(SEED)  # noqa: S311  a fixed seed, no secret
    for page in pages():
        ocr = Context(kind="ocr", language="la", ink=0.12, book_median_length=1000)
        english = prose(chance, len(page))
        translation = Context(
            kind="translation", language="la", target_language="en", source_text=page, usual_ratio=1.1
        )
        yield Case("", "whole transcription", page, ocr)
        yield Case("", "whole translation", english, translation)
        for _ in range(VARIANTS):
            for rule, way, spoil in OCR:
                text, context = spoil(page, chance, ocr)
                yield Case(rule, way, text, context)
            for rule, way, spoil in TRANSLATION:
                text, context = spoil(english, chance, translation)
                yield Case(rule, way, text, context)


Spoil = Callable[[str, random.Random, Context], tuple[str, Context]]


def _loop(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    words = text.split()
    start, period = chance.randrange(len(words) - 60), chance.choice((1, 3, 8, 25, 55))
    phrase = " ".join(words[start : start + period])
    return (
        f"{text[: len(text) // 2]} {' '.join([phrase] * (chance.randint(300, 900) // period + 3))}",
        context,
    )


def _refusal(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    said = (
        "I'm sorry, but I cannot transcribe this image.", "I am unable to read the text in this image.",
        "As an AI language model, I can not process this page.",
        "I cannot translate this text, as it may be protected.",
        "Je suis désolé, mais je ne peux pas lire cette page.", "Ich kann dieses Bild nicht lesen.",
        "The image is too blurry for me to make out any words.", "Unfortunately, this page can't be transcribed.",
        "No legible text was found in the picture provided.", "Es tut mir leid, aber ich kann den Text nicht lesen.",
    )  # fmt: skip
    return chance.choice(said), context


def _preamble(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    said = (
        "Here is the transcription of the page:", "Sure! Below is the text of the image.", "Certainly, the page reads:",
        "The following is a faithful translation of the Latin text:", "Hier ist die Übersetzung der Seite:",
        "I have transcribed the page as requested.", "Okay, let me read the page line by line.",
        "**Transcription**", "Transcribed text:", "Translation of page 17:",
    )  # fmt: skip
    after = ("\n\nLet me know if you need anything else.", "\n\nNote: the image is partly damaged.")
    if chance.random() < 0.3:
        return text + chance.choice(after), context
    return f"{chance.choice(said)}\n\n{text}", context


def _tags(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    spoilt = ("[[margin: ", "[[marginalia: nota]] ", "]] ", "[[unclear: [[gap: 2 words] ")
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(spoilt) + text[at:], context


def _placeholder(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    said = (
        "[insert translation here]",
        "[Your text goes here]",
        "Lorem ipsum dolor sit amet",
        "[page text here]",
    )
    return f"{chance.choice(said)}\n{text[:300]}", context


def _marker(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return f"{text}\n{chance.choice(('[[blank]]', '[[unreadable]]'))}", context


def _long(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    # Other pages' words, so that nothing repeats.
    words = " ".join(pages()).split()
    chance.shuffle(words)
    return text + "\n" + " ".join(words[: chance.randint(700, 1500)]), context


def _ink(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return text, replace(context, ink=chance.uniform(0.0, 0.008))


def _script(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return text[: chance.randint(0, 40)] + "\n".join(chance.sample(GREEK, chance.randint(5, 9))), context


def _language(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return prose(chance, 900), context


def _copied(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return context.source_text, context


def _remainder(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    """The first part translated, then 30 to 60 words of the source as they stand."""
    words = context.source_text.split()
    start = chance.randrange(max(len(words) - 70, 1))
    return text + " " + " ".join(words[start : start + chance.randint(30, 60)]), context


def _cut(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return text[: int(len(context.source_text) * chance.uniform(0.1, 0.4))], context


def _bloated(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    words = re.findall(r"\w+", " ".join(PROSE))
    chance.shuffle(words)
    return f"{text} {' '.join(words)} {' '.join(reversed(words))} {text[::-1]}", context


def _stand_in(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return f"{quality.NOTICE} no Gemini key\n{context.source_text}", context


OCR: list[tuple[str, str, Spoil]] = [
    ("loop", "a phrase without end", _loop), ("refusal", "an answer instead of work", _refusal),
    ("preamble", "a remark around the text", _preamble), ("broken_tags", "a broken tag", _tags),
    ("placeholder", "filling material", _placeholder), ("stray_marker", "blank and yet a text", _marker),
    ("too_long", "several pages in one", _long), ("more_than_the_ink", "text on a nearly empty page", _ink),
    ("wrong_script", "Greek for Latin", _script), ("wrong_language", "translated instead of transcribed", _language),
]  # fmt: skip
TRANSLATION: list[tuple[str, str, Spoil]] = [
    ("loop", "a phrase without end", _loop), ("refusal", "an answer instead of work", _refusal),
    ("copied", "the source again", _copied), ("untranslated", "a remainder of the source", _remainder),
    ("length_ratio", "cut off", _cut), ("length_ratio", "far too long", _bloated),
    ("not_translated", "no key was set", _stand_in),
]  # fmt: skip


def scores() -> tuple[dict[str, Score], int, int]:
    """By rule how it did; then how many whole pages there were, and on how many of them any rule was heard."""
    result = {rule: Score() for rule, _, _ in [*OCR, *TRANSLATION]}
    whole = disturbed = 0
    for case in cases():
        heard = {finding.rule for finding in quality.check(case.text, case.context)}
        if not case.rule:
            whole += 1
            disturbed += bool(heard)
        else:
            result[case.rule].cases += 1
            result[case.rule].found += case.rule in heard
        for rule in heard - {case.rule} - NEAR.get(case.rule, set()):
            score = result.setdefault(rule, Score())
            score.wrong += 1
            score.others[case.way] += 1
    return result, whole, disturbed


def main() -> int:
    """Print the table."""
    result, whole, disturbed = scores()
    print(f"{'rule':20}{'pages':>7}{'found':>7}{'recall':>8}{'precision':>11}  wrongly heard on")
    for rule, score in sorted(result.items()):
        others = ", ".join(f"{way} ({count})" for way, count in score.others.most_common(2))
        print(f"{rule:20}{score.cases:7}{score.found:7}{score.recall:8.1%}{score.precision:11.1%}  {others}")
    print(f"Whole pages: {whole}; rules spoke up on {disturbed} of them ({disturbed / whole:.1%}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
