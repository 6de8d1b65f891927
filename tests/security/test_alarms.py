"""Alarms: one digest of what is new, by mail and webhook, nothing twice, nothing lost when sending fails."""

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import time_machine
from django.core import mail
from django_q.models import Schedule
from pytest_django.fixtures import Settings

from jobs.models import Heartbeat, Job, JobPage, PageState, Status
from sourcebatch.alarms import kind_of, send_alarms
from sourcebatch.lib.clock import now
from tests.support.library import make_book, order_ocr

pytestmark = pytest.mark.django_db
START = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


class Hook:
    """A chat's webhook: keeps what was posted, answers with `status`."""

    def __init__(self) -> None:
        self.posted: list[Any] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """The test looks at `posted`."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/SECRETPATH"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def clock(settings: Settings) -> Iterator[time_machine.Traveller]:
    settings.ALARM_EMAILS = ["librarian@example.org"]
    settings.ALARM_EVERY_HOURS = 24.0
    with time_machine.travel(START, tick=False) as clock:
        Heartbeat.beat("worker")
        Schedule.objects.all().delete()  # nobody runs them here, and /health would say so
        yield clock


def fail(pages: int, title: str = "Epigrammata") -> Job:
    """A job of which every page fails now."""
    job = order_ocr(make_book(pages, title=title))
    failed = {"state": PageState.FAILED, "is_open": False, "reason": "not_an_image", "updated_at": now()}
    JobPage.objects.filter(job=job).update(**failed)
    Job.objects.filter(pk=job.pk).update(
        status=Status.FAILED, error="No page could be prepared.", completed_at=now(), updated_at=now()
    )
    return job


def test_nobody_is_told_when_all_is_well(clock: time_machine.Traveller) -> None:
    assert send_alarms() == {"digests": 0}
    assert mail.outbox == []


def test_nobody_is_asked_when_nobody_wants_to_know(clock: time_machine.Traveller, settings: Settings) -> None:
    settings.ALARM_EMAILS = []
    fail(1)
    assert send_alarms() == {"digests": 0}


def test_many_failures_are_one_mail(clock: time_machine.Traveller) -> None:
    for number in range(12):
        fail(3, f"Book {number}")
    assert send_alarms() == {"digests": 1}
    (told,) = mail.outbox
    assert told.to == ["librarian@example.org"]
    assert told.subject == "Sourcebatch: 12 jobs and 36 pages failed"
    assert "Failed pages: 36 (not_an_image)." in told.body
    assert "And 2 more failed jobs." in told.body


def test_the_same_failures_are_told_once_and_later_ones_in_the_next_digest(
    clock: time_machine.Traveller,
) -> None:
    fail(1)
    send_alarms()
    clock.shift(HOUR)
    Heartbeat.beat("worker")
    fail(2, "Later")
    assert send_alarms() == {"digests": 0}
    clock.shift(23 * HOUR)
    Heartbeat.beat("worker")
    assert send_alarms() == {"digests": 1}
    assert mail.outbox[1].subject == "Sourcebatch: 1 jobs and 2 pages failed"
    clock.shift(25 * HOUR)
    Heartbeat.beat("worker")
    assert send_alarms() == {"digests": 0}


def test_a_silent_worker_is_told_at_once_and_not_again_while_it_lasts(clock: time_machine.Traveller) -> None:
    fail(1)
    send_alarms()
    clock.shift(HOUR)
    assert send_alarms() == {"digests": 1}
    assert mail.outbox[1].subject == "Sourcebatch needs somebody"
    assert "No worker has shown up" in mail.outbox[1].body
    for _ in range(4):
        clock.shift(13 * HOUR)
        assert send_alarms() == {"digests": 0}


def test_what_was_mended_and_comes_back_is_told_again_but_not_what_flickers(
    clock: time_machine.Traveller,
) -> None:
    clock.shift(HOUR)
    assert send_alarms() == {"digests": 1}
    for _ in range(3):
        Heartbeat.beat("worker")
        send_alarms()
        clock.shift(HOUR)
        assert send_alarms() == {"digests": 0}
    for _ in range(26):
        Heartbeat.beat("worker")
        send_alarms()
        clock.shift(HOUR)
        Heartbeat.beat("worker")
        send_alarms()
    clock.shift(HOUR)
    assert send_alarms() == {"digests": 1}


def test_a_webhook_gets_the_same_words(clock: time_machine.Traveller, settings: Settings, hook: Hook) -> None:
    settings.ALARM_EMAILS, settings.ALARM_WEBHOOK_URL = [], hook.url
    fail(1)
    assert send_alarms() == {"digests": 1}
    assert "1 jobs and 1 pages failed" in hook.posted[0]["text"]


def test_what_could_not_be_sent_is_sent_later_and_its_address_is_not_logged(
    clock: time_machine.Traveller, settings: Settings, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALARM_EMAILS, settings.ALARM_WEBHOOK_URL = [], hook.url
    fail(1)
    hook.status = 500
    assert send_alarms() == {"digests": 0, "failed": 1}
    assert "answered 500" in caplog.text
    assert "SECRETPATH" not in caplog.text
    hook.status = 200
    clock.shift(dt.timedelta(minutes=10))
    Heartbeat.beat("worker")
    assert send_alarms() == {"digests": 1}


def test_one_way_that_fails_does_not_stop_the_other(
    clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.ALARM_WEBHOOK_URL = "http://127.0.0.1:9/hook"
    fail(1)
    assert send_alarms() == {"digests": 1}
    assert len(mail.outbox) == 1


def test_a_webhook_inside_is_refused_unless_allowed(
    clock: time_machine.Traveller, settings: Settings, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALARM_EMAILS, settings.ALARM_WEBHOOK_URL, settings.FETCH_ALLOWED_HOSTS = [], hook.url, []
    fail(1)
    assert send_alarms() == {"digests": 0, "failed": 1}
    assert "FETCH_ALLOWED_HOSTS" in caplog.text
    assert hook.posted == []


def test_two_workers_send_one_digest(clock: time_machine.Traveller) -> None:
    fail(1)
    send_alarms()
    clock.shift(25 * HOUR)
    Heartbeat.beat("worker")
    fail(1)
    Heartbeat.objects.filter(pk="alarms").update(at=now())  # the other one began just now
    assert send_alarms() == {"digests": 0}
    clock.shift(dt.timedelta(minutes=2))
    assert send_alarms() == {"digests": 1}  # it died: nothing is lost


def test_a_title_cannot_forge_a_mail(clock: time_machine.Traveller) -> None:
    fail(1, "x\r\nBcc: everybody@example.org")
    send_alarms()
    assert "Bcc" not in mail.outbox[0].message().as_string().partition("\n\n")[0]


def test_a_complaint_is_the_same_with_other_figures() -> None:
    first = kind_of("3 batches are open, but Gemini was last asked at 2026-11-23T08:00:00.000Z: look.")
    assert first == kind_of(
        "12 batches are open, but Gemini was last asked at 2026-11-24T09:30:01.123Z: look."
    )
    assert first != kind_of("No worker has shown up since 2026-11-23T08:00:00.000Z: start one.")
