"""A small library to run operations on."""

from books import texts
from books.models import Book, Kind, Page, Source
from books.texts import NewText, Written
from jobs.operations import operation
from jobs.operations.base import Answer, Order, Request

LITE = "gemini-3.5-flash-lite"


def a_book(pages: int = 3, **more: object) -> list[Page]:
    facts: dict[str, object] = {
        "title": "Epigrammata",
        "author": "Thomas More",
        "year": 1520,
        "language": "la",
    }
    book = Book.objects.create(**(facts | more))
    return Page.objects.bulk_create([Page(book=book, number=number + 1) for number in range(pages)])


def transcribe(page: Page, data: str, **more: object) -> Written:
    return texts.write(page, NewText(kind=Kind.OCR, data=data, source=Source.MACHINE, **more))  # type: ignore[arg-type]


def order(type_: str, page: Page, **more: object) -> Order:
    book = page.book
    facts: dict[str, object] = {
        "type": type_, "book_id": book.pk, "book_title": book.title, "author": book.author, "year": book.year,
        "language": book.language, "target_language": "en", "model": LITE,
    }  # fmt: skip
    return Order(**(facts | more))  # type: ignore[arg-type]


def request(type_: str, page: Page, **more: object) -> Request:
    work = operation(type_)
    prompt = work.prompt_file.read_text(encoding="utf-8")
    return work.request(page, order(type_, page, **more), prompt, {})


def answer(text: str, **more: object) -> Answer:
    return Answer(key="k", text=text, finish_reason="STOP", **more)  # type: ignore[arg-type]
