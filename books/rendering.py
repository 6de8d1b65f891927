"""Texts as safe HTML: Markdown without HTML, links or images, and our tags as what they mean.

What a model or a person wrote is data. Three things keep it so: the Markdown reader does not know HTML, links
and images; the tags' words come from here; what comes out passes a sanitiser that knows only a few elements.
"""

import re
from collections.abc import Callable
from functools import cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from langcodes import Language
from langcodes.tag_parser import LanguageTagError
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

from books.markup import DEEPEST

# What a reader is told of each tag of books.markup.TAGS, and of the two that stand for a whole page.
LABELS: dict[str, Callable[[], str]] = {
    "header": lambda: _("Running head"),
    "page-num": lambda: _("Printed page number"),
    "margin": lambda: _("In the margin"),
    "gloss": lambda: _("Gloss by a later hand"),
    "signature": lambda: _("Signature"),
    "catchword": lambda: _("Catchword"),
    "image": lambda: _("Picture"),
    "gap": lambda: _("Cannot be read"),
    "unclear": lambda: _("Unclear"),
    "unreadable": lambda: _("Unreadable"),
    "blank": lambda: _("Blank page"),
}
ALONE = frozenset({"unreadable", "blank"})
_TAG = re.compile(r"\[\[\s*([a-z-]+)\s*(:|\]\])", re.IGNORECASE)
_BRACKETS = re.compile(r"\[\[|\]\]")
_ELEMENTS = {
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "span",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_RTL_SCRIPTS = frozenset({"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"})
_HEADING = re.compile(r"h([1-6])")


def render(text: str) -> SafeString:
    """The HTML of a page's text: paragraphs with their line breaks, tables, lists, headings from h3 down."""
    html = nh3.clean(
        _markdown().render(text),
        tags=_ELEMENTS,
        attributes={"ol": {"start"}, "span": {"title", "lang", "dir"}},
        allowed_classes={"span": {"tag", "tag-name", *(f"tag-{name}" for name in LABELS)}},
        strip_comments=True,
        link_rel=None,
    )
    return mark_safe(html)  # noqa: S308  this is what has just been sanitised


def render_note(html: str) -> SafeString:
    """A library's own words, attribution or rights, that may carry a little HTML with links."""
    few = {"a", "b", "i", "em", "strong", "br", "p"}
    clean = nh3.clean(html, tags=few, attributes={"a": {"href"}}, url_schemes={"http", "https"})
    return mark_safe(clean)  # noqa: S308  this is what has just been sanitised


def direction(language: str) -> str:
    """`rtl` or `ltr` by the script a language is usually written in, `auto` where it is unknown."""
    try:
        script = Language.get(language).maximize().script if language else None
    except LanguageTagError:
        script = None
    if script is None:
        return "auto"
    return "rtl" if script in _RTL_SCRIPTS else "ltr"


@cache
def _markdown() -> MarkdownIt:
    """The reader. Links, images and HTML stay text; indented lines are verse, not program code."""
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    reader.disable(["link", "image", "autolink", "html_inline", "html_block", "code", "reference"])
    reader.inline.ruler.before("link", "page_tag", _page_tag)
    reader.core.ruler.push("lower_headings", _lower_headings)
    return reader


def _lower_headings(state: StateCore) -> None:
    """A text's headings stand below those of the page it is shown on."""
    for token in state.tokens:
        if match := _HEADING.fullmatch(token.tag):
            token.tag = f"h{min(int(match[1]) + 2, 6)}"


def _page_tag(state: StateInline, silent: bool) -> bool:
    """`[[name: words]]` and `[[name]]` as a span that says what it is; words may hold tags and Markdown."""
    match = _TAG.match(state.src, state.pos, state.posMax)
    name = match[1].lower() if match else ""
    if match is None or name not in LABELS:
        return False
    alone = match[2] == "]]"
    end = match.end() if alone else _end_of(state.src, match.end(), state.posMax)
    if end is None or (alone and name not in ALONE):
        return False
    if not silent:
        _push_tag(state, name, (match.end(), match.end() if alone else end - 2))
    state.pos = end
    return True


def _end_of(text: str, start: int, stop: int) -> int | None:
    """Where the tag opened before `start` ends, past its `]]`; None if it never does or nests too deep.

    A looping text may open thousands of tags and close none: those are not followed to the end.
    """
    depth = 1
    for match in _BRACKETS.finditer(text, start, stop):
        depth += 1 if match[0] == "[[" else -1
        if depth in (0, DEEPEST + 1):
            return match.end() if depth == 0 else None
    return None


def _push_tag(state: StateInline, name: str, words: tuple[int, int]) -> None:
    """The tokens of one tag: a span, its name for everybody who cannot see the style, the words."""
    label = LABELS[name]()
    opening = state.push("tag_open", "span", 1)
    opening.attrs = {"class": f"tag tag-{name}", "title": label}
    named = state.push("tag_name_open", "span", 1)
    # In the reader's language and its direction, whatever those of the text around it are.
    named.attrs = {"class": "tag-name", "lang": get_language() or "en", "dir": "auto"}
    state.push("text", "", 0).content = label if name in ALONE else f"{label}: "
    state.push("tag_name_close", "span", -1)
    outer, state.pos, state.posMax = (state.pos, state.posMax), *words
    # Spaces at the edges belong to the notation, not to the page.
    while state.pos < state.posMax and state.src[state.pos].isspace():
        state.pos += 1
    if state.pos < state.posMax:
        state.md.inline.tokenize(state)
    state.pos, state.posMax = outer
    state.push("tag_close", "span", -1)
