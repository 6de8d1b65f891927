"""The key, tokens, passwords and SECRET_KEY are in no log, no error, no answer, no page and no table (I54)."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from books.models import ApiToken, Book
from jobs import gemini as gemini_module
from jobs import lifecycle
from jobs.lifecycle import LifecycleError
from jobs.models import Job
from tests.incidents.support import TESTER
from tests.security.addresses import addresses
from tests.support.browser import PASSWORD, person
from tests.support.library import make_book, order_ocr
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

pytestmark = pytest.mark.django_db
KEY = "AIzaDistinctiveKey0123456789abcdefghijk"


@pytest.fixture
def talking(local: LocalGemini, settings: Settings) -> Iterator[LocalGemini]:
    """A Gemini that says the key back in every error, and our settings with that key."""
    settings.GEMINI_API_KEY = KEY
    yield local
    gemini_module.close()


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log at its most talkative, as LOG_LEVEL=DEBUG has it."""
    quiet = {name: logging.getLogger(name).level for name in ("httpx2", "httpx", "google_genai")}
    assert set(quiet.values()) == {logging.WARNING}
    caplog.set_level(logging.DEBUG)
    yield caplog


def try_steps(job: Job, most: int = 6) -> list[str]:
    """Steps of a job; what they answer and what they raise."""
    said = []
    for _ in range(most):
        try:
            said.append(str(lifecycle.advance(job.pk, TESTER).payload))
        except LifecycleError as error:
            said.append(f"{error.sentence} {error.detail}")
    return said


def tables() -> str:
    """Every row of every table."""
    return "\n".join(str(list(model._default_manager.values())) for model in apps.get_models())


def pages_of(client: Client, job: Job, book: Book) -> str:
    """Every address that needs no more than these ids, as a superuser sees it."""
    values = {
        "job_id": job.pk, "book_id": book.pk,
        "page_id": str(book.pages.all()[0].pk), "row_id": str(job.ledger.all()[0].pk),
        "object_id": job.pk, "number": "1", "app_label": "jobs", "url": "x", "id": "1", "content_type_id": "1",
        "text_id": "x", "draw": "x", "verb": "reviewed", "type_": "batch_ocr",
    }  # fmt: skip
    seen = []
    for address in addresses():
        if set(_names(address.form)) - set(values) or address.name == "logout":
            continue
        answer: Any = client.get(address.path(values))
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        seen.append(f"{dict(answer.items())} {body.decode(errors='replace')}")
    assert len(seen) > 60
    return "\n".join(seen)


def _names(form: str) -> list[str]:
    return [part.partition(")")[0] for part in form.split("%(")[1:]]


FAULTS: list[dict[str, Any]] = [
    {"endpoint": "create", "do": "error", "code": 400, "message": f"bad request for {KEY}"},
    {"endpoint": "create", "do": "error", "code": 403, "message": f"API key {KEY} not valid"},
    {"endpoint": "create", "do": "error", "code": 500, "message": f"internal {KEY}"},
    {"endpoint": "*", "do": "error", "code": 429, "message": f"quota of {KEY}", "times": 3},
    {"endpoint": "create", "do": "lose_reply"},
    {"endpoint": "*", "do": "drop", "times": 3},
    {"endpoint": "batches_get", "do": "error", "code": 401, "message": f"who is {KEY}?"},
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault['endpoint']}-{fault.get('code', fault['do'])}"
)
def test_the_key_is_nowhere_after_failures(
    talking: LocalGemini, everything: pytest.LogCaptureFixture, client: Client, fault: dict[str, Any]
) -> None:
    client.force_login(person("superuser"))
    talking.fault("endpoint", **fault)
    book = make_book(2)
    job = order_ocr(book)
    said = "\n".join(try_steps(job))
    assert talking.journal(), "Gemini was asked"
    shown = {
        "answers": said,
        "tables": tables(),
        "pages": pages_of(client, job, book),
        "log": everything.text,
    }
    assert [where for where, text in shown.items() if KEY in text] == []
    assert "error" in shown["log"].lower()


def test_the_key_is_in_no_address_that_gemini_was_asked_at(talking: LocalGemini) -> None:
    try_steps(order_ocr(make_book(2)))
    paths = [one["path"] for one in talking.journal()]
    assert paths
    assert all(KEY not in path and "key=" not in path for path in paths)


def test_the_key_goes_to_gemini_and_to_no_image_server(
    talking: LocalGemini, origin: Origin, everything: pytest.LogCaptureFixture
) -> None:
    book = Book.objects.create(title="Epodi", language="la")
    book.pages.model.objects.create(book=book, number=1, image_url=origin.page(1))
    try_steps(order_ocr(book))
    assert origin.requests
    assert KEY not in str(origin.headers)


def test_tokens_passwords_and_the_secret_key_are_nowhere(
    everything: pytest.LogCaptureFixture, settings: Settings, client: Client
) -> None:
    settings.SECRET_KEY = "distinctive-secret-key-that-nobody-may-see"
    person("superuser", "boss")
    _row, token = ApiToken.issue("script", "operate")
    client.post("/admin/login/", {"username": "boss", "password": PASSWORD, "next": "/admin/"})
    for wrong in (token, token[:-1]):
        Client(headers={"authorization": f"Bearer {wrong}"}).post(
            "/api/jobs", "{", content_type="application/json"
        )
    job = order_ocr(make_book(1))
    shown = tables() + pages_of(client, job, job.book) + everything.text
    for secret in (token, token[:-1], PASSWORD, settings.SECRET_KEY):
        assert secret not in shown
    assert User.objects.get(username="boss").check_password(PASSWORD)


def test_an_error_of_ours_tells_the_visitor_a_number_and_no_more(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"inside: {KEY}")

    monkeypatch.setattr("jobs.api.find_job", broken)
    client.raise_request_exception = False
    client.force_login(person("superuser"))
    answer = client.get("/api/jobs/x")
    assert answer.status_code == 500
    assert "its log tells more under" in answer.json()["error"]
    assert KEY not in answer.content.decode()
    assert "RuntimeError" not in answer.content.decode()
