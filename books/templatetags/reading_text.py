"""How texts, languages and sums of money look in the reading room and on public pages."""

from django import template
from django.utils.safestring import SafeString

from books.models import Page
from books.page_images import thumbnail_address
from books.rendering import ALONE, LABELS, render
from sourcebatch.lib.show import language_name, money

register = template.Library()


@register.simple_tag
def page_tags() -> list[tuple[str, str]]:
    """How each tag is written, and what it means."""
    return [(f"[[{name}]]" if name in ALONE else f"[[{name}: …]]", label()) for name, label in LABELS.items()]


@register.filter
def page_text(data: str) -> SafeString:
    """A page's text as safe HTML."""
    return render(data)


@register.filter
def thumbnail(page: Page) -> str:
    """Where a page's thumbnail is; may be kept for ever."""
    return thumbnail_address(page)


@register.filter
def language(code: str) -> str:
    """A language's name in the language of the interface."""
    return language_name(code)


@register.filter
def usd(micro_usd: int | None) -> str:
    """US dollars from millionths; `unknown` for None."""
    return money(micro_usd)


@register.filter
def percent(share: float) -> str:
    """A share from 0 to 1 in percent, with one decimal."""
    return f"{100 * share:.1f} %"
