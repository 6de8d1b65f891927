"""A book with everything that exports stumble over: the sample book and pages in Greek, Hebrew and worse."""

from typing import Any

import pytest

from books import texts
from books.management.commands.import_sample import FOLDER, import_sample
from books.models import Book, Kind, Page, Source
from books.texts import NewText
from sourcebatch.lib.clock import now

MODEL = "gemini-3.5-flash-lite"
GREEK = "# Περὶ τῆς ἀρετῆς\n\nἘν ἀρχῇ ἦν ὁ λόγος,\nκαὶ ὁ λόγος ἦν πρὸς τὸν θεόν."
HEBREW = "[[header: ספר בראשית]]\n\nבראשית ברא אלהים את השמים ואת הארץ,\nספר 1520 of Basel."
WORSE = (
    '<script>alert("1")</script> & "quoted" <b>bold</b> ![x](http://127.0.0.1/x.png) [[margin: see [[unclear: Pli'
    "ny]] l. 3]]\nfeſti ũ cũ œ æ, *italic* and **bold** [[gap: 2 words]]\x0b\n\n=1+1 [[page-num: 7]]\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n3. three\n4. four\n\n"
    "[[image: a <ship>]]\n\n[[signature: a2]] [[catchword: iam]]"
    " [[gloss: a later hand]] [[unknown: stays]]"
)
ENGLISH = "In the beginning was the word,\nand the word was with God. <i>not HTML</i>"


def write(page: Page, data: str, kind: str = Kind.OCR, target: str = "", **more: Any) -> None:
    """A machine's text unless told otherwise."""
    made: dict[str, Any] = {"model": MODEL, "prompt_version": f"{kind}-1", "source": Source.MACHINE} | more
    based_on = ""
    if kind == Kind.TRANSLATION and (current := page.current(Kind.OCR)):
        based_on = current.text_sha256
    texts.write(page, NewText(kind=kind, data=data, target_language=target, based_on=based_on, **made))


@pytest.fixture
def book(db: None) -> Book:
    """Sixteen pages: twelve of the sample, then Greek, Hebrew, a blank one, one without text, and the worst."""
    made, _ = import_sample()
    for page in made.pages.order_by("number"):
        write(page, (FOLDER / f"page_{page.number:02}.gt.txt").read_text(encoding="utf-8"), language="la")
        write(page, f"A translation of page {page.number}.\nIts second line.", Kind.TRANSLATION, "en")
    first = made.pages.get(number=1)
    image = first.image_file
    for number, (data, language) in enumerate(
        ((GREEK, "grc"), (HEBREW, "he"), ("", ""), ("", ""), (WORSE, "la")), 13
    ):
        page = Page.objects.create(book=made, number=number, label=f'f. {number}"<r>', image_file=image)
        if data:
            write(page, data, language=language)
            write(page, ENGLISH, Kind.TRANSLATION, "en")
    Page.objects.filter(book=made, number=15).update(blank=True)
    Page.objects.create(book=made, number=18, image_file=image, hidden=True)
    write(made.pages.get(number=18), "What is hidden stays here.", language="la")
    write(made.pages.get(number=13), "Im Anfang war das Wort.", Kind.TRANSLATION, "de")
    write(
        first,
        "A person's own words.",
        Kind.TRANSLATION,
        "en",
        source=Source.HUMAN,
        author="zenobia",
        model="",
    )
    made.pages.get(number=2).texts.filter(kind=Kind.OCR).update(reviewed_by="zenobia", reviewed_at=now())
    write(made.pages.get(number=3), "Corrected since it was translated.", source=Source.HUMAN, model="")
    made.recount()
    return made
