"""The closed set of tags: read with any nesting, reported when broken, taken off for plain text."""

from pathlib import Path

import pytest

from books import markup
from books.markup import Tagged, parse

DOCS = Path(__file__).parents[2] / "docs" / "tags.md"


def test_tags_are_read_in_order_and_inside_each_other() -> None:
    margin = Tagged("margin", ["vide ", Tagged("unclear", ["Plinium"]), " l. 3"])
    assert parse("unum\n[[margin: vide [[unclear: Plinium]] l. 3]]\nduo") == ["unum\n", margin, "\nduo"]
    assert margin.text == "vide Plinium l. 3"


@pytest.mark.parametrize("text", ["[[footnote: x]] y", "x ]] y", "[[margin: x", "[[blank]]", "[[ ]]", ""])
def test_what_is_no_tag_stays_text(text: str) -> None:
    assert "".join(str(piece) for piece in parse(text)) == text


def test_a_strange_tag_does_not_close_the_one_around_it() -> None:
    assert parse("[[margin: a [[foo: b]] c]]") == [Tagged("margin", ["a [[foo: b]] c"])]


def test_an_unclosed_tag_lets_go_of_what_is_in_it() -> None:
    assert parse("a [[margin: b [[gap: 2]] c") == ["a [[margin: b ", Tagged("gap", ["2"]), " c"]


def test_thousands_of_open_tags_are_no_burden() -> None:
    text = "[[margin: " * 20_000 + "]]" * 20_000
    assert markup.plain(text) and markup.broken(text) == []
    assert len(markup.broken("[[margin: " * 20_000)) == 20_000


def test_plain_text_has_neither_tags_nor_the_printers_marks() -> None:
    text = (
        "[[page-num: 17]]\nunum [[unclear: duo]]\n[[margin: nota]]\n[[signature: A ii]] [[catchword: tria]]"
    )
    assert markup.plain(text).split() == ["unum", "duo", "nota"]
    assert markup.plain(text, without=()).split() == ["17", "unum", "duo", "nota", "A", "ii", "tria"]


def test_the_documentation_and_the_prompt_tell_of_every_tag() -> None:
    documented = DOCS.read_text(encoding="utf-8")
    for tag in markup.TAGS.values():
        assert f"`[[{tag.name}: ...]]`" in documented and tag.meaning in documented
        assert f"`[[{tag.name}: ...]]` {tag.meaning}" in markup.explained()
    assert markup.BLANK in documented and markup.UNREADABLE in documented
