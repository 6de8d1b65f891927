"""Translation of transcribed pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from books import glossary, markup, quality
from books.glossary import Term
from books.languages import name_of
from books.models import Kind, Page, PageText
from books.texts import text_hash
from jobs.operations import prompts
from jobs.operations.answers import judge
from jobs.operations.base import Accepted, Answer, Operation, Order, Refused, Request, Skip
from jobs.operations.gate import passed
from jobs.operations.generation import generation
from jobs.operations.sources import EMPTY, Source, book_block, look_up, loops, source_of
from jobs.operations.usual import usual_length, usual_ratio
from sourcebatch.lib.db import in_chunks

NO_SOURCE = Skip("no_source", "The page has no transcription to translate: transcribe it first.")
LOOPING = Skip(
    "bad_source", "The page's transcription repeats itself: transcribe it again or correct it first."
)
BLANK = Skip("bad_source", "The page is marked as blank: there is nothing to translate.")
# Said beside the terms and not in the prompt: prompts that people wrote before there were glossaries follow them too.
FOLLOW_GLOSSARY = (
    "The context_glossary block says how terms of this book are rendered, a line each: term = rendering, with | "
    "between renderings of which the sense decides, * for any ending of the term, and perhaps a remark. Use these "
    "renderings wherever the terms stand in the page, inflected as the sentence needs."
)
# Fewer than what SQLite and MongoDB take in one query.
IDS_IN_A_QUERY = 10_000
_GLOSSARY = "_glossary_looked_up"  # where a page object keeps the language and its terms


class Translate(Operation):
    """Reads a page's transcription, with the edges of its neighbours, and writes it in another language."""

    type = "batch_translate"
    kind = Kind.TRANSLATION
    label = _("Translation")
    reads_image = False
    batch_model_setting = "TRANSLATE_BATCH_MODEL"
    realtime_model_setting = "TRANSLATE_MODEL"
    typical_output_tokens = 900
    prompt_file = Path(__file__).with_suffix(".md")
    prompt_variables = frozenset({"source_language", "target_language", "language_note", "tags"})

    def target_of(self, order: Order) -> str:
        """The language that the order asks for, else the installation's."""
        return order.target_language or str(settings.TARGET_LANGUAGE)

    def skips(self, pages: Sequence[Page], order: Order) -> dict[str, Skip]:
        """Pages without a transcription, with a looping one, or blank (I25); one query for each 10,000
        pages.
        """
        sources = _sources([page.pk for page in pages])
        found = {page.pk: _skip(page, sources.get(page.pk)) for page in pages}
        return {pk: skip for pk, skip in found.items() if skip}

    def look_up(self, pages: Sequence[Page], order: Order) -> None:
        """The transcriptions of all these pages and of their neighbours, and the book's glossary, in three queries."""
        if pages:
            look_up(pages)
            target = self.target_of(order)
            terms = glossary.terms_of(pages[0].book_id, target)
            for page in pages:
                vars(page)[_GLOSSARY] = (target, terms)

    def request(self, page: Page, order: Order, prompt: str, escalation: dict[str, Any]) -> Request:
        """The page's transcription between marks, with its context and its terms of the glossary, in three queries."""
        source = source_of(page)
        if source is None:
            raise Refused(NO_SOURCE.reason, NO_SOURCE.sentence, retry=False)
        terms = _terms(page, source.text, self.target_of(order))
        return self._request(source, order, prompt, escalation, terms)

    def request_for_text(self, text: str, order: Order, prompt: str) -> Request:
        """The request for a text that belongs to no page."""
        if not text.strip():
            raise Refused("no_source", "The text is empty: there is nothing to translate.", retry=False)
        return self._request(Source(text, text_hash(text)), order, prompt, {})

    def _request(
        self,
        source: Source,
        order: Order,
        prompt: str,
        escalation: dict[str, Any],
        terms: Sequence[Term] = (),
    ) -> Request:
        system = prompts.fill(
            prompt,
            {
                "source_language": name_of(order.language) if order.language else "its own language",
                "target_language": name_of(self.target_of(order)),
                "language_note": prompts.note_on(order.language, "translate"),
                "tags": markup.explained(),
            },
        )
        config = generation(order.model, escalation, image=False)
        message = _message(source, order, terms)
        return Request(system, message, config, source.sha256, glossary.digest(terms))

    def accept(self, answer: Answer, page: Page, order: Order) -> Accepted:
        """The translation, measured against the page's present transcription and glossary."""
        source = source_of(page)
        target = self.target_of(order)
        context = quality.Context(
            kind=Kind.TRANSLATION, language=order.language, target_language=target,
            source_text=source.text if source else "",
            book_median_length=usual_length(page.book_id, Kind.TRANSLATION, target),
            usual_ratio=usual_ratio(page.book_id, target),
        )  # fmt: skip
        return self._accept(answer, context, _terms(page, context.source_text, target))

    def accept_for_text(self, answer: Answer, text: str, order: Order) -> Accepted:
        """The translation of a text that belongs to no page."""
        context = quality.Context(
            kind=Kind.TRANSLATION, language=order.language, target_language=self.target_of(order),
            source_text=text,
        )  # fmt: skip
        return self._accept(answer, context)

    def _accept(self, answer: Answer, context: quality.Context, terms: Sequence[Term] = ()) -> Accepted:
        text = judge(answer)
        flags = passed(text, context, answer)
        found = glossary.finding(terms, text)
        return Accepted(text, [*flags, found.flag] if found else flags)


def _terms(page: Page, source: str, target: str) -> tuple[Term, ...]:
    """The terms of the book's glossary that stand on the page; no query after `look_up`."""
    known, terms = vars(page).get(_GLOSSARY, ("", ()))
    return glossary.occurring(terms if known == target else glossary.terms_of(page.book_id, target), source)


def _message(source: Source, order: Order, terms: Sequence[Term] = ()) -> str:
    """The blocks of a request; the page comes last, so that what precedes it may be shared between
    requests.
    """
    parts = [book_block(order)]
    for name, text in (
        ("context_before", source.before),
        ("context_after", source.after),
        ("context_glossary", "\n".join(one.line for one in terms)),
        ("page_text", source.text),
    ):
        if text:
            parts.append(prompts.block(name, text_hash(text), text))
    parts.append("Translate the page_text block.")
    if terms:
        parts.append(FOLLOW_GLOSSARY)
    return "\n\n".join(parts)


def _sources(ids: Sequence[str]) -> dict[str, tuple[str, list[dict[str, str]]]]:
    """Hash and flags of the current transcription of each page, without its text."""
    found = {}
    for some in in_chunks(ids, IDS_IN_A_QUERY):
        rows = PageText.objects.filter(page_id__in=some, kind=Kind.OCR, is_current=True).order_by()
        for page_id, sha256, flags in rows.values_list("page_id", "text_sha256", "flags"):
            found[page_id] = (sha256, flags)
    return found


def _skip(page: Page, source: tuple[str, list[dict[str, str]]] | None) -> Skip | None:
    if page.blank:
        return BLANK
    if source is None or source[0] == EMPTY:
        return NO_SOURCE
    return LOOPING if loops(source[1]) else None


OPERATION = Translate()
