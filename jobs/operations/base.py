"""What a kind of work is: one module with an `Operation`, one prompt file beside it.

A new operation needs nothing else: API type, admin action, schedule, estimate and export follow from the
registry. Operations read books and texts; they know nothing of jobs' rows, of Gemini's client or of money.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from django_stubs_ext import StrPromise

from books.models import Page


@dataclass(frozen=True)
class Order:
    """What one job (or one realtime call) asks for every page of it."""

    type: str
    book_id: str = ""
    book_title: str = ""
    author: str = ""
    year: int | None = None
    language: str = ""
    target_language: str = ""
    model: str = ""
    overwrite: str = ""


@dataclass(frozen=True)
class Skip:
    """Why a page is not worth sending: a short code for filters and one sentence for people."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class Request:
    """One request to a model, before it becomes a line of a batch file.

    `generation` is Gemini's generationConfig in its REST spelling; `source_sha256` is the hash of the text
    that the request was made from (empty when it was made from the image), `glossary` the digest of the
    glossary's terms in it.
    """

    system: str
    text: str
    generation: dict[str, Any]
    source_sha256: str = ""
    glossary: str = ""


@dataclass(frozen=True)
class Usage:
    """Tokens as Gemini counted them; thinking tokens are paid as output and not contained in `output`."""

    input: int = 0
    output: int = 0
    thinking: int = 0


@dataclass(frozen=True)
class Answer:
    """One answer of Gemini, whichever way it came: file, inline or realtime.

    `escalation` is what this attempt changed already (the ledger knows it): nothing is raised twice.
    """

    key: str = ""
    text: str = ""
    finish_reason: str = ""
    block_reason: str = ""
    usage: Usage = Usage()
    error_code: int | None = None
    error_message: str = ""
    raw: str = ""
    escalation: dict[str, Any] = field(default_factory=dict)
    model_version: str = ""
    """What made it by its own account (Gemini's `modelVersion`); empty where an answer does not say."""


@dataclass(frozen=True)
class Accepted:
    """A text good enough to be stored. Each flag is `{"rule": code, "reason": sentence}`; blank marks a
    blank page.
    """

    text: str
    flags: list[dict[str, str]] = field(default_factory=list)
    blank: bool = False


class Refused(Exception):
    """An answer that is no text to keep. `retry` says whether another attempt may help, `escalation` what
    it changes: `{"max_output_tokens": int}`, `{"temperature": float}` or nothing."""

    def __init__(
        self, reason: str, sentence: str, *, retry: bool, escalation: dict[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.retry = retry
        self.escalation = escalation or {}


class Operation(ABC):
    """One kind of work on pages."""

    type: ClassVar[str]
    """The job's type in the API, such as `batch_ocr`."""
    kind: ClassVar[str]
    """The kind of PageText it writes."""
    label: ClassVar[str | StrPromise]
    reads_image: ClassVar[bool]
    """Whether a page image goes with each request."""
    batch_model_setting: ClassVar[str]
    realtime_model_setting: ClassVar[str]
    typical_output_tokens: ClassVar[int]
    """Output tokens of an ordinary page, for estimates before there is experience."""
    prompt_file: ClassVar[Path]
    prompt_variables: ClassVar[frozenset[str]] = frozenset()
    """The `$variables` that a prompt of this operation may use."""

    def target_of(self, order: Order) -> str:
        """The `target_language` under which its texts are stored: empty unless it translates."""
        return ""

    def check_prompt(self, prompt: str) -> None:
        """Raises ValueError with a sentence when a prompt cannot be used; ask before saving one."""
        from jobs.operations import prompts

        prompts.check(prompt, set(self.prompt_variables))

    @abstractmethod
    def skips(self, pages: Sequence[Page], order: Order) -> dict[str, Skip]:
        """By page id, the pages this operation cannot or should not work on, in a fixed number of queries.

        Pages that have the text already, are blank, hidden or in a live job are not its business.
        """

    def look_up(self, pages: Sequence[Page], order: Order) -> None:  # noqa: B027
        """Read at once what `request` and `accept` will want to know of these pages of one book, and keep it with
        them. Both work without it, at the price of queries for every page.
        """

    @abstractmethod
    def request(self, page: Page, order: Order, prompt: str, escalation: dict[str, Any]) -> Request:
        """The request for one page. `prompt` is the text of the prompt version in use.

        Raises Refused when the page turns out not to be workable (its source text vanished, say).
        """

    @abstractmethod
    def accept(self, answer: Answer, page: Page, order: Order) -> Accepted:
        """Judge an answer: the cleaned text with its flags. Raises Refused for everything that is no
        success.
        """

    def request_for_text(self, text: str, order: Order, prompt: str) -> Request:
        """The request for a text that belongs to no page (realtime only). Raises Refused where there is
        none.
        """
        raise Refused("needs_image", "This operation works on page images: give a page.", retry=False)

    def accept_for_text(self, answer: Answer, text: str, order: Order) -> Accepted:
        """Judge the answer to `request_for_text`."""
        raise Refused("needs_image", "This operation works on page images: give a page.", retry=False)


def line_request(request: Request) -> dict[str, Any]:
    """The REST `GenerateContentRequest` without its image part, which is put in front of the text when
    sent.
    """
    return {
        "systemInstruction": {"parts": [{"text": request.system}]},
        "contents": [{"role": "user", "parts": [{"text": request.text}]}],
        "generationConfig": request.generation,
    }


__all__ = [
    "Accepted", "Answer", "Operation", "Order", "Refused", "Request", "Skip", "Usage", "line_request",
]  # fmt: skip
