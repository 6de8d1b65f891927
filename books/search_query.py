"""What somebody typed into a search box, taken apart; nothing of it is ever an operator of a database."""

import re
from dataclasses import dataclass
from functools import cached_property

from books.folding import fold, merged

LONGEST_QUERY = 300
MOST_TERMS = 12
_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True)
class Term:
    """Words that must stand beside each other; with `open_end` the last may go on."""

    words: str
    open_end: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """Terms that must all be on a page. `apart` tells u from v and i from j.

    Words in quotation marks stand beside each other, a word with an asterisk at its end may go on; everything
    else that is no letter or digit divides words.
    """

    typed: str
    apart: bool = False

    @cached_property
    def terms(self) -> list[Term]:
        """At most twelve, folded; none if there is no letter or digit in what was typed."""
        found = (_term(*match.groups()) for match in _PART.finditer(self.typed[:LONGEST_QUERY]))
        return list(dict.fromkeys(term for term in found if term.words))[:MOST_TERMS]

    def fts5(self) -> str:
        """For SQLite: phrases in quotation marks, which leave no operators."""
        return " AND ".join(f'"{merged(term.words)}"' + " *" * term.open_end for term in self.terms)

    def tsquery(self) -> str:
        """For PostgreSQL: lexemes in quotation marks beside each other."""
        return " & ".join("(" + " <-> ".join(_lexemes(term)) + ")" for term in self.terms)

    def patterns(self) -> list[str]:
        """A regular expression for each term on folded text, which every database understands."""
        return [_pattern(term, self.apart) for term in self.terms]


def _term(quoted: str | None, bare: str | None) -> Term:
    if bare is None:
        return Term(fold(quoted or ""))
    return Term(fold(bare), open_end=bare.endswith("*"))


def _lexemes(term: Term) -> list[str]:
    words = [f"'{word}'" for word in merged(term.words).split()]
    words[-1] += ":*" * term.open_end
    return words


def _pattern(term: Term, apart: bool) -> str:
    # Nothing but letters, digits and spaces is left of a term, so nothing needs to be escaped.
    words = term.words if apart else re.sub("[uv]", "[uv]", re.sub("[ij]", "[ij]", term.words))
    return f"(^| ){words}" + ("" if term.open_end else "( |$)")
