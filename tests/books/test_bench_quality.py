"""`make bench-quality`: its set is whole, its figures are figures of the rules, and they have not become worse."""

from collections.abc import Callable

import pytest

from scripts import bench_quality

Measured = Callable[[], tuple[dict[str, bench_quality.Score], int, int]]


# Of models' own words as the rules have never met them; `heard` says that other rules find the rest.
UNSEEN = {"refusal": 0.4, "preamble": 0.75}


@pytest.mark.parametrize("measured", [bench_quality.scores, bench_quality.neighbour_scores])
def test_every_rule_finds_most_of_its_pages_and_leaves_the_whole_ones_alone(measured: Measured) -> None:
    result, whole, disturbed = measured()
    assert whole >= 24 and disturbed == 0
    for rule, score in result.items():
        assert score.cases >= 40, rule
        assert score.recall >= UNSEEN.get(rule, 0.9), rule
        assert score.precision >= 0.9, rule
        assert score.heard >= (0.75 if rule == "preamble" else 0.9) * score.cases, rule


def test_people_are_not_taken_for_models() -> None:
    count, disturbed = bench_quality.harmless_scores()
    assert count == 36 and disturbed == 0


def test_a_rule_that_hears_nothing_or_everything_would_show() -> None:
    assert bench_quality.Score(cases=10).recall == 0
    assert bench_quality.Score(cases=10, found=10, wrong=30).precision == 0.25


def test_the_set_is_the_same_every_time() -> None:
    assert [case.text for case in bench_quality.cases()] == [case.text for case in bench_quality.cases()]
