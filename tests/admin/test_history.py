"""What the change log and a book's history say to people."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from books import reading
from books.models import Book, Kind, PageText
from jobs import lifecycle
from jobs.lifecycle import Actor
from sourcebatch.lib.adminlog import record
from tests.support.library import make_book, order_ocr

pytestmark = pytest.mark.django_db


def write(book: Book, number: int, author: str = "anna") -> PageText:
    page = book.pages.get(number=number)
    saved = reading.save(page, reading.Edit(Kind.OCR, f"Arma {number}"), author=author)
    assert saved is not None
    return saved


def history(client: Client, book: Book, **headers: str) -> str:
    answer = client.get(reverse("admin:books_book_history", args=[book.pk]), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_book_s_history_has_its_jobs_its_texts_and_its_settings(boss: Client) -> None:
    book = make_book(3)
    job = order_ocr(book)
    lifecycle.pause(job.pk, Actor("librarian", "admin"))
    write(book, 1)
    write(book, 2)
    record(Actor("librarian", "admin"), [book], 2, "Exported as epub")
    other = make_book(1, title="Another")
    order_ocr(other)
    html = history(boss, book)
    assert "Created: 3 pages, 0 left out" in html and "Paused" in html and "Exported as epub" in html
    assert "Transcription written: 2 pages: 1, 2" in html
    assert reverse("admin:jobs_job_change", args=[job.pk]) in html
    assert "Created: 1 pages" not in html


def test_a_day_s_work_of_one_person_is_one_line(boss: Client) -> None:
    book = make_book(4)
    for number in (1, 2, 3):
        write(book, number)
    write(book, 4, author="bert")
    html = history(boss, book)
    assert html.count("Transcription written:") == 2


def test_the_history_speaks_the_reader_s_language(boss: Client) -> None:
    book = make_book(2)
    order_ocr(book)
    html = history(boss, book, accept_language="de")
    assert "Angelegt: 2 Seiten, 0 ausgelassen" in html and "durch einen Befehl" in html


def test_the_history_of_what_is_not_there_and_for_whom_it_is_not(as_role: object, boss: Client) -> None:
    assert boss.get(reverse("admin:books_book_history", args=["nothing"])).status_code == 302
    boss.logout()
    assert boss.get(reverse("admin:books_book_history", args=[make_book(0).pk])).status_code == 302


def test_the_change_log_speaks_in_words_and_leads_to_things(boss: Client) -> None:
    book = make_book(0)
    form = reverse("admin:books_book_change", args=[book.pk])
    fields = {
        "title": "Ars nova",
        "author": "",
        "direction": "left-to-right",
        "language": "la",
        "target_language": "en",
    }
    assert boss.post(form, fields).status_code == 302
    html = boss.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "[{" not in html and "Changed" in html
    assert f'href="{form}"' in html


@pytest.mark.parametrize(
    ("way", "said"),
    [("admin", "Seen"), ("api", "Called"), ("command", "Commanded"), ("schedule", "Scheduled")],
)
def test_the_change_log_is_filtered_by_way(boss: Client, way: str, said: str) -> None:
    book = make_book(0)
    record(Actor("librarian", "admin"), [book], 2, "Seen")
    record(Actor("robot", "api", token=True), [book], 2, "Called")
    record(Actor("recount"), [book], 2, "Commanded")
    record(Actor("schedule", "schedule"), [book], 2, "Scheduled")
    listed = boss.get(reverse("admin:admin_logentry_changelist"), {"way": way}).context["cl"].result_list
    assert [entry.change_message.partition(" (")[0] for entry in listed] == [said]


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Change log: who changed what, when and by which way"),
        ("de", "Änderungsprotokoll: wer was wann und auf welchem Weg geändert hat"),
        ("fr", "Journal des modifications : qui a changé quoi, quand et par quelle voie"),
    ],
)
def test_the_change_log_says_what_it_is(boss: Client, language: str, title: str) -> None:
    page = boss.get(reverse("admin:admin_logentry_changelist"), headers={"Accept-Language": language})
    assert page.context["title"] == title
    assert title in page.content.decode()


def test_the_machine_is_named_after_the_program(boss: Client) -> None:
    record(Actor("recount"), [make_book(0)], 2, "Counts made true again")
    html = boss.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "Sourcebatch" in html and "by a command: recount" in html
    assert LogEntry.objects.count() == 1
