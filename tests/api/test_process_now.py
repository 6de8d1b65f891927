"""POST /api/process/ocr and /api/process/translate: one page at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError

from books import texts
from books.models import Book, Kind, Page, Source
from jobs.lifecycle import realtime, spending
from jobs.models import PaidCall, Spending
from sourcebatch.lib.clock import now
from sourcebatch.lib.db import atomic
from tests.api.conftest import Api, BookMaker
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

LATIN = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor."


def page_of(book: Book) -> Page:
    return Page.objects.get(book=book, number=1)


def test_it_transcribes_a_page_and_saves_the_text(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin
) -> None:
    book = make_book(1, images=origin)
    page = page_of(book)
    said = operator.post("/api/process/ocr", {"page_id": page.pk})
    assert said.status == 200, said.json
    assert (said.json["page_id"], said.json["saved"]) == (page.pk, True)
    assert said.json["text"]
    assert set(said.json["usage"]) == {"input_tokens", "output_tokens", "thinking_tokens", "cost_usd"}
    assert said.json["usage"]["input_tokens"] > 0
    assert isinstance(said.json["warnings"], list)
    assert operator.get(f"/api/books/{book.pk}").json["pages"][0]["ocr"]["data"] == said.json["text"]


def test_it_transcribes_an_image_without_saving_anything(
    operator: Api, db: None, at_gemini: LocalGemini, origin: Origin
) -> None:
    said = operator.post("/api/process/ocr", {"image_url": origin.page(1), "language": "la"})
    assert said.status == 200, said.json
    assert (said.json["page_id"], said.json["saved"]) == (None, False)
    assert not Book.objects.exists()


def test_it_translates_a_page_into_its_books_language(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini
) -> None:
    book = make_book(1)
    texts.write(page_of(book), texts.NewText(Kind.OCR, LATIN, Source.MACHINE))
    said = operator.post("/api/process/translate", {"page_id": page_of(book).pk})
    assert said.status == 200, said.json
    translation = operator.get(f"/api/books/{book.pk}").json["pages"][0]["translation"]
    assert (translation["data"], translation["target_language"]) == (said.json["text"], "en")


def test_it_translates_a_text(operator: Api, db: None, at_gemini: LocalGemini) -> None:
    said = operator.post(
        "/api/process/translate", {"text": LATIN, "language": "la", "target_language": "German"}
    )
    assert said.status == 200, said.json
    assert (said.json["saved"], bool(said.json["text"])) == (False, True)


def test_a_text_of_a_person_is_409_before_anything_is_paid(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin
) -> None:
    book = make_book(1, images=origin)
    texts.write(page_of(book), texts.NewText(Kind.OCR, LATIN, Source.HUMAN))
    asked: dict[str, Any] = {"page_id": page_of(book).pk}
    assert operator.post("/api/process/ocr", asked | {"overwrite": True}).status == 409
    assert at_gemini.journal(paid=True) == []
    assert operator.post("/api/process/ocr", asked | {"overwrite": "human"}).json["saved"] is True


def test_a_text_in_a_language_called_by_its_name_is_409_before_anything_is_paid(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini
) -> None:
    page = page_of(make_book(1))
    texts.write(page, texts.NewText(Kind.OCR, LATIN, Source.MACHINE))
    texts.write(page, texts.NewText(Kind.TRANSLATION, "Mine", Source.HUMAN, "de"))
    said = operator.post("/api/process/translate", {"page_id": page.pk, "target_language": "German"})
    assert (said.status, at_gemini.journal(paid=True)) == (409, [])


def test_transactions_that_are_lost_to_another_writer_cost_neither_the_text_nor_the_money_twice(
    operator: Api,
    make_book: BookMaker,
    at_gemini: LocalGemini,
    origin: Origin,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[str] = []

    @contextmanager
    def lost_at_first(of: str) -> Iterator[None]:
        with atomic():
            yield
            if lost.count(of) < 2:
                lost.append(of)
                raise IntegrityError("another writer was first")

    settle = spending.settle

    def settled_at_last(*given: Any) -> None:
        settle(*given)
        with lost_at_first("spending"):
            pass

    monkeypatch.setattr(realtime, "atomic", lambda: lost_at_first("realtime"))
    monkeypatch.setattr(spending, "settle", settled_at_last)
    page = page_of(make_book(1, images=origin))
    said = operator.post("/api/process/ocr", {"page_id": page.pk})
    assert (said.status, said.json["saved"]) == (200, True), said.json
    assert sorted(lost) == ["realtime", "realtime", "spending", "spending"]
    assert len(at_gemini.journal(paid=True)) == 1
    call, day = PaidCall.objects.get(), Spending.objects.get(pk=f"{now():%Y-%m-%d}")
    assert (call.requests, day.reserved, day.spent) == (1, 0, call.cost_micro_usd)
    assert page.texts.get().is_current


def test_a_spent_limit_is_402(
    operator: Api, make_book: BookMaker, at_gemini: LocalGemini, origin: Origin, settings: Any
) -> None:
    settings.SPEND_LIMIT_DAY_USD = 0
    said = operator.post("/api/process/ocr", {"page_id": page_of(make_book(1, images=origin)).pk})
    assert (said.status, "limit" in said.json["error"]) == (402, True)
    assert at_gemini.journal(paid=True) == []


def test_gemini_being_away_is_503(operator: Api, make_book: BookMaker, origin: Origin, settings: Any) -> None:
    settings.GEMINI_BASE_URL = "http://127.0.0.1:9"
    said = operator.post("/api/process/ocr", {"page_id": page_of(make_book(1, images=origin)).pk})
    assert (said.status, said.json["retryable"]) == (503, True)
    assert int(said.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ocr", {}),
        ("ocr", {"page_id": "nothing"}),
        ("ocr", {"page_id": "a", "image_url": "https://example.org/1.jpg"}),
        ("ocr", {"page_id": 17}),
        ("ocr", {"image_url": "file:///etc/passwd"}),
        ("ocr", {"image_url": "http://169.254.169.254/latest/meta-data"}),
        ("ocr", {"image_url": "http://10.0.0.1/1.jpg"}),
        ("ocr", {"page_id": "a", "save": "yes"}),
        ("translate", {}),
        ("translate", {"text": ""}),
        ("translate", {"text": "x" * 200_001}),
        ("translate", {"text": LATIN, "target_language": "Klangonisch"}),
        ("translate", {"page_id": "nothing"}),
    ],
)
def test_it_refuses_what_makes_no_sense(
    operator: Api, at_gemini: LocalGemini, path: str, body: dict[str, Any]
) -> None:
    said = operator.post(f"/api/process/{path}", body)
    assert (said.status, set(said.json)) == (400, {"error", "errors"})
    assert at_gemini.journal(paid=True) == []
