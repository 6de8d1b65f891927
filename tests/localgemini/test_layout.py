"""From boxes to lines: the order of reading, whatever the order of discovery."""

from __future__ import annotations

import random

from localgemini.engines.layout import Box, page_text


def box(left: float, top: float, text: str, width: float = 200, height: float = 30) -> Box:
    return Box(left, top, left + width, top + height, text)


def test_it_puts_pieces_of_a_line_side_by_side() -> None:
    boxes = [box(300, 108, "cano"), box(0, 100, "Arma"), box(0, 150, "Troiae"), box(150, 97, "virumque")]
    assert page_text(boxes) == "Arma virumque cano\nTroiae"


def test_it_keeps_lines_that_nearly_touch_apart() -> None:
    assert page_text([box(0, 100, "one"), box(0, 116, "two")]) == "one\ntwo"


def test_it_separates_paragraphs_by_a_wide_gap() -> None:
    boxes = [box(0, top, str(top)) for top in (0, 40, 80, 180, 220)]
    assert page_text(boxes) == "0\n40\n80\n\n180\n220"


def test_it_reads_columns_one_after_the_other_below_a_common_heading() -> None:
    left = [box(0, 100 + 40 * row, f"l{row}", width=300) for row in range(10)]
    right = [box(400, 100 + 40 * row, f"r{row}", width=300) for row in range(10)]
    boxes = [box(100, 20, "HEADING", width=500), *left, *right]
    random.Random(1).shuffle(boxes)
    lines = page_text(boxes).split()
    assert lines == ["HEADING", *(f"l{row}" for row in range(10)), *(f"r{row}" for row in range(10))]


def test_it_does_not_take_broken_verse_lines_for_columns() -> None:
    boxes = [box(0, 40 * row, f"v{row}", width=500) for row in range(20)] + [box(520, 400, "note", width=80)]
    assert page_text(boxes).split()[:3] == ["v0", "v1", "v2"]
    assert "v10 note" in page_text(boxes)


def test_it_finds_no_text_on_a_blank_page() -> None:
    assert page_text([]) == ""
    assert page_text([box(0, 0, "  ".strip())]) == ""
