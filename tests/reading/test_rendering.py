"""Texts become safe HTML that says what its tags mean."""

import time

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from books.markup import TAGS
from books.rendering import LABELS, direction, render, render_note


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![x](https://tracker.example/x.png)",
        "<https://evil.example>",
        "[[margin: <b onclick=alert(1)>x</b>]]",
        "```\n</code></pre><script>alert(1)</script>\n```",
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_i55_what_a_model_wrote_is_text_and_never_code(attack: str) -> None:
    html = render(attack)
    for forbidden in ("<script", "<img", "<a ", "<b ", "onerror=alert(1)>x", "href"):
        assert forbidden not in html


@given(st.text(alphabet="<>&\"'[]():*_`#|-\n! abcmargin:unclear=/", max_size=200))
def test_it_lets_no_element_through_that_it_does_not_know(text: str) -> None:
    html = render(text)
    for piece in html.split("<")[1:]:
        name = piece.lstrip("/").split(">")[0].split(" ")[0]
        assert name in {
            "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "span", "table",
            "thead", "tbody", "tr", "th", "td", "h3", "h4", "h5", "h6",
        }  # fmt: skip


def test_it_says_what_a_tag_means() -> None:
    html = render("Arma [[unclear: virumque]] cano [[margin: Nota **bene** [[unclear: hoc]]]]")
    assert '<span class="tag tag-unclear" title="Unclear">' in html
    assert "Nota <strong>bene</strong>" in html
    assert html.count("tag-unclear") == 2
    assert "[[" not in html


def test_it_names_tags_in_the_readers_language_and_marks_them_so() -> None:
    with translation.override("de"):
        assert 'lang="de"' in render("[[margin: x]]")


def test_every_tag_of_the_set_has_a_label() -> None:
    assert set(TAGS) | {"blank", "unreadable"} == set(LABELS)


@pytest.mark.parametrize("text", ["[[margin: open", "[[nothing: x]]", "[[margin]]", "a ]] b"])
def test_what_is_no_tag_stays_as_it_was_written(text: str) -> None:
    assert text in render(text)


def test_it_keeps_the_lines_of_a_page_and_takes_indented_verse_for_verse() -> None:
    assert render("    Arma virumque\n    cano") == "<p>Arma virumque<br>\ncano</p>\n"


def test_headings_of_a_text_stand_below_those_of_the_room() -> None:
    assert render("# Liber I\n\n###### note") == "<h3>Liber I</h3>\n<h6>note</h6>\n"


def test_a_looping_text_does_not_take_long() -> None:
    started = time.monotonic()
    render("[[margin: " * 5000)
    render("*_[[" * 10_000)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("language", "expected"),
    [("la", "ltr"), ("he", "rtl"), ("ar", "rtl"), ("fa", "rtl"), ("yi", "rtl"), ("", "auto"), ("!!", "auto")],
)
def test_it_knows_in_which_direction_a_language_is_read(language: str, expected: str) -> None:
    assert direction(language) == expected


def test_a_librarys_own_words_keep_their_links_and_nothing_else() -> None:
    html = render_note(
        'By <a href="https://nls.uk" onclick="x">NLS</a><script>1</script><a href="javascript:1">x</a>'
    )
    assert 'href="https://nls.uk"' in html
    assert "onclick" not in html and "<script" not in html and "javascript" not in html
