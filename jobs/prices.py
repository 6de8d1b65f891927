"""What calls cost: prices as dated data, estimates before, costs after. Unknown prices stay unknown (I53).

Money is counted in whole millionths of a US dollar (micro-dollars); thinking tokens are paid as output
(I50).
"""

import datetime as dt
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from books import makers, markup
from books.images import PageImage
from books.models import PageText, Source
from jobs.models import GeminiModel, Price
from jobs.operations.base import Answer, Operation, Order, Usage
from jobs.operations.generation import version_of
from sourcebatch.lib.clock import now
from sourcebatch.lib.show import language_name

SHIPPED_FILE = Path(__file__).with_name("prices.json")
MILLION = 1_000_000
BYTES_PER_TOKEN = (
    4  # UTF-8 bytes: four Latin letters, two Greek ones, a little more than one Chinese character
)
IMAGE_TOKENS = {"low": 280, "medium": 560, "high": 1120, "ultra_high": 2240}
TILE = 768  # pixels
TILE_TOKENS = 258
ONE_TILE = 384  # pixels: up to this in both directions an image is one tile
TYPICAL_SIDES = (1000, 1500)  # pixels: an upright page at IMAGE_MAX_SIDE
SAMPLE = 500  # texts that an average is made from
FEWEST = 5  # texts: fewer tell nothing
# An average must not read a whole library's texts: it looks at this many of the newest.
NEWEST = 20_000


@dataclass(frozen=True)
class Estimate:
    """What an order would about cost in US dollars, in batches and at once; None when the price is
    unknown.
    """

    batch_usd: Decimal | None
    realtime_usd: Decimal | None
    basis: str


@dataclass(frozen=True)
class PerPage:
    """Tokens of an average page; `texts` is how many texts the average was made from, 0 for typical
    figures.
    """

    input: int
    output: int
    texts: int = 0


# --- Models and prices
# -------------------------------------------------------------------------------------------


def resolve_model(name: str) -> tuple[str, str]:
    """The model to use for a name, and a notice when that is another one or its price is unknown; else
    `""`.
    """
    name = name.strip().removeprefix("models/")
    seen: list[GeminiModel] = []
    found = GeminiModel.objects.filter(pk=name).first()
    while found and found.state == GeminiModel.State.RETIRED and found.successor and found not in seen:
        seen.append(found)
        name = found.successor
        found = GeminiModel.objects.filter(pk=name).first()
    return name, _notice(name, seen, found)


def price_of(model: str, on: dt.date | None = None) -> Price | None:
    """The price of a model on a day (today unless given); None when nobody has entered one."""
    day = on or now().date()
    valid = Q(valid_to__isnull=True) | Q(valid_to__gte=day)
    return Price.objects.filter(valid, model_id=model, valid_from__lte=day).order_by("-valid_from").first()


def cost_micro_usd(usage: Usage, model: str, *, batch: bool, on: dt.date | None = None) -> int | None:
    """What these tokens cost in micro-dollars, rounded up; None when the model's price is unknown."""
    return _cost(usage, price_of(model, on), batch=batch)


def _cost(usage: Usage, price: Price | None, *, batch: bool) -> int | None:
    if price is None:
        return None
    factor = Fraction(str(price.batch_factor)) if batch else Fraction(1)
    # Dollars per million tokens are micro-dollars per token.
    dear = usage.input * Fraction(str(price.input_usd))
    dear += (usage.output + usage.thinking) * Fraction(str(price.output_usd))
    return math.ceil(dear * factor)


def cost_of(
    answer: Answer, ordered: str, *, batch: bool, look: Callable[[str], Price | None] = price_of
) -> int | None:
    """What an answer costs in micro-dollars: nothing from the stand-in, else by the price of the model that made it.

    Gemini may answer with a model's successor, at its price; where that name has no price, the ordered model's holds.
    `look` finds prices; for many answers give one that remembers.
    """
    made_by = answer.model_version
    if makers.is_stand_in(made_by):
        return 0
    price = look(made_by) if made_by and made_by != ordered else None
    return _cost(answer.usage, price or look(ordered), batch=batch)


def maker_paid(made_by: Sequence[str], ordered: str) -> str:
    """Under which name calls stand in the books: the stand-in's where it answered, else the ordered model's."""
    return next((name for name in made_by if makers.is_stand_in(name)), ordered)


def usd(micro: int | None) -> Decimal | None:
    """Micro-dollars as dollars."""
    return None if micro is None else Decimal(micro) / MILLION


def _notice(name: str, seen: Sequence[GeminiModel], found: GeminiModel | None) -> str:
    if found is None:
        return f"The model {name} is not in the list of models and prices: its cost is unknown."
    if not seen:
        retired = found.state == GeminiModel.State.RETIRED
        return f"{name} is retired and has no successor: choose another model." if retired else ""
    return " ".join(
        each.notice or f"{each.name} is retired: {each.successor} is used instead." for each in seen
    )


# --- Tokens
# ------------------------------------------------------------------------------------------------------


def text_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def image_tokens(model: str, width: int, height: int) -> int:
    """Tokens of an image of this many pixels: by MEDIA_RESOLUTION since Gemini 3, by tiles of 768 pixels
    before.
    """
    if (version_of(model) or (3, 0)) >= (3, 0):
        return IMAGE_TOKENS.get(settings.MEDIA_RESOLUTION.lower(), IMAGE_TOKENS["high"])
    if max(width, height) <= ONE_TILE:
        return TILE_TOKENS
    return math.ceil(width / TILE) * math.ceil(height / TILE) * TILE_TOKENS


def input_tokens(text: str, model: str, image: PageImage | None = None) -> int:
    """About how many tokens a request has: its texts and its image, if any."""
    return text_tokens(text) + (image_tokens(model, image.width, image.height) if image else 0)


# --- Estimates
# ---------------------------------------------------------------------------------------------------


def estimate(
    pages: int, input_tokens_per_page: int, output_tokens_per_page: int, model: str, batch: bool
) -> Decimal | None:
    """US dollars for so many pages of so many tokens; None when the model's price is unknown."""
    usage = Usage(input=pages * input_tokens_per_page, output=pages * output_tokens_per_page)
    return usd(cost_micro_usd(usage, model, batch=batch))


def estimate_order(work: Operation, order: Order, pages: int) -> Estimate:
    """What an order over so many pages would about cost, and where the figures come from."""
    each = per_page(work, order.model, order.language)
    batch = estimate(pages, each.input, each.output, order.model, batch=True)
    if batch is None:
        return Estimate(None, None, _unknown(order.model))
    realtime = estimate(pages, each.input, each.output, order.model, batch=False)
    return Estimate(batch, realtime, _basis(each, order))


def per_page(work: Operation, model: str, language: str) -> PerPage:
    """Tokens of a page: the average of the newest texts of this kind, model and language, else typical
    figures.
    """
    rows = _learned(work.kind, model, language)
    if len(rows) < FEWEST:
        return PerPage(_typical_input(work, model), work.typical_output_tokens)
    given = sum(row[0] for row in rows)
    answered = sum(row[1] + row[2] for row in rows)
    return PerPage(math.ceil(given / len(rows)), math.ceil(answered / len(rows)), len(rows))


def typical_output_tokens(work: Operation, model: str, language: str) -> int:
    """Output tokens of an average page, thoughts included."""
    return per_page(work, model, language).output


def _learned(kind: str, model: str, language: str) -> list[tuple[int, int, int]]:
    """Input, output and thinking tokens of the newest texts that were paid for; the stand-in's teach nothing."""
    newest = PageText.objects.order_by("-pk").values_list("pk", flat=True)
    oldest = newest[NEWEST : NEWEST + 1].first()
    rows = PageText.objects.filter(
        Q(ordered_model=model) | Q(ordered_model="", model=model),
        kind=kind, language=language, source=Source.MACHINE, output_tokens__gt=0,
    ).exclude(model__startswith=makers.STAND_IN)  # fmt: skip
    if oldest:
        rows = rows.filter(pk__gt=oldest)
    found = rows.order_by("-pk").values_list("input_tokens", "output_tokens", "thinking_tokens")[:SAMPLE]
    return list(found)


def _typical_input(work: Operation, model: str) -> int:
    """The prompt, and the page: its image, or a transcription with its neighbours' edges."""
    prompt = text_tokens(work.prompt_file.read_text(encoding="utf-8")) + text_tokens(markup.explained())
    page = image_tokens(model, *TYPICAL_SIDES) if work.reads_image else work.typical_output_tokens + 300
    return prompt + 100 + page


def _basis(each: PerPage, order: Order) -> str:
    said = {
        "texts": each.texts, "model": order.model, "language": language_name(order.language),
        "input": f"{each.input:,}", "output": f"{each.output:,}",
    }  # fmt: skip
    if each.texts:
        return _(
            "Average of the %(texts)s latest texts from %(model)s (language: %(language)s): %(input)s input and "
            "%(output)s output tokens a page."
        ) % said  # fmt: skip
    return _(
        "Typical figures, since %(model)s has done no such pages here (language: %(language)s): %(input)s input and "
        "%(output)s output tokens a page."
    ) % said  # fmt: skip


def _unknown(model: str) -> str:
    return _("The price of %s is unknown: enter it in the admin under Models and prices.") % model


# --- What is shipped
# ---------------------------------------------------------------------------------------------


@cache
def shipped() -> dict[str, Any]:
    """The models and prices of this release: `source`, `read_on` and `models` with their `prices`."""
    found: dict[str, Any] = json.loads(SHIPPED_FILE.read_text(encoding="utf-8"))
    return found
