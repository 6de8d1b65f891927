"""What the reading room shows of a page, and what a person changes there."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.admin.models import CHANGE
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from books import texts
from books.diff import Piece, word_diff
from books.models import Kind, Page, PageQuerySet, PageText, Source
from books.rendering import direction, render
from sourcebatch.lib.adminlog import Actor, record
from sourcebatch.lib.db import atomic, repeated
from sourcebatch.lib.show import language_name

BLANK = "[[blank]]"


class Unsaved(Exception):
    """A person's text could not be saved; `sentence` says why and what to do. The text is theirs to keep."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Overtaken(Unsaved):
    """Somebody else's version (`current`, None if the page has no text now) became current meanwhile."""

    def __init__(self, current: PageText | None) -> None:
        super().__init__(_("Somebody else has changed this text meanwhile: compare, then save again."))
        self.current = current


@dataclass(frozen=True)
class Edit:
    """A text as typed: `version` is the id of the version it was based on, empty where there was none."""

    kind: str
    data: str
    version: str = ""
    target_language: str = ""
    fits: bool = True
    """Whether a translation fits the present transcription, so that it is not stale any more."""


@dataclass
class Column:
    """One of a page's texts as shown: transcription, or translation into `target_language`."""

    page: Page
    kind: str
    target_language: str = ""
    text: PageText | None = field(init=False)

    def __post_init__(self) -> None:
        self.text = self.page.current(self.kind, self.target_language)

    @property
    def label(self) -> str:
        return str(Kind(self.kind).label)

    @property
    def language(self) -> str:
        """The language it is in, by code; empty when unknown."""
        if self.kind == Kind.TRANSLATION:
            return self.target_language
        return (self.text.language if self.text else "") or self.page.book.language

    @property
    def language_name(self) -> str:
        return language_name(self.language)

    @property
    def dir(self) -> str:
        return direction(self.language)

    @cached_property
    def html(self) -> SafeString:
        return render(self.text.data if self.text else "")

    @cached_property
    def versions(self) -> list[PageText]:
        """All versions, newest first."""
        return list(versions_of(self.page, self.kind, self.target_language))

    @property
    def open_flags(self) -> list[dict[str, str]]:
        """What is suspicious and not dismissed."""
        return [flag for flag in self.text.flags if "dismissed_by" not in flag] if self.text else []

    @property
    def read_another_image(self) -> bool:
        """Whether the text was made from an image that is not the one the page has now."""
        read = self.text.image_sha256 if self.text else ""
        return bool(read and self.page.image_sha256 and read != self.page.image_sha256)

    @cached_property
    def changed_since(self) -> list[Piece]:
        """For a stale translation, what the transcription it was made from has become; empty if not stale."""
        source = self.page.current(Kind.OCR)
        if self.kind != Kind.TRANSLATION or not self.text or not source:
            return []
        if self.text.based_on in ("", source.text_sha256):
            return []
        old = versions_of(self.page, Kind.OCR).filter(text_sha256=self.text.based_on).first()
        return word_diff(old.data if old else "", source.data)

    @property
    def is_stale(self) -> bool:
        return bool(self.changed_since)


def versions_of(page: Page, kind: str, target_language: str = "") -> Any:
    """QuerySet of all versions of one of a page's texts, newest first."""
    return PageText.objects.filter(page=page, kind=kind, target_language=target_language).order_by("-id")


@dataclass(frozen=True)
class Neighbours:
    """The visible pages before and after a page."""

    previous: Page | None
    next: Page | None


def neighbours(page: Page, pages: PageQuerySet | None = None) -> Neighbours:
    """Who comes before and after, hidden pages left out."""
    others = (Page.objects.all() if pages is None else pages).visible().filter(book=page.book_id)
    return Neighbours(
        others.filter(number__lt=page.number).order_by("-number").first(),
        others.filter(number__gt=page.number).order_by("number").first(),
    )


def save(page: Page, edit: Edit, *, author: str) -> PageText | None:
    """Keep a person's text as the current version; None when nothing was changed.

    Raises Overtaken when the version it was based on is not the current one any more (and the texts differ),
    Unsaved when there is nothing in it.
    """
    data = _tidy(edit.data)
    if not data.strip():
        empty = _("The text is empty. If nothing is written on the page, write %(tag)s.")
        raise Unsaved(empty % {"tag": BLANK})
    return repeated(lambda: _saved(page, edit, data, author))


def _saved(page: Page, edit: Edit, data: str, author: str) -> PageText | None:
    with atomic():
        page = _held(page.pk)
        current = page.current(edit.kind, edit.target_language)
        if current and _is_the_same(page, edit, data, current):
            return None
        if (current.pk if current else "") != edit.version:
            raise Overtaken(current)
        return _keep(page, edit, data, current, author)


def _is_the_same(page: Page, edit: Edit, data: str, current: PageText) -> bool:
    """Whether saving would change nothing: the same words, and no stale translation declared fitting."""
    freshened = edit.fits and current.based_on not in ("", _based_on(page, edit, current))
    return _tidy(current.data) == data and not freshened


def _keep(page: Page, edit: Edit, data: str, current: PageText | None, author: str) -> PageText:
    """Write the version, with the page's blankness and the book's counts made to fit."""
    is_ocr = edit.kind == Kind.OCR
    new = texts.NewText(
        kind=edit.kind, data=data, source=Source.HUMAN, author=author, target_language=edit.target_language,
        language=(current.language if current else "") or page.book.language,
        image_sha256=page.image_sha256 if is_ocr else "",
        based_on=_based_on(page, edit, current),
    )  # fmt: skip
    written = texts.write(page, new)
    if is_ocr and data.strip() == BLANK:
        texts.mark_blank(page)
    elif is_ocr and page.blank:
        texts.unmark_blank(page, overrule=True)
    page.book.recount()
    return written.text


def _based_on(page: Page, edit: Edit, current: PageText | None) -> str:
    """The hash of the transcription that a person's translation belongs to; empty for transcriptions."""
    if edit.kind == Kind.OCR or (current and not edit.fits):
        return current.based_on if current else ""
    source = page.current(Kind.OCR)
    return source.text_sha256 if source else ""


def still_fits(text: PageText, *, author: str) -> PageText | None:
    """A person says that a stale translation is right as it stands: the same words as their version."""
    return repeated(lambda: _still_fits(text, author))


def _still_fits(text: PageText, author: str) -> PageText | None:
    edit = Edit(text.kind, text.data, text.pk, text.target_language)
    with atomic():
        page = _held(text.page_id)
        current = page.current(text.kind, text.target_language)
        if current is None or current.pk != text.pk:
            raise Overtaken(current)
        return _keep(page, edit, text.data, current, author)


def restore(text: PageText, *, author: str) -> PageText:
    """Make an older version current again."""
    return repeated(lambda: _restored(text, author))


def _restored(text: PageText, author: str) -> PageText:
    with atomic():
        written = texts.restore(text, author=author)
        text.page.book.recount()
        return written.text


def dismiss(text: PageText, *, by: str) -> None:
    """Somebody has looked at the flags and found nothing wrong."""

    def attempt() -> None:
        with atomic():
            texts.dismiss_flags(text, by=by)
            text.page.book.recount()

    repeated(attempt)


def _held(page_id: str) -> Page:
    """The page as it is once everybody else who was writing texts of it is done."""
    texts.hold([page_id])
    return Page.objects.get(pk=page_id)


def _tidy(data: str) -> str:
    """A text as typed in a browser: Unix line ends, no spaces at the ends of the whole."""
    return texts.storable(data.replace("\r\n", "\n").replace("\r", "\n")).strip("\n").rstrip()


def write_down(user: Any, page: Page, what: str) -> None:
    """A line in Django's log: who changed what of a page, in the reading room."""
    record(Actor(user.get_username(), "admin"), [page], CHANGE, f"{what}, reading room")
