"""A book with texts, and people who look at it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from books import texts
from books.models import Book, Kind, Page, PageText
from books.texts import NewText
from tests.support.browser import person
from tests.support.library import make_book
from tests.support.localgemini import gemini, gemini_process
from tests.support.origin import origin

__all__ = ["gemini", "gemini_process", "origin"]

Write = Callable[..., PageText]


@pytest.fixture
def book(db: None) -> Book:
    """Three pages in Latin, with stored images and no texts."""
    return make_book(3)


@pytest.fixture
def page(book: Book) -> Page:
    """Its first page."""
    return book.pages.get(number=1)


def write(page: Page, data: str, kind: str = Kind.OCR, **more: Any) -> PageText:
    """A machine's text, as a job would write it."""
    target = "en" if kind == Kind.TRANSLATION else ""
    source = more.pop("source", "machine")
    new = NewText(
        kind, data, source, target_language=target, language="la", model="gemini-3.5-flash-lite", **more
    )
    written = texts.write(page, new)
    page.book.recount()
    return written.text


def client_of(user: User) -> Client:
    """A browser without JavaScript in which somebody is logged in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def editor(db: None) -> Client:
    """Somebody who may correct texts."""
    return client_of(person("Editor", "anna"))


@pytest.fixture
def viewer(db: None) -> Client:
    """Somebody who may look and change nothing."""
    return client_of(person("Viewer", "vera"))


@pytest.fixture
def operator(db: None) -> Client:
    """Somebody who may spend money."""
    return client_of(person("Operator", "otto"))
