"""Word differences."""

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from books.diff import Piece, word_diff

TEXTS = st.text(alphabet="ab c\n.,", max_size=120)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_pieces(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.op != "new") == old
    assert "".join(piece.text for piece in pieces if piece.op != "gone") == new
    assert all(one.op != other.op for one, other in itertools.pairwise(pieces))


def test_it_compares_words_not_letters() -> None:
    assert word_diff("arma virumque cano", "arma uirumque cano") == [
        Piece("same", "arma "),
        Piece("gone", "virumque"),
        Piece("new", "uirumque"),
        Piece("same", " cano"),
    ]


def test_texts_that_are_alike_are_one_piece_and_empty_ones_none() -> None:
    assert word_diff("x y", "x y") == [Piece("same", "x y")]
    assert word_diff("", "") == []


def test_two_looping_texts_do_not_keep_a_reader_waiting() -> None:
    started = time.monotonic()
    word_diff("et certe " * 20_000, "certe et non " * 20_000)
    assert time.monotonic() - started < 5
