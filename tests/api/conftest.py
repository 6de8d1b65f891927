"""A script's view of the API: `reader` and `operator` hold a token each, `anybody` none."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from books.models import ApiToken, Book, Page
from tests.support.localgemini import LocalGemini, gemini, gemini_process
from tests.support.origin import Origin, origin

__all__ = ["gemini", "gemini_process", "origin"]


@dataclass(frozen=True)
class Said:
    """One answer: its status, its JSON, its headers."""

    status: int
    json: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Api:
    """Calls the views through the whole middleware, as a script would with curl."""

    token: str = ""
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def send(self, method: str, path: str, body: Any = None, raw: bytes = b"", **headers: str) -> Said:
        """One call; `raw` is sent as it is, `body` as JSON."""
        data = raw or (json.dumps(body).encode() if body is not None else b"")
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        kind = headers.pop("content_type", "application/json")
        answer = self.client.generic(method, path, data, kind, headers=headers)
        assert answer["Content-Type"] == "application/json", answer["Content-Type"]
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        return Said(answer.status_code, json.loads(text) if text else None, dict(answer.items()))

    def get(self, path: str, **headers: str) -> Said:
        return self.send("GET", path, None, b"", **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Said:
        return self.send("POST", path, body, b"", **headers)


@pytest.fixture
def anybody() -> Api:
    """No token, no session."""
    return Api()


@pytest.fixture
def reader(db: None) -> Api:
    """A token that may read."""
    return Api(ApiToken.issue("reader", ApiToken.Scope.READ)[1])


@pytest.fixture
def operator(db: None) -> Api:
    """A token that may change and spend."""
    return Api(ApiToken.issue("operator", ApiToken.Scope.OPERATE)[1])


@pytest.fixture
def at_gemini(gemini: LocalGemini, settings: Any) -> LocalGemini:
    """The local stand-in for Gemini, and our settings pointing at it."""
    settings.GEMINI_BASE_URL = gemini.url
    settings.GEMINI_API_KEY = gemini.key
    return gemini


BookMaker = Callable[..., Book]


@pytest.fixture
def make_book(db: None) -> BookMaker:
    """`make_book(12, title="...")`: a book with so many pages, without texts."""

    def make(pages: int = 2, *, images: Origin | None = None, **fields: Any) -> Book:
        book = Book.objects.create(**{"title": "Epigrammata", "language": "la"} | fields)
        address = images.page if images else "https://example.org/{}.jpg".format
        Page.objects.bulk_create(
            [Page(book=book, number=n, image_url=address(n)) for n in range(1, pages + 1)], batch_size=1000
        )
        book.recount()
        return book

    return make
