"""The quality gate between an answer and the page: the worst findings send the page round again
(I23-I25).
"""

from books import quality
from books.quality import Finding
from jobs.operations.answers import WARMER
from jobs.operations.base import Answer, Refused


def passed(text: str, context: quality.Context, answer: Answer) -> list[dict[str, str]]:
    """The flags of a text good enough to keep. Raises Refused for the worst.

    A doubt that is not certain fails a text once: the page may really be so. When it comes back the same,
    the text is kept and flagged for a person to look at.
    """
    findings = quality.check(text, context)
    for found in findings:
        if found.severity == "fail" and not _doubted_before(found, answer):
            raise Refused(found.rule, found.reason, retry=True, escalation=_next_try(found, answer))
    return [found.flag for found in findings]


def _doubted_before(found: Finding, answer: Answer) -> bool:
    return not found.certain and answer.escalation.get("doubted") == found.rule


def _next_try(found: Finding, answer: Answer) -> dict[str, object]:
    """The same temperature would mostly give the same text again."""
    return {**answer.escalation, "temperature": WARMER, "doubted": found.rule}
