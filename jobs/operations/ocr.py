"""Transcription of page images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from books import markup, quality
from books.languages import name_of
from books.models import Kind, Page
from jobs.operations import prompts
from jobs.operations.answers import judge
from jobs.operations.base import Accepted, Answer, Operation, Order, Refused, Request, Skip
from jobs.operations.gate import passed
from jobs.operations.generation import generation
from jobs.operations.sources import book_block
from jobs.operations.usual import usual_length

# Printed pages have 0.05 and more of it: an answer that calls such a page blank is looked into.
INK_OF_A_FULL_PAGE = 0.03


class Ocr(Operation):
    """Reads a page image and writes Markdown with the tags of `books.markup`."""

    type = "batch_ocr"
    kind = Kind.OCR
    label = _("Transcription (OCR)")
    reads_image = True
    batch_model_setting = "OCR_BATCH_MODEL"
    realtime_model_setting = "OCR_MODEL"
    typical_output_tokens = 1000
    prompt_file = Path(__file__).with_suffix(".md")
    prompt_variables = frozenset({"language", "language_note", "tags", "blank", "unreadable"})

    def skips(self, pages: Sequence[Page], order: Order) -> dict[str, Skip]:
        """Every page that has an image can be read; whether it has one, the image loader finds out."""
        return {}

    def request(self, page: Page, order: Order, prompt: str, escalation: dict[str, Any]) -> Request:
        """The prompt with the notes on the order's language, and the book's details as data. No query is
        made.
        """
        system = prompts.fill(
            prompt,
            {
                "language": name_of(order.language),
                "language_note": prompts.note_on(order.language, "read"),
                "tags": markup.explained(),
                "blank": markup.BLANK,
                "unreadable": markup.UNREADABLE,
            },
        )
        text = f"{book_block(order)}\n\nTranscribe the page in the image."
        return Request(system, text, generation(order.model, escalation, image=True))

    def accept(self, answer: Answer, page: Page, order: Order) -> Accepted:
        """The transcription, or the word that the page is blank."""
        text = judge(answer)
        if _is_alone(text, markup.BLANK):
            return self._blank(answer, page)
        if _is_alone(text, markup.UNREADABLE):
            sentence = "Gemini cannot read anything on this page: look at its image."
            raise Refused("unreadable", sentence, retry=False)
        context = quality.Context(
            kind=Kind.OCR, language=order.language, ink=page.ink,
            book_median_length=usual_length(page.book_id, Kind.OCR),
        )  # fmt: skip
        return Accepted(text, passed(text, context, answer))

    def _blank(self, answer: Answer, page: Page) -> Accepted:
        if page.ink is not None and page.ink >= INK_OF_A_FULL_PAGE:
            sentence = f"Gemini calls this page blank, but {page.ink:.0%} of it is ink: look at its image."
            raise Refused("blank_but_inked", sentence, retry=True, escalation=dict(answer.escalation))
        return Accepted("", blank=True)


def _is_alone(text: str, marker: str) -> bool:
    """Whether a text is nothing but the marker, however it is dressed."""
    return text.strip(" \n`*_.").lower() == marker


OPERATION = Ocr()
