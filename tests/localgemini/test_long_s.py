"""Long s read as f: mended on Latin pages that have it, left alone everywhere else."""

from __future__ import annotations

import pytest

from localgemini.engines.long_s import repaired

PAGE = (
    "Vtra fed florem rofa iam coalefcit in unum, Quo poteft uno lis cadit illa modo. "
    "Scilicet huic uni fpecies, decor, atque uenuftas, Et color et uirtus, eft utriufque non cum "
)


def mended(word: str) -> str:
    """What becomes of a word on a Latin page with long s."""
    return repaired(PAGE + word).rsplit(" ", 1)[1]


def test_it_mends_a_page() -> None:
    assert repaired(PAGE).startswith("Vtra sed florem rosa iam coalescit in unum, Quo potest uno lis cadit")


@pytest.mark.parametrize(
    ("read", "meant"),
    [("eft", "est"), ("poffit", "possit"), ("effe", "esse"), ("miffa", "missa"), ("fibi", "sibi"),
     ("femper", "semper"), ("confilio", "consilio"), ("præfentem", "præsentem"), ("Eft", "Est"),
     ("ipfius", "ipsius"), ("fpectare", "spectare"), ("fuperbis", "superbis")],
)  # fmt: skip
def test_it_puts_s_where_latin_has_no_f(read: str, meant: str) -> None:
    assert mended(read) == meant


@pytest.mark.parametrize(
    "word",
    ["florem", "fuit", "facile", "fecit", "effecit", "officium", "affectu", "difficile", "afficimur", "infert",
     "conferta", "defuncti", "perficit", "beneficium", "magnificus", "fides", "forma", "felix", "fonte"],
)  # fmt: skip
def test_it_keeps_a_true_f(word: str) -> None:
    assert mended(word) == word


@pytest.mark.parametrize(
    "text",
    [
        "The first of the staff went off after a safe life: if fate befalls the chief, few fear it. " * 3,
        "Der Schiffer fuhr auf offenem Fluss, oft hoffte er auf Luft, darauf lief er fort. " * 3,
        "Le chef offre enfin un effort difficile, et il suffit de la foi du fils. " * 3,
        "Semper fidelis est, qui facit officium; sunt enim cum magistris suis fratres, ut fama fert. " * 3,
    ],
)
def test_it_leaves_pages_alone_that_are_not_latin_or_have_their_s(text: str) -> None:
    assert repaired(text) == text
