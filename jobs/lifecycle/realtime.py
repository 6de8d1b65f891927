"""One page now, at realtime price: the same operations, prompts, judgement and books as in a batch."""

import base64
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings

from books import images, languages, texts
from books.models import Book, Page, Source
from books.texts import storable
from jobs import gemini, prices
from jobs.lifecycle import spending
from jobs.lifecycle.common import Actor, BadOrder, Conflict, LifecycleError, Unavailable
from jobs.lifecycle.create import operation_named
from jobs.lifecycle.prompts import prompt_in_use
from jobs.models import Job, JobPage, PaidCall, PromptVersion
from jobs.operations import answers, operations
from jobs.operations.base import Accepted, Answer, Operation, Order, Refused, Request, Usage, line_request
from sourcebatch.lib.db import atomic, repeated


@dataclass(frozen=True)
class RealtimeResult:
    """The text of one page with what it cost; `cost_usd` is None when the model's price is unknown."""

    page_id: str
    text: str
    model: str
    usage: Usage
    cost_usd: Decimal | None
    saved: bool
    warnings: list[str] = field(default_factory=list)


class NoText(LifecycleError):
    """Gemini answered, but not with a text to keep (422)."""


@dataclass
class _Call:
    """One realtime call on its way."""

    work: Operation
    order: Order
    page: Page
    warnings: list[str]
    prompt: PromptVersion
    image: images.PageImage | None = None
    request: Request | None = None
    saves: bool = False
    # Two calls at once for the same work on the same page are a double click: the second is refused.
    once: bool = False


def process_now(
    type_: str, *, page_id: str = "", image_url: str = "", text: str = "", language: str = "",
    target_language: str = "", model: str = "", save: bool = True, overwrite: str = "", actor: Actor,
) -> RealtimeResult:  # fmt: skip
    """Read or translate one page (or one image address, or one text) at once.

    Raises BadOrder, Conflict, SpendingLimit, NoText, and Unavailable when Gemini or the image's host fails for now.
    """
    work = operation_named(type_)
    page = _page(work, page_id, image_url, text)
    target_language = _language("target_language", target_language)
    if save and page_id:
        _refuse_to_replace(work, page, target_language, overwrite)
    call = _prepared(work, page, page_id, text, language, target_language, model, overwrite)
    call.saves, call.once = save and bool(page_id), bool(page_id)
    answer, cost = _call(call, actor)
    try:
        accepted = (
            work.accept_for_text(answer, text, call.order) if text else work.accept(answer, page, call.order)
        )
    except Refused as refused:
        raise NoText(refused.sentence, reason=refused.reason) from None
    saved = bool(call.saves and _saved(call, answer, accepted, cost, overwrite, actor))
    return RealtimeResult(
        page_id=page_id, text=accepted.text, model=answer.model_version or call.order.model, usage=answer.usage,
        cost_usd=None if cost is None else Decimal(cost) / 1_000_000, saved=saved,
        warnings=[*call.warnings, *(flag["reason"] for flag in accepted.flags)],
    )  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """What a prompt made of a page without saving it: a text, or why it would not be kept. Costs in micro-dollars."""

    text: str
    refused: str
    flags: list[dict[str, str]]
    model: str
    usage: Usage
    cost_micro_usd: int | None


def attempt(
    type_: str, page_id: str, prompt: PromptVersion, *, target_language: str = "", model: str = "", actor: Actor
) -> Attempt:  # fmt: skip
    """Read or translate one page with this version of a prompt, at realtime price, and save nothing.

    Raises what `process_now` raises, but for an answer that is refused: that is a result too, and was paid.
    """
    work = operation_named(type_)
    page = _page(work, page_id, "", "")
    call = _prepared(work, page, page_id, "", "", target_language, model, "", prompt)
    answer, cost = _call(call, actor)
    text, refused, flags = answer.text, "", []
    try:
        accepted = work.accept(answer, page, call.order)
        text, flags = accepted.text, accepted.flags
    except Refused as error:
        refused = error.sentence
    made_by = answer.model_version or call.order.model
    return Attempt(storable(text), refused, flags, made_by, answer.usage, cost)


def estimate_now(type_: str, page: Page) -> Decimal | None:
    """What processing this page now would about cost, in dollars; None when the price is unknown."""
    work = operation_named(type_)
    model, _ = prices.resolve_model(getattr(settings, work.realtime_model_setting))
    order = Order(
        type=type_, language=page.book.language, target_language=page.book.target_language, model=model
    )
    return prices.estimate_order(work, order, 1).realtime_usd


# --- Before ------------------------------------------------------------------------------------------------------


def _page(work: Operation, page_id: str, image_url: str, text: str) -> Page:
    other, name = (image_url, "image_url") if work.reads_image else (text, "text")
    if bool(page_id) == bool(other):
        sentence = f"Give either page_id or {name}."
        raise BadOrder(sentence, errors={"page_id": [sentence]})
    if not page_id:
        return Page(book=Book(title=""), number=0, image_url=image_url)
    page = Page.objects.select_related("book").filter(pk=page_id).first()
    if page is None:
        sentence = f"There is no page {page_id!r}."
        raise BadOrder(sentence, errors={"page_id": [sentence]})
    return page


def _refuse_to_replace(work: Operation, page: Page, target_language: str, overwrite: str) -> None:
    """Before any money is spent: text that may not be replaced."""
    target = work.target_of(
        Order(type=work.type, target_language=target_language or page.book.target_language)
    )
    job = job_under_way(page, work.kind, target)
    if job is not None:
        raise Conflict(
            f"The job {job.pk} has this page and will bring its text: wait for it, or cancel it first."
        )
    present = page.current(work.kind, target)
    if present is None or overwrite == "human" or (overwrite == "machine" and present.source != Source.HUMAN):
        return
    if present.source == Source.HUMAN:
        raise Conflict('A person wrote or corrected this text: only "overwrite": "human" replaces it.')
    raise Conflict('The page has this text already: send "overwrite": true to make it again.')


def job_under_way(page: Page, kind: str, target_language: str) -> Job | None:
    """The live job that will bring this text of the page, if there is one: what it does is paid for already."""
    types = [work.type for work in operations().values() if work.kind == kind]
    rows = JobPage.objects.filter(page=page, type__in=types, is_open=True).select_related("job")
    jobs = [row.job for row in rows]
    return next((job for job in jobs if job.target_language in ("", target_language)), None)


def _prepared(
    work: Operation,
    page: Page,
    page_id: str,
    text: str,
    language: str,
    target_language: str,
    model: str,
    overwrite: str,
    prompt: PromptVersion | None = None,
) -> _Call:
    resolved, notice = prices.resolve_model(model or getattr(settings, work.realtime_model_setting))
    book = page.book
    order = Order(
        type=work.type, book_id=book.pk if page_id else "", book_title=book.title, author=book.author, year=book.year,
        language=book.language or _language("language", language), model=resolved, overwrite=overwrite,
        target_language=_language("target_language", target_language) or book.target_language,
    )  # fmt: skip
    call = _Call(work, order, page, [notice] if notice else [], prompt or prompt_in_use(work.type))
    if work.reads_image:
        _read_image(call)
    try:
        call.request = (
            work.request_for_text(text, order, call.prompt.text)
            if text
            else work.request(page, order, call.prompt.text, {})
        )
    except Refused as refused:
        raise Conflict(refused.sentence) from None
    return call


def _language(name: str, given: str) -> str:
    try:
        return languages.normalise(given)
    except ValueError as error:
        raise BadOrder(str(error), errors={name: [str(error)]}) from None


def _read_image(call: _Call) -> None:
    try:
        call.image = images.load(call.page)
    except images.ImageError as error:
        if error.retryable:
            raise Unavailable(error.sentence, retry_after=error.retry_after or 30) from None
        raise BadOrder(error.sentence, errors={"image_url": [error.sentence]}) from None
    if images.is_blank(call.image.ink) and not call.page.blank_overruled:
        call.warnings.append(f"The page looks blank ({100 * call.image.ink:.2f} % ink).")


# --- The call and after --------------------------------------------------------------------------------------------


def _call(call: _Call, actor: Actor) -> tuple[Answer, int | None]:
    """Reserve, ask, settle: whatever comes back, what it cost is in the books."""
    paid, entry = _begun(call, actor)
    try:
        answer = answers.parse(gemini.generate(call.order.model, _rest(call), paid))
    except gemini.GeminiError as error:
        # An unanswered call may have been charged; a refused one was not.
        spending.end_call(entry, paid, paid.micro_usd if error.may_have_happened else None)
        if isinstance(error, gemini.BadRequest | gemini.NotFound):
            raise NoText(error.sentence) from None
        raise Unavailable(error.sentence, retry_after=error.retry_after) from None
    cost = prices.cost_of(answer, call.order.model, batch=False)
    entry.model = prices.maker_paid([answer.model_version], call.order.model)
    entry.input_tokens, entry.output_tokens = answer.usage.input, answer.usage.output
    entry.thinking_tokens = answer.usage.thinking
    spending.end_call(entry, paid, cost or 0, known=cost is not None)
    return answer, cost


def _begun(call: _Call, actor: Actor) -> tuple[gemini.Reservation, PaidCall]:
    """Set the money aside and write down for what, so that a crash in mid-call does not lock it away."""
    estimate, model = _estimate(call), call.order.model
    page_id = call.page.pk if call.order.book_id else ""

    def attempt() -> tuple[gemini.Reservation, PaidCall]:
        with atomic():
            paid = spending.reserve(estimate, model)
            # Whoever reserves holds the day's row until the end of this transaction, so one at a time looks here.
            _refuse_the_second(call)
            about = {"page_id": page_id, "type": call.work.type, "model": model, "actor": actor.name}
            return paid, spending.begin_call(paid, **about)

    return repeated(attempt)


def _refuse_the_second(call: _Call) -> None:
    """A page that somebody else is paying for at this moment, or has paid for while its image was fetched (I02)."""
    if call.once and spending.is_under_way(call.page.pk, call.work.type):
        raise Conflict("This page is being worked on at this moment: look at it again in a minute.")
    if call.saves:
        _refuse_to_replace(call.work, call.page, call.order.target_language, call.order.overwrite)


def _estimate(call: _Call) -> int | None:
    assert call.request is not None
    tokens = prices.input_tokens(call.request.system + call.request.text, call.order.model, call.image)
    output = prices.typical_output_tokens(call.work, call.order.model, call.order.language)
    return prices.cost_micro_usd(Usage(input=tokens, output=output), call.order.model, batch=False)


def _rest(call: _Call) -> dict[str, Any]:
    assert call.request is not None
    request = line_request(call.request)
    if call.image:
        data = base64.b64encode(call.image.data).decode("ascii")
        request["contents"][0]["parts"].insert(0, {"inlineData": {"mimeType": call.image.mime, "data": data}})
    return request


def _saved(
    call: _Call, answer: Answer, accepted: Accepted, cost: int | None, overwrite: str, actor: Actor
) -> bool:
    """Keep the text; whether it is the page's current one. It is paid for, so a lost race is no reason to lose it."""
    new = _new_text(call, answer, accepted, cost, actor)
    written = repeated(lambda: _kept(call, new, blank=accepted.blank, overwrite=overwrite))
    if not written.is_current:
        call.warnings.append(written.kept)
    return written.is_current


def _new_text(
    call: _Call, answer: Answer, accepted: Accepted, cost: int | None, actor: Actor
) -> texts.NewText:
    assert call.request is not None
    return texts.NewText(
        kind=call.work.kind, data=accepted.text, source=Source.MACHINE,
        target_language=call.work.target_of(call.order), language=call.order.language, author=actor.name,
        model=answer.model_version or call.order.model, ordered_model=call.order.model,
        prompt_version=call.prompt.name,
        based_on=call.request.source_sha256, glossary=call.request.glossary,
        image_sha256=call.image.sha256 if call.image else "",
        input_tokens=answer.usage.input, output_tokens=answer.usage.output,
        thinking_tokens=answer.usage.thinking, cost_micro_usd=cost, finish_reason=answer.finish_reason,
        flags=accepted.flags,
    )  # fmt: skip


def _kept(call: _Call, new: texts.NewText, *, blank: bool, overwrite: str) -> texts.Written:
    page = call.page
    with atomic():
        if call.image:
            Page.objects.filter(pk=page.pk).update(ink=call.image.ink, image_sha256=call.image.sha256)
        if blank:
            texts.mark_blank(page)
        written = texts.write(page, new, overwrite=overwrite or "")
        page.book.recount()
    return written
