"""How figures are shown to people: money, languages, lengths of time, progress bars."""

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from typing import Any

import langcodes
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext
from langcodes.tag_parser import LanguageTagError

MICRO = 1_000_000
# langcodes' own names of these, kept here because its table of names takes 18 MB of each worker's memory.
ENGLISH = {
    "ar": "Arabic", "cs": "Czech", "cu": "Church Slavic", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fr": "French", "grc": "Ancient Greek", "he": "Hebrew",
    "hu": "Hungarian", "it": "Italian", "la": "Latin", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sv": "Swedish", "syc": "Classical Syriac",
}  # fmt: skip


def link(name: str, *args: Any) -> str:
    """The address of a named view, or "" where this installation has no such view."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def english_name(code: str) -> str:
    """The English name of a language, `Latin` for `la`; what is no language's code is given back."""
    if code in ENGLISH:
        return ENGLISH[code]
    return langcodes.Language.get(code).display_name("en") if langcodes.tag_is_valid(code) else code


@lru_cache(maxsize=2048)
def _language_name(code: str, interface: str) -> str:
    if interface.split("-")[0] == "en":
        return english_name(code)
    try:
        return langcodes.Language.get(code).display_name(interface)
    except (LanguageTagError, LookupError):
        return code


def language_name(code: str) -> str:
    """The name of an ISO 639 code in the language of the interface: `la` is Latin; an empty code is unknown."""
    return _language_name(code, get_language() or "en") if code else gettext("unknown")


def usd(amount: Decimal | float | None) -> str:
    """US dollars for people; cents matter from ten cents on, below that the first two digits that are not zero."""
    if amount is None:
        return gettext("unknown")
    value = Decimal(amount)
    if not value:
        return _dollars("0")
    if abs(value) < Decimal("0.0001"):
        return "< " + _dollars(number_format("0.0001", 4))
    places = 2 if abs(value) >= Decimal("0.1") else 4
    return _dollars(number_format(round(value, places), places, force_grouping=True))


def _dollars(figure: str) -> str:
    """The sign stands where the language of the interface puts it."""
    return gettext("$%s") % figure


def whole(number: float) -> str:
    """A whole number with its thousands marked as the language of the interface does."""
    return number_format(int(number), force_grouping=True)


def money(micro_usd: int | None) -> str:
    """Millionths of a US dollar for people."""
    return usd(None if micro_usd is None else Decimal(micro_usd) / MICRO)


def percent(part: int, whole: int) -> int:
    """Whole percent, 100 only when nothing is missing."""
    if not whole:
        return 0
    return 100 if part >= whole else min(99, round(100 * part / whole))


def bar(done: int, total: int, failed: int = 0, label: str = "") -> SafeString:
    """A progress bar: done, then failed, of total; with the figures as its accessible text."""
    share, bad = percent(done, total), percent(failed, total)
    text = label or gettext("%(done)s of %(total)s pages") % {"done": done, "total": total}
    return format_html(
        '<span class="sb-bar" role="img" aria-label="{}" title="{}"><span class="sb-bar__done" style="width:{}%">'
        '</span><span class="sb-bar__failed" style="width:{}%"></span></span>',
        text, text, share, min(bad, 100 - share),
    )  # fmt: skip


def badge(text: Any, tone: str = "plain") -> SafeString:
    """A word in a coloured box. Tones: plain, busy, good, bad, warn."""
    return format_html('<span class="sb-badge sb-badge--{}">{}</span>', tone, text)


def ago(moment: dt.datetime | None) -> str:
    """How long ago, in the largest unit that fits: `3 h`."""
    if moment is None:
        return gettext("never")
    return duration(timezone.now() - moment)


def duration(span: dt.timedelta) -> str:
    """A length of time in its largest unit, whole."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}
    if seconds < 3600:
        return ngettext("%(n)s minute", "%(n)s minutes", seconds // 60) % {"n": seconds // 60}
    if seconds < 172_800:
        return ngettext("%(n)s hour", "%(n)s hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)s day", "%(n)s days", seconds // 86_400) % {"n": seconds // 86_400}
