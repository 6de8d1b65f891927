"""Image addresses that point at the inside of the network, through the whole product: book, job, page at once (I43)."""

import json
import socket
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from books.models import ApiToken
from jobs.models import Job, PaidCall
from tests.incidents.support import run_patiently
from tests.support.localgemini import LocalGemini
from tests.support.origin import Answer, Origin

pytestmark = pytest.mark.django_db
SECRET = b"inner secret"


@pytest.fixture
def inside(origin: Origin) -> Origin:
    """A server inside that must never be asked, though it listens."""
    return origin


@pytest.fixture
def outside(settings: Settings) -> Any:
    """A server that the settings allow, and that sends its visitors where it likes."""
    server = Origin()
    settings.FETCH_ALLOWED_HOSTS = [server.url.removeprefix("http://")]
    settings.FETCH_RETRIES = 0
    yield server
    server.stop()


@pytest.fixture
def operator(db: None) -> Client:
    return Client(headers={"authorization": f"Bearer {ApiToken.issue('operator', 'operate')[1]}"})


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


def addresses_of(inside: Origin, outside: Origin) -> list[str]:
    port = inside.url.rpartition(":")[2]
    outside.answers["/hop"] = Answer(status=302, headers={"Location": inside.page(1)})
    outside.answers["/name"] = Answer(status=301, headers={"Location": f"http://localhost:{port}/page/1.jpg"})
    outside.answers["/metadata"] = Answer(status=302, headers={"Location": "http://169.254.169.254/latest/"})
    outside.answers["/file"] = Answer(status=302, headers={"Location": "file:///etc/passwd"})
    hosts = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0")
    direct = [f"http://{host}:{port}/page/1.jpg" for host in hosts]
    return [*direct, *(f"{outside.url}{path}" for path in ("/hop", "/name", "/metadata", "/file"))]


def test_i43_a_job_asks_nobody_inside_and_says_why(
    inside: Origin, outside: Origin, operator: Client, local: LocalGemini
) -> None:
    pages = [{"image_url": url} for url in addresses_of(inside, outside)]
    book = post(operator, "/api/books", {"title": "Trojan", "pages": pages})
    assert book.status_code == 201, book.json()
    ids = [page["id"] for page in book.json()["pages"]]
    made = post(operator, "/api/jobs", {"type": "batch_ocr", "book_id": book.json()["id"], "page_ids": ids})
    job = Job.objects.get(pk=made.json()["id"])
    run_patiently(job)
    rows = list(job.ledger.all())
    assert (job.status, {row.state for row in rows}) == ("failed", {"failed"})
    assert all("inner address" in row.error or "cannot be fetched" in row.error for row in rows), rows
    assert not inside.requests
    assert len(local.journal("create")) == 0


def test_i43_a_page_at_once_asks_nobody_inside_either(
    inside: Origin, outside: Origin, operator: Client, local: LocalGemini
) -> None:
    for url in addresses_of(inside, outside):
        answer = post(operator, "/api/process/ocr", {"image_url": url})
        assert 400 <= answer.status_code < 500, url
        assert answer.json()["error"].endswith(".")
        assert SECRET.decode() not in answer.json()["error"]
    assert not inside.requests
    assert not PaidCall.objects.exists()


def test_i43_a_name_that_turns_inwards_after_it_was_looked_at_gains_nothing(
    inside: Origin, operator: Client, local: LocalGemini, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver is replaced, as no test can own a name server: outer at the first look, loopback ever after."""
    settings.FETCH_ALLOWED_HOSTS, settings.FETCH_RETRIES, settings.FETCH_TIMEOUT = [], 2, 2.0
    real, looks = socket.getaddrinfo, []

    def fickle(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *args, **more)
        looks.append(host)
        address = "198.51.100.1" if len(looks) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 80)))]

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    port = inside.url.rpartition(":")[2]
    answer = post(operator, "/api/process/ocr", {"image_url": f"http://rebind.example:{port}/page/1.jpg"})
    assert answer.status_code >= 400
    assert looks
    assert not inside.requests


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/x", "javascript:alert(1)"]
)
def test_what_is_no_web_address_is_refused_at_the_door(operator: Client, url: str) -> None:
    answer = post(operator, "/api/books", {"title": "Trojan", "pages": [{"image_url": url}]})
    assert answer.status_code == 400
    assert "https://" in answer.json()["error"]
