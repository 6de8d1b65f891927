"""`make bench-quality`: its set is whole, its figures are figures of the rules, and they have not become worse."""

from scripts import bench_quality


def test_every_rule_finds_most_of_its_pages_and_leaves_the_whole_ones_alone() -> None:
    result, whole, disturbed = bench_quality.scores()
    assert whole == 24 and disturbed == 0
    for rule, score in result.items():
        assert score.cases >= 48, rule
        assert score.recall >= (0.65 if rule in ("refusal", "preamble") else 0.95), rule
        assert score.precision >= 0.95, rule


def test_a_rule_that_hears_nothing_or_everything_would_show() -> None:
    assert bench_quality.Score(cases=10).recall == 0
    assert bench_quality.Score(cases=10, found=10, wrong=30).precision == 0.25


def test_the_set_is_the_same_every_time() -> None:
    assert [case.text for case in bench_quality.cases()] == [case.text for case in bench_quality.cases()]
