"""Texts by how they came about: what a better prompt, another model or a newer version is to make again."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from books import glossary
from books.makers import STAND_IN
from books.models import PageText, PageTextQuerySet, Source


@dataclass(frozen=True)
class Made:
    """Which texts: every field that is given must hold.

    `prompt` is a prompt's version as texts name it, `batch_ocr/1`; `flag` a rule's name, `any` for all rules;
    `before` a time; `glossary` keeps to translations made with other terms than the glossary has now, `stale` to
    those of transcriptions that have changed since, `books` and `pages` to these, unless they are empty. Only
    current texts of visible pages count, and only those of machines.
    """

    kind: str
    prompt: str = ""
    model: str = ""
    before: dt.datetime | None = None
    flag: str = ""
    book_id: str = ""
    target_language: str = ""
    glossary: bool = False
    stale: bool = False
    books: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()


def texts_made(made: Made) -> PageTextQuerySet:
    """The texts, but for the rule of a flag, which is not the database's to see."""
    texts = PageText.objects.current().filter(
        kind=made.kind, source=Source.MACHINE, page__hidden=False, page__book__hidden=False
    )
    same = {
        "prompt_version": made.prompt, "page__book": made.book_id, "target_language": made.target_language,
    }  # fmt: skip
    texts = texts.filter(**{name: value for name, value in same.items() if value})
    if made.model:
        texts = texts.filter(_made_by(made.model))
    if made.stale:
        texts = texts.filter(is_stale=True)
    if made.before is not None:
        texts = texts.filter(created_at__lt=made.before)
    return texts.filter(is_flagged=True) if made.flag else texts


def _made_by(model: str) -> Q:
    """By that model, or by a version of it that was asked for by this name; the stand-in's work is nobody else's."""
    return Q(model=model) | (Q(ordered_model=model) & ~Q(model__startswith=STAND_IN))


def pages_made(made: Made) -> Iterator[tuple[str, str, list[str]]]:
    """Book, language of the translation (empty for transcriptions) and ids of the pages, in the order of the books."""
    rows = texts_made(made).order_by("page__book", "target_language", "page__number")
    found: dict[tuple[str, str], list[str]] = {}
    for book_id, language, page_id, flags in rows.values_list(
        "page__book_id", "target_language", "page_id", "flags"
    ).iterator():  # fmt: skip
        if _chosen(made, book_id, page_id) and (made.flag in ("", "any") or _has(flags, made.flag)):
            found.setdefault((book_id, language), []).append(page_id)
    for (book_id, language), page_ids in found.items():
        wanted = _with_old_terms(book_id, language, page_ids) if made.glossary else page_ids
        if wanted:
            yield book_id, language, wanted


def _chosen(made: Made, book_id: str, page_id: str) -> bool:
    """Looked at here and not in the query: no database takes tens of thousands of ids."""
    return (not made.books or book_id in made.books) and (not made.pages or page_id in made.pages)


def _with_old_terms(book_id: str, language: str, page_ids: list[str]) -> list[str]:
    old = set(glossary.outdated(book_id, language)) if language else set()
    return [pk for pk in page_ids if pk in old]


def _has(flags: list[dict[str, str]], rule: str) -> bool:
    return any(flag.get("rule") == rule and "dismissed_by" not in flag for flag in flags)
