"""`make bench-quality`: how many spoilt pages each rule of books/quality.py finds, and how often it is wrong.

The set is made from the sample book's transcription by people and from English prose written for this purpose: each
page is spoilt in every way that a model spoils pages, in several variants by a fixed seed, and every rule is asked
about every page. A rule's recall is the share of the pages spoilt in its way that it finds (`any`: that some rule
finds); its precision is the share of its findings that concern such a page. Pages that nobody spoilt are in the set
too. The numbers say how good the rules are against these ways of spoiling, not against all that may happen.

Refusals, announcements and closing remarks are of wordings that the rules were not made with (bench_wordings.py). The
rules that need neighbours are asked about whole books in which one page is spoilt. The second reading is measured with
the engine of this machine, where there is one.
"""

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sourcebatch.settings")
django.setup()

from books import images, quality, quality_neighbours  # noqa: E402
from books.quality import Context  # noqa: E402
from books.second_reading import compare, engines  # noqa: E402
from books.second_reading.judge import usual_of  # noqa: E402
from books.second_reading.layout import plain  # noqa: E402
from scripts import bench_wordings  # noqa: E402

SEED = 1520
VARIANTS = 4
# A rule may say so where another one is meant: a page of untranslated text is also of the wrong language.
NEAR = {
    "copied": {"untranslated", "wrong_language"}, "untranslated": {"copied", "wrong_language"},
    "wrong_script": {"wrong_language"}, "loop": {"too_long", "length_ratio", "more_than_the_ink"},
    "cut_off": {"length_ratio", "short_for_neighbours"}, "length_ratio": {"cut_off"},
    "preamble": {"refusal"}, "refusal": {"length_ratio", "less_than_the_ink", "wrong_language"},
    "less_than_the_ink": {"refusal"}, "broken_tags": {"cut_off"},
    "short_for_neighbours": {"cut_off"}, "long_for_neighbours": {"same_as_neighbour", "page_number_jump"},
    "same_as_neighbour": {"page_number_jump"}, "page_number_jump": {"same_as_neighbour"},
    "placeholder": {"preamble"},
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
    """How a rule did; `heard`: pages of its kind on which any rule spoke up; `others`: where it was wrongly heard."""

    cases: int = 0
    found: int = 0
    heard: int = 0
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
    return chance.choice(bench_wordings.REFUSALS), context


def _preamble(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return f"{chance.choice(bench_wordings.PREAMBLES)}\n\n{text}", context


def _closing(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return f"{text}\n\n{chance.choice(bench_wordings.CLOSINGS)}", context


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


def _stopped(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    """The last part missing, from the middle of a sentence on."""
    whole = f"{context.source_text.rstrip(' ,;:-¬')}."
    cut = text[: int(len(whole) * chance.uniform(0.5, 0.85))].rstrip(" .,;:?!")
    return cut, replace(context, source_text=whole)


def _bloated(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    words = re.findall(r"\w+", " ".join(PROSE))
    chance.shuffle(words)
    return f"{text} {' '.join(words)} {' '.join(reversed(words))} {text[::-1]}", context


def _stand_in(text: str, chance: random.Random, context: Context) -> tuple[str, Context]:
    return f"{quality.NOTICE} no Gemini key\n{context.source_text}", context


OCR: list[tuple[str, str, Spoil]] = [
    ("loop", "a phrase without end", _loop), ("refusal", "an answer instead of work", _refusal),
    ("preamble", "an announcement", _preamble), ("preamble", "a closing remark", _closing),
    ("less_than_the_ink", "an answer instead of work", _refusal), ("broken_tags", "a broken tag", _tags),
    ("placeholder", "filling material", _placeholder), ("stray_marker", "blank and yet a text", _marker),
    ("too_long", "several pages in one", _long), ("more_than_the_ink", "text on a nearly empty page", _ink),
    ("wrong_script", "Greek for Latin", _script), ("wrong_language", "translated instead of transcribed", _language),
]  # fmt: skip
TRANSLATION: list[tuple[str, str, Spoil]] = [
    ("loop", "a phrase without end", _loop), ("refusal", "an answer instead of work", _refusal),
    ("preamble", "an announcement", _preamble), ("preamble", "a closing remark", _closing),
    ("cut_off", "the last part missing", _stopped),
    ("copied", "the source again", _copied), ("untranslated", "a remainder of the source", _remainder),
    ("length_ratio", "cut off", _cut), ("length_ratio", "far too long", _bloated),
    ("not_translated", "no key was set", _stand_in),
]  # fmt: skip


def scores() -> tuple[dict[str, Score], int, int]:
    """By rule how it did; then how many whole pages there were, and on how many of them any rule was heard."""
    result: dict[str, Score] = {}
    whole = disturbed = 0
    for case in cases():
        heard = {finding.rule for finding in quality.check(case.text, case.context)}
        whole += not case.rule
        disturbed += not case.rule and bool(heard)
        _count(result, case.rule, case.way, heard)
    return result, whole, disturbed


def _count(result: dict[str, Score], rule: str, way: str, heard: set[str]) -> None:
    if rule:
        score = result.setdefault(rule, Score())
        score.cases += 1
        score.found += rule in heard
        score.heard += bool(heard)
    for other in heard - {rule} - NEAR.get(rule, set()):
        result.setdefault(other, Score()).wrong += 1
        result[other].others[way] += 1


# --- Rules that need neighbours -----------------------------------------------------------------------------------

Leaf = tuple[str, float]
SpoilBook = Callable[[list[Leaf], int, random.Random], list[Leaf]]


def _numbered(style: int) -> list[Leaf]:
    """The sample book's pages with their ink, and a number on each: arabic, roman, leaves, with a plate, or none."""
    inks = _inks()
    told = []
    for at, (text, ink) in enumerate(zip(pages(), inks, strict=True)):
        number = at + 15
        printed = (
            f"{number}",
            ROMANS[at],
            f"{(number + 1) // 2}{'r' if number % 2 else 'v'}",
            f"{number - (at > 5)}",
        )
        tag = "" if style == 4 or (style == 3 and at == 5) else f"[[page-num: {printed[style]}]]\n\n"
        told.append((tag + text, ink))
    return told


ROMANS = ("xv", "xvi", "xvii", "xviii", "xix", "xx", "xxi", "xxii", "xxiii", "xxiv", "xxv", "xxvi")
STYLES = 5


@cache
def _inks() -> list[float]:
    """As measured on the scans."""
    scans = sorted((ROOT / "books" / "sample").glob("*.jpg"))
    return [images.normalise(scan.read_bytes(), max_side=1500, max_pixels=200_000_000).ink for scan in scans]


def _cut_page(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    text, ink = book[at]
    cut = text[: int(len(text) * chance.uniform(0.42, 0.66))].rstrip(" .,;:?!\n")
    return [*book[:at], (cut, ink), *book[at + 1 :]]


def _little_left(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    text, ink = book[at]
    return [*book[:at], (text[: int(len(text) * chance.uniform(0.05, 0.35))], ink), *book[at + 1 :]]


def _too_full(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    others = [text for text, _ in chance.sample(book[: at - 1] + book[at + 2 :], 2)]
    return [*book[:at], ("\n".join([book[at][0], *others]), book[at][1]), *book[at + 1 :]]


def _doubled(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    return [*book[:at], (book[at - 1][0], book[at][1]), *book[at + 1 :]]


def _moved(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    """The text of a page further away; its number came with it."""
    other = chance.choice([one for one in range(len(book)) if abs(one - at) > 2])
    return [*book[:at], (book[other][0], book[at][1]), *book[at + 1 :]]


def _shifted(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    """From here on each page has the text of the page behind it."""
    texts = [text for text, _ in book]
    return [(text, ink) for text, (_, ink) in zip([*texts[:at], *texts[at + 1 :]], book, strict=False)]


def _end_of_chapter(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    """Nothing wrong: less print, so less text."""
    text, ink = book[at]
    share = chance.uniform(0.35, 0.6)
    return [*book[:at], (text[: int(len(text) * share)], ink * share), *book[at + 1 :]]


def _picture(book: list[Leaf], at: int, chance: random.Random) -> list[Leaf]:
    """Nothing wrong: a woodcut where half of the text would be."""
    text, ink = book[at]
    return [*book[:at], (f"[[image: a woodcut]]\n\n{text[: len(text) // 2]}", ink * 1.2), *book[at + 1 :]]


BOOKS: list[tuple[str, str, SpoilBook]] = [
    ("", "the end of a chapter", _end_of_chapter), ("", "a woodcut", _picture),
    ("cut_off", "stops in mid-sentence", _cut_page), ("short_for_neighbours", "little of the page", _little_left),
    ("long_for_neighbours", "three pages in one", _too_full), ("same_as_neighbour", "a text twice", _doubled),
    ("page_number_jump", "another page's text", _moved), ("page_number_jump", "shifted from here on", _shifted),
]  # fmt: skip


def neighbour_scores() -> tuple[dict[str, Score], int, int]:
    """The same for whole books with one page spoilt; the harmless ones are of every style and in two odd ways."""
    chance = random.Random(SEED)  # noqa: S311  a fixed seed, no secret
    result: dict[str, Score] = {}
    whole = disturbed = 0
    for style in range(STYLES):
        book = _numbered(style)
        whole, disturbed = whole + 1, disturbed + bool(_heard(book))
        for at in range(3, 11):
            for rule, way, spoil in BOOKS:
                if rule == "page_number_jump" and (style == 4 or (style == 3 and 4 <= at <= 7)):
                    continue  # without a number there is nothing to see
                heard = set(_heard(spoil(book, at, chance)))
                whole += not rule
                disturbed += not rule and bool(heard)
                _count(result, rule, way, heard)
    return result, whole, disturbed


def _heard(book: Sequence[Leaf]) -> list[str]:
    facts = [
        quality_neighbours.facts(number, text, ink=ink, image_sha256=str(number))
        for number, (text, ink) in enumerate(book, 1)
    ]
    return [finding.rule for _, finding in quality_neighbours.check(facts)]


# --- The second reading -----------------------------------------------------------------------------------------------


KNOWN = ("Latn",)


def second_reading_scores() -> tuple[dict[str, Score], int, int]:
    """Each page invented, halved or another one's in turn; nothing where no engine is installed."""
    name, _ = engines.chosen()
    if not name:
        return {}, 0, 0
    texts = pages()
    with engines.running(name) as engine:
        scans = sorted((ROOT / "books" / "sample").glob("*.jpg"))
        readings = [
            compare.of_reading(plain(engine.read(scan.read_bytes(), "la", 120)), KNOWN) for scan in scans
        ]
    right = [_differ(text, reading) for text, reading in zip(texts, readings, strict=True)]
    score, usual = Score(), usual_of(right)
    disturbed = sum(usual is None or one > usual.limit for one in right)
    for at, reading in enumerate(readings):
        halves = texts[at][: len(texts[at]) // 2], texts[at][len(texts[at]) // 2 :]
        for text in (*(text for one, text in enumerate(texts) if one != at), *halves):
            differs = _differ(text, reading)
            spoilt = usual_of([*right[:at], differs, *right[at + 1 :]])
            score.cases += 1
            score.found += spoilt is not None and differs > spoilt.limit
    score.heard, score.wrong = score.found, disturbed
    return {"second_reading": score}, len(texts), disturbed


def _differ(text: str, reading: compare.Groups) -> float:
    groups, share = compare.of_text(text, KNOWN)
    return compare.disagreement(groups, reading, share) or 0.0


def harmless_scores() -> tuple[int, int]:
    """How many beginnings and ends of people's own there are, and on how many of them a rule was heard."""
    chance = random.Random(SEED)  # noqa: S311  a fixed seed, no secret
    count = disturbed = 0
    for said in bench_wordings.HARMLESS:
        body = prose(chance, 900)
        for text in (f"{said} {body}", f"{said}\n\n{body}", f"{body}\n\n{said}"):
            heard = {finding.rule for finding in quality.check(text, Context(language="en"))}
            count, disturbed = count + 1, disturbed + bool(heard & {"refusal", "preamble"})
    return count, disturbed


def main() -> int:
    """Print the table."""
    parts = [scores(), neighbour_scores(), second_reading_scores()]
    print("| Rule | Spoilt pages | Found | Recall | Found by any rule | Precision | Wrongly heard on |")
    print("|---|---|---|---|---|---|---|")
    for result, _, _ in parts:
        for rule, score in sorted(result.items()):
            others = ", ".join(f"{way} ({count})" for way, count in score.others.most_common(2))
            print(
                f"| `{rule}` | {score.cases} | {score.found} | {score.recall:.1%} "
                f"| {score.heard / max(score.cases, 1):.1%} | {score.precision:.1%} | {others} |"
            )
    whole, disturbed = (sum(part[at] for part in parts) for at in (1, 2))  # type: ignore[misc]
    print(
        f"\nPages and books with nothing wrong: {whole}; rules spoke up on {disturbed} ({disturbed / whole:.1%})."
    )
    count, heard = harmless_scores()
    print(
        f"Beginnings and ends that people might write: {count}; taken for a model's: {heard} ({heard / count:.1%})."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
