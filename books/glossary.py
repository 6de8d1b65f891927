"""A book's glossary: its terms and how each is to be rendered in a language.

Terms and texts are compared folded, as in a search: case, accents, old letters and divided words do not matter. Of a
long glossary only what occurs on a page goes with it, and a text keeps a digest of just that, so a new term makes
those pages old on which it stands, and no others.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from books import quality
from books.folding import fold, merged, readable
from books.models import Book, GlossaryTerm, Kind, PageText, Source
from sourcebatch.lib.db import atomic, in_chunks, repeated

MOST_TERMS = 2000  # of one book in one language
MOST_ON_A_PAGE = 60
MOST_CHARACTERS = 4000  # that go with one page
LONGEST = {"term": 200, "rendering": 400, "note": 400}
CHUNK = 200
SHOWN = 5
HEADINGS = {"term", "source", "begriff", "terme"}


class GlossaryError(ValueError):
    """Terms that cannot be kept; one sentence says which and why."""


@dataclass(frozen=True)
class Term:
    """A term of the original and its rendering. A `*` at the term's end stands for any ending, `|` between
    renderings for *or*.
    """

    term: str
    rendering: str
    note: str = ""

    @property
    def folded(self) -> str:
        """As it is looked for, with a space in front and, unless any ending will do, one behind."""
        words = merged(fold(self.term))
        return f" {words}" if self.term.endswith("*") else f" {words} "

    @property
    def line(self) -> str:
        """As people write it and a model reads it."""
        return " = ".join(filter(None, (self.term, self.rendering, self.note)))


# --- Kept with the book ----------------------------------------------------------------------------------------------


def terms_of(book_id: str, target_language: str) -> tuple[Term, ...]:
    """All terms of a book for one language, in the order in which they were written."""
    rows = GlossaryTerm.objects.filter(book=book_id, target_language=target_language).order_by("number")
    return tuple(Term(*row) for row in rows.values_list("term", "rendering", "note"))


def languages_of(book: Book) -> list[str]:
    """The languages that the book has terms for, by code."""
    rows = GlossaryTerm.objects.filter(book=book).order_by("target_language")
    return list(rows.values_list("target_language", flat=True).distinct())


def replace(book: Book, target_language: str, terms: Iterable[Term], *, by: str) -> tuple[Term, ...]:
    """Keep these terms instead of those that the book had for the language. Raises GlossaryError."""
    checked = check(terms)
    rows = [
        GlossaryTerm(
            book=book, target_language=target_language, number=number, created_by=by,
            term=one.term, rendering=one.rendering, note=one.note,
        )
        for number, one in enumerate(checked, 1)
    ]  # fmt: skip

    def attempt() -> None:
        with atomic():
            GlossaryTerm.objects.filter(book=book, target_language=target_language).delete()
            GlossaryTerm.objects.bulk_create(rows)

    repeated(attempt)
    return checked


def check(terms: Iterable[Term]) -> tuple[Term, ...]:
    """The terms tidied, those that say the same twice once. Raises GlossaryError with the number of the first
    that cannot be kept.
    """
    found: dict[str, Term] = {}
    for number, given in enumerate(terms, 1):
        term = _checked(given, number)
        if found.setdefault(term.folded, term).rendering != term.rendering:
            raise GlossaryError(
                f"Entry {number}: “{term.term}” has another rendering above; join them with | where both will do."
            )
        if len(found) > MOST_TERMS:
            raise GlossaryError(f"A glossary may have {MOST_TERMS:,} terms: leave some out.")
    return tuple(found.values())


def _checked(given: Term, number: int) -> Term:
    tidy = {name: " ".join(getattr(given, name).split()) for name in LONGEST}
    for name, most in LONGEST.items():
        if len(tidy[name]) > most:
            raise GlossaryError(f"Entry {number}: the {name} is longer than {most} characters.")
    for name in ("term", "rendering"):
        if not fold(tidy[name]):
            raise GlossaryError(f"Entry {number}: the {name} has no letters; write “term = rendering”.")
    return Term(**tidy)


def digest(terms: Sequence[Term]) -> str:
    """16 hexadecimal digits that change with the terms; empty for none."""
    if not terms:
        return ""
    told = "\n".join("\t".join((one.term, one.rendering, one.note)) for one in terms)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


# --- Read from a table -----------------------------------------------------------------------------------------------


def parse(text: str) -> Iterator[Term]:
    """Terms as people paste them: a line each, `term = rendering = note`, or as a table with tabs, semicolons or
    commas, with or without a line of headings. Raises GlossaryError.
    """
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in _cells(line)]
        if len(cells) < 2:
            raise GlossaryError(
                f"Line {number}: “{line.strip()[:60]}” has no rendering; write “term = rendering”."
            )
        if number == 1 and cells[0].casefold() in HEADINGS:
            continue
        yield Term(cells[0], cells[1], " ".join(cells[2:]).strip())


def _cells(line: str) -> list[str]:
    if "\t" in line:
        return line.split("\t")
    if " = " in line:
        return line.split(" = ", 2)
    try:
        rows = [next(csv.reader([line], delimiter=sign, skipinitialspace=True)) for sign in ";,"]
    except csv.Error as error:
        raise GlossaryError(f"“{line.strip()[:60]}” is no line of a table: {error}.") from None
    # Whichever comes first divides the line; the other is part of what is written there.
    return min(rows, key=lambda row: (len(row) < 2, len(row[0])))


# --- On a page -------------------------------------------------------------------------------------------------------


def occurring(terms: Sequence[Term], text: str) -> tuple[Term, ...]:
    """Those terms that stand in a text, in their order there, as many as may go with one page."""
    if not terms:
        return ()
    folded = f" {merged(fold(readable(text)))} "
    places = [(folded.find(one.folded), -len(one.folded), one) for one in terms]
    found = [one for place, _, one in sorted(places, key=lambda each: each[:2]) if place >= 0]
    return tuple(_bounded(found))


def _bounded(terms: Sequence[Term]) -> Iterator[Term]:
    left = MOST_CHARACTERS
    for term in terms[:MOST_ON_A_PAGE]:
        left -= len(term.line) + 1
        if left < 0:
            return
        yield term


def finding(terms: Sequence[Term], translation: str) -> quality.Finding | None:
    """What a translation does not render as the glossary wants it, given the terms of its page."""
    if translation.startswith(quality.NOTICE):
        return None
    words = fold(readable(translation)).split()
    missing = [one for one in terms if not any(_says(words, each) for each in one.rendering.split("|"))]
    if not missing:
        return None
    named = "; ".join(f"“{one.term}” → “{one.rendering}”" for one in missing[:SHOWN])
    more = f"; … (+{len(missing) - SHOWN})" if len(missing) > SHOWN else ""
    return quality.Finding(
        "glossary", "flag", f"Terms that should be rendered as the glossary says: {named}{more}."
    )


def _says(words: Sequence[str], rendering: str) -> bool:
    """Whether these words, in whatever inflection, stand somewhere among the text's words."""
    wanted = fold(rendering).split()
    return any(
        all(_same(have, want) for have, want in zip(words[at : at + len(wanted)], wanted, strict=True))
        for at in range(len(words) - len(wanted) + 1)
    )


def _same(have: str, want: str) -> bool:
    """The same word, but for its ending: `faculties` for `faculty`."""
    if have == want:
        return True
    stem = want[:-2] if len(want) >= 6 else want
    return len(want) >= 3 and have.startswith(stem) and len(have) <= len(want) + 4


# --- Made with an older one ------------------------------------------------------------------------------------------


def outdated(book_id: str, target_language: str) -> list[str]:
    """Ids of the pages whose translation by a machine was made with other terms than it would be made with now."""
    terms = terms_of(book_id, target_language)
    made = PageText.objects.current().filter(
        page__book=book_id, page__hidden=False, kind=Kind.TRANSLATION, target_language=target_language,
        source=Source.MACHINE,
    )  # fmt: skip
    if not terms:
        return list(made.exclude(glossary="").order_by("page__number").values_list("page_id", flat=True))
    used = dict(made.order_by("page__number").values_list("page_id", "glossary"))
    return [
        pk
        for some in in_chunks(used, CHUNK)
        for pk, source in _in_order(some)
        if digest(occurring(terms, source)) != used[pk]
    ]


def _in_order(page_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Ids and present transcriptions of these pages; pages without one are left out."""
    rows = PageText.objects.current().filter(page__in=page_ids, kind=Kind.OCR).order_by()
    found = dict(rows.values_list("page_id", "data"))
    return ((pk, found[pk]) for pk in page_ids if pk in found)
