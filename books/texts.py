"""The only writer of page text. Every write is a new row; a person's text is never replaced by a machine's
unasked.

Which row counts (`is_current`) is settled by conditional UPDATEs and by the unique constraint on current
texts, so that two writers at once, in whatever process, end with one current text and with both texts kept. Writers of
the same pages come one after the other (`hold`).
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.db import IntegrityError, connections

from books import search
from books.models import Kind, Page, PageText, PageTextQuerySet, Source
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic, in_chunks, is_mongodb, library_alias, races, repeated
from sourcebatch.lib.ids import new_id

# With n writers at one page's text at once the last of them loses n - 1 times.
ATTEMPTS = 20
CHUNK = 500  # ids in one query
# What a machine's or an imported text may push into history, by the order's `overwrite`.
REPLACEABLE: dict[str, tuple[str, ...]] = {
    "": (),
    "machine": (Source.MACHINE, Source.IMPORT),
    "human": (Source.MACHINE, Source.IMPORT, Source.HUMAN),
}
EVERYTHING = REPLACEABLE["human"]


@dataclass(frozen=True)
class NewText:
    """A text to be written, with everything that is known of its origin.

    `based_on` is the SHA-256 of the text that a translation was made from, `image_sha256` that of the image
    bytes a transcription was made from; `model` is what made it by its own account, `ordered_model` what was
    asked for; `cost_micro_usd` is in millionths of a US dollar, None when the price is unknown; each flag is
    `{"rule": code, "reason": sentence}`.
    """

    kind: str
    data: str
    source: str
    target_language: str = ""
    language: str = ""
    author: str = ""
    model: str = ""
    ordered_model: str = ""
    prompt_version: str = ""
    based_on: str = ""
    glossary: str = ""
    image_sha256: str = ""
    job_id: str = ""
    request_hash: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cost_micro_usd: int | None = None
    finish_reason: str = ""
    flags: Sequence[dict[str, str]] = ()
    # When it was written: for texts that come from elsewhere, that was before now.
    created_at: dt.datetime = field(default_factory=now)


@dataclass(frozen=True)
class Written:
    """What became of a write: the new row, whether it is the page's current text, else why another one
    stays.
    """

    text: PageText
    is_current: bool
    kept: str = ""


def text_hash(data: str) -> str:
    """The SHA-256 of a text's UTF-8 bytes, by which translations know what they were made from."""
    return hashlib.sha256(data.encode()).hexdigest()


def storable(data: str) -> str:
    """The text without what some database refuses: NUL characters go, halves of surrogate pairs become
    U+FFFD.
    """
    return data.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def hold(page_ids: Sequence[str]) -> None:
    """Have whoever else writes texts of these pages wait until this transaction ends, on PostgreSQL.

    Everybody asks for pages first, in the order of their ids, so that nobody waits for somebody who waits for them, and
    whoever comes second sees what the first has written. On SQLite one transaction writes at a time; on MongoDB the
    second one's fails and is done again.
    """
    if not connections[library_alias()].features.has_select_for_update:
        return
    for some in in_chunks(sorted(page_ids), CHUNK):
        # Rows that point to a page may still be made by others meanwhile.
        pages = Page.objects.select_for_update(no_key=True).filter(pk__in=some)
        len(pages.order_by("pk").values_list("pk"))


def write(page: Page, new: NewText, *, overwrite: str = "machine") -> Written:
    """Keep a text, and make it the page's current one unless a text that `overwrite` protects is in the way.

    `overwrite` is `""` (any current text stays), `"machine"` (a person's stays) or `"human"` (none stays);
    a person's own text always becomes current. Call it inside `atomic()`, for several pages in the order of
    their ids, and recount the book afterwards. Raises ValueError for another `overwrite`; on MongoDB the
    DatabaseError of a lost race when it was called inside a transaction, which is then to be repeated as a
    whole.
    """
    if overwrite not in REPLACEABLE:
        raise ValueError(f'overwrite must be "", "machine" or "human", not {overwrite!r}.')
    return _settle(page, new, EVERYTHING if new.source == Source.HUMAN else REPLACEABLE[overwrite])


def write_many(news: Sequence[tuple[Page, NewText]], *, overwrite: str = "machine") -> list[Written]:
    """Keep texts of many pages by the rules of `write`, in a handful of queries; what became of each, in order.

    When another writer's text becomes current between the look and the
    write, all are written again page by page. What is said of `write` about transactions, errors and counts holds.
    """
    if overwrite not in REPLACEABLE:
        raise ValueError(f'overwrite must be "", "machine" or "human", not {overwrite!r}.')
    if not news:
        return []
    page_ids = [page.pk for page, _ in news]
    present = _present(page_ids)
    try:
        with atomic():
            hold(page_ids)
            return _write_at_once(news, present, REPLACEABLE[overwrite])
    except races():
        in_order = sorted(range(len(news)), key=lambda at: news[at][0].pk)
        written = {at: write(*news[at], overwrite=overwrite) for at in in_order}
        return [written[at] for at in range(len(news))]


def restore(text: PageText, *, author: str) -> Written:
    """Make an older version current again, as a new row by `author`; nothing is done when it is current
    already.
    """
    present = PageText.objects.get(pk=text.pk)
    if present.is_current:
        return Written(present, True)
    copied = {name: getattr(present, name) for name in _COPIED}
    # Its tokens were paid once, by the row that it is a copy of.
    return _settle(present.page, NewText(**copied, author=author, cost_micro_usd=0), EVERYTHING)


_COPIED = (
    "kind", "data", "source", "target_language", "language", "model", "ordered_model", "prompt_version", "based_on",
    "glossary", "image_sha256", "job_id", "finish_reason", "flags",
)  # fmt: skip


def dismiss_flags(text: PageText, *, by: str) -> None:
    """A person has looked at what was suspicious and found nothing wrong; the flags stay readable, with who and when.

    What was noted since `text` was read has not been looked at: that stays open.
    """
    looked_at = {flag.get("rule") for flag in text.flags}
    seen = {"dismissed_by": by, "dismissed_at": now().isoformat(timespec="seconds")}

    def attempt() -> None:
        with atomic():
            hold([text.page_id])
            flags = PageText.objects.values_list("flags", flat=True).get(pk=text.pk)
            flags = [
                {**flag, **seen} if flag.get("rule") in looked_at and "dismissed_by" not in flag else flag
                for flag in flags
            ]
            _change(text, flags=flags, is_flagged=_open_flags(flags))
            Page.objects.filter(pk=text.page_id).judge()

    repeated(attempt, ATTEMPTS)


def flag(text: PageText, found: dict[str, str]) -> bool:
    """Note something suspicious that shows only beside other pages or readings: `{"rule": code, "reason": sentence}`.

    False when there is nothing to note it on: the text is not current any more, a person has vouched for it, or the
    rule has spoken of it before, also when that was dismissed. Recount the book afterwards.
    """

    def attempt() -> bool:
        with atomic():
            unread = PageText.objects.filter(pk=text.pk, is_current=True, reviewed_at=None)
            hold(list(unread.values_list("page_id", flat=True)))
            present = unread.first()
            if present is None or any(one.get("rule") == found["rule"] for one in present.flags):
                return False
            unread.update(flags=[*present.flags, found], is_flagged=True)
            Page.objects.filter(pk=present.page_id).judge()
            return True

    return repeated(attempt, ATTEMPTS)


def mark_reviewed(text: PageText, *, by: str) -> None:
    """A person vouches for this version."""
    _change(text, reviewed_by=by, reviewed_at=now())


def mark_blank(page: Page) -> bool:
    """Note that the page has nothing to read; False when a person has said it is never to be treated as
    blank.
    """
    if not Page.objects.filter(pk=page.pk, blank_overruled=False).update(blank=True):
        return False
    page.blank = True
    return True


def mark_all_blank(pages: Sequence[Page]) -> None:
    """`mark_blank` for many pages at once."""
    Page.objects.filter(pk__in=[page.pk for page in pages], blank_overruled=False).update(blank=True)
    for page in pages:
        page.blank = page.blank or not page.blank_overruled


def unmark_blank(page: Page, *, overrule: bool = False) -> None:
    """The page has something to read after all; `overrule` also keeps machines from calling it blank
    again.
    """
    changes = {"blank": False} | ({"blank_overruled": True} if overrule else {})
    Page.objects.filter(pk=page.pk).update(**changes)
    for name, value in changes.items():
        setattr(page, name, value)


def _settle(page: Page, new: NewText, replaceable: Sequence[str]) -> Written:
    """Write in a transaction of its own, and look again when somebody else's text became current
    meanwhile.
    """
    attempts = count(1)

    def attempt() -> Written:
        with atomic():
            return _write(page, new, replaceable, first=next(attempts) == 1)

    return repeated(attempt, ATTEMPTS)


def _write(page: Page, new: NewText, replaceable: Sequence[str], *, first: bool) -> Written:
    """One attempt: the new row first, then the old one out of the way, then the new one current."""
    hold([page.pk])
    row = _row(page, new)
    row.save(force_insert=True)
    current = _current(page, new)
    replaced = current.filter(source__in=replaceable).update(is_current=False)
    protected = current.exclude(source__in=replaceable).first()
    if protected is not None:
        return Written(row, False, _kept(protected))
    # Raises IntegrityError when another writer's text has become current since the looks above.
    PageText.objects.filter(pk=row.pk).update(is_current=True)
    row.is_current = True
    _judge([row])
    # A second attempt inside an outer transaction is not to be had on MongoDB.
    search.put(row, replaces=bool(replaced) or not first or is_mongodb())
    return Written(row, True)


def _write_at_once(
    news: Sequence[tuple[Page, NewText]],
    present: Mapping[tuple[str, str, str], PageText],
    replaceable: Sequence[str],
) -> list[Written]:
    """The old ones out of the way, then the new ones, current where nothing protected was seen."""
    rows = [_row(page, new) for page, new in news]
    old = [present.get(_slot(row)) for row in rows]
    for row, before in zip(rows, old, strict=True):
        may = EVERYTHING if row.source == Source.HUMAN else replaceable
        row.is_current = before is None or before.source in may
    replaced = [before.pk for row, before in zip(rows, old, strict=True) if row.is_current and before]
    _retire(replaced)
    # Raises IntegrityError when another writer's text has become current where there was none.
    PageText.objects.bulk_create(sorted(rows, key=lambda row: row.page_id), CHUNK)
    current = [row for row in rows if row.is_current]
    _judge(current)
    search.put_many(current, replaces=bool(replaced))
    kept = [
        "" if row.is_current or before is None else _kept(before)
        for row, before in zip(rows, old, strict=True)
    ]
    return [Written(row, row.is_current, why) for row, why in zip(rows, kept, strict=True)]


def _slot(text: PageText) -> tuple[str, str, str]:
    """What only one text can be current in."""
    return text.page_id, text.kind, text.target_language


def _present(page_ids: Sequence[str]) -> dict[tuple[str, str, str], PageText]:
    """The current texts of these pages, without their words."""
    found: dict[tuple[str, str, str], PageText] = {}
    for some in in_chunks(page_ids, CHUNK):
        rows = PageText.objects.current().filter(page_id__in=some).order_by()
        found |= {_slot(row): row for row in rows.only("page_id", "kind", "target_language", "source")}
    return found


def _retire(ids: Sequence[str]) -> None:
    """These texts are current no more. Raises IntegrityError when one was not: another writer came first."""
    changed = 0
    for some in in_chunks(ids, CHUNK):
        texts = PageText.objects.current().filter(pk__in=some)
        changed += texts.order_by().update(is_current=False)
    if changed < len(ids):
        raise IntegrityError("Another text has become current meanwhile.")


def _judge(written: Sequence[PageText]) -> None:
    """Keep true what is kept of the pages of these texts and of the translations beside them."""
    page_ids = sorted({text.page_id for text in written})
    for chunk in in_chunks(page_ids, CHUNK):
        _judge_staleness(PageText.objects.current().filter(page_id__in=chunk))
        Page.objects.filter(pk__in=chunk).judge()


def _judge_staleness(texts: PageTextQuerySet) -> None:
    """Keep `is_stale` true of these, which are all current texts of their pages."""
    facts = list(texts.order_by().values_list("pk", "page_id", "kind", "text_sha256", "based_on", "is_stale"))
    hashes = {page_id: sha256 for _, page_id, kind, sha256, _, _ in facts if kind == Kind.OCR}
    for was in (True, False):
        wrong = [
            pk for pk, page_id, kind, _, based_on, is_stale in facts
            if kind == Kind.TRANSLATION and is_stale == was
            and was != (based_on not in ("", hashes.get(page_id, based_on)))
        ]  # fmt: skip
        if wrong:
            PageText.objects.filter(pk__in=wrong).update(is_stale=not was)


def _row(page: Page, new: NewText) -> PageText:
    values: dict[str, Any] = {**vars(new), "data": storable(new.data), "flags": list(new.flags)}
    # A range of time is a range of ids, so a text that comes from elsewhere gets one of its own time.
    return PageText(
        id=new_id(new.created_at), page=page, **values, text_sha256=text_hash(values["data"]),
        is_flagged=_open_flags(values["flags"]),
    )  # fmt: skip


def _open_flags(flags: Sequence[dict[str, str]]) -> bool:
    return any("dismissed_by" not in flag for flag in flags)


def _current(page: Page, new: NewText) -> PageTextQuerySet:
    return PageText.objects.filter(
        page=page, kind=new.kind, target_language=new.target_language, is_current=True
    ).order_by()  # fmt: skip


def _kept(protected: PageText) -> str:
    if protected.source == Source.HUMAN:
        return "A person's text stays; this one is kept in the page's history."
    return "The text that was there stays; this one is kept in the page's history."


def _change(text: PageText, **changes: Any) -> None:
    PageText.objects.filter(pk=text.pk).update(**changes)
    for name, value in changes.items():
        setattr(text, name, value)
