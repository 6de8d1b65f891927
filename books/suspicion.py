"""How suspicious a text is by its flags."""

from collections.abc import Iterable
from typing import Any

# Points of a flag by its rule, from what makes a page useless to what may well be right; others count ORDINARY.
# What they add up to is kept on the pages: `recount` brings it up to date when one of these is changed.
WEIGHTS = {
    "not_translated": 10, "loop": 10, "refusal": 10, "copied": 8, "truncated": 8, "length_ratio": 6, "too_long": 6,
    "more_than_the_ink": 6, "same_image": 6, "untranslated": 5, "wrong_script": 5, "placeholder": 5,
    "wrong_language": 4, "stray_marker": 2, "preamble": 2, "broken_tags": 1,
}  # fmt: skip
ORDINARY = 3


def points_of(flags: Iterable[dict[str, Any]]) -> int:
    """How suspicious a text is by its flags that nobody has dismissed."""
    return sum(WEIGHTS.get(flag.get("rule", ""), ORDINARY) for flag in flags if "dismissed_by" not in flag)
