"""Stored sentences in the reader's language, and the promise that all that are made are known."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

from books.sentences import STORED as OF_BOOKS
from jobs.sentences import STORED as OF_JOBS
from sourcebatch.lib.sentences import is_known, shown

ROOT = Path(__file__).resolve().parents[2]
# Whose sentences people meet on screens: flags, reasons in ledgers, what jobs wait for, answers to verbs.
MADE_IN = (
    "books/glossary.py", "books/quality.py", "books/quality_neighbours.py", "books/texts.py",
    "books/images/load.py", "books/images/decode.py", "books/images/ladder.py",
    "jobs/operations/answers.py", "jobs/operations/ocr.py", "jobs/operations/translate.py",
    "jobs/lifecycle/cancel.py", "jobs/lifecycle/collect.py", "jobs/lifecycle/finish.py", "jobs/lifecycle/pause.py",
    "jobs/lifecycle/poll.py", "jobs/lifecycle/prepare.py", "jobs/lifecycle/reset.py", "jobs/lifecycle/retry.py",
    "jobs/lifecycle/seize.py", "jobs/lifecycle/spending.py",
)  # fmt: skip
# Never shown but in English: logs of the worker, the API's own errors, questions to a model.
ENGLISH = re.compile(
    r"line is not JSON|answer has no key|page has this key|key is of another job|in another batch now|same key twice"
    r"|page has its end already|The text is empty: there is nothing|[Ii]s not \"\"|became current|become current"
    r"|Translate the page_text|overwrite must be|only a job that is under way can be paused|only a paused job can be"
    r"|there is nothing to cancel|context_glossary"
    # Whose variants are told one by one, for languages in which more than a word changes.
    r"|leaves no room|limit for a 7 is 0|translation is too 7|answered with 7|Entry 7: the 7"
)


@pytest.mark.parametrize("path", MADE_IN)
def test_every_sentence_that_is_made_is_known(path: str) -> None:
    """A new one goes into books/sentences.py or jobs/sentences.py, with German and French in locale/."""
    made = [one for one in sentences(ROOT / path) if not ENGLISH.search(one)]
    assert [one for one in made if not is_known(one)] == []


def sentences(path: Path) -> Iterator[str]:
    """String constants that are whole sentences, but for docstrings and the arguments of loggers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = {id(inner) for node in ast.walk(tree) for inner in ast.walk(node) if _is_no_sentence(node)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        said = _said(node)
        if said and re.fullmatch(r"[A-Z7“].{15,}[.!]", said) and " " in said:
            yield said


def _is_no_sentence(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.JoinedStr):
        return False
    function = node.func if isinstance(node, ast.Call) else None
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "logger"


def _said(node: ast.AST) -> str:
    """The sentence, with 7 in the place of every value; nothing for parts of an f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return ""


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_known_sentence_has_a_translation(language: str) -> None:
    with override(language):
        samples = {
            template: re.sub(r"%\(\w+\)s", "7", template).replace("%%", "%")
            for template in OF_BOOKS + OF_JOBS
        }
        same = [template for template, sample in samples.items() if shown(sample) == sample]
    assert same in ([], ["visible"])  # which is French


def test_values_come_through_and_nested_sentences_are_translated_too() -> None:
    with override("de"):
        assert shown("No page could be prepared: The page is hidden.").endswith("Die Seite ist verborgen.")
        said = shown("Finished: Batch job completed: 2 succeeded, 1 failed")
        assert "2" in said and "1" in said and "succeeded" not in said


def test_a_text_of_several_sentences_is_translated_one_by_one() -> None:
    with override("de"):
        said = shown("The job was cancelled; 3 of its pages had no answer yet. Gemini was asked to stop.")
    assert "Gemini was" not in said and "cancelled" not in said


def test_what_nobody_knows_stays_as_it_is() -> None:
    with override("de"):
        assert shown("Something else went wrong.") == "Something else went wrong."
    with override("en"):
        assert shown("The page is hidden.") == "The page is hidden."


def test_a_percent_sign_is_itself() -> None:
    with override("fr"):
        assert "0.12 %" in shown("The page looks blank (0.12 % ink).")
