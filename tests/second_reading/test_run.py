"""How runs behave: by the schedule and by the command, bounded, alone, and giving way to other work."""

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_q.tasks import async_task
from pytest_django.fixtures import Settings

from books import keeping
from books.management.commands.import_sample import import_sample
from books.models import Book, Page, PageText
from books.second_reading import engines, run
from books.second_reading.engines import EngineError
from books.second_reading.layout import Line
from books.second_reading.models import Inspection, SecondReading
from books.second_reading.tasks import look_over
from tests.second_reading.conftest import Remembered, transcription, write


@pytest.fixture
def two(db: None) -> Book:
    """The first two pages of the sample book."""
    book, _ = import_sample()
    PageText.objects.filter(page__book=book).delete()
    Page.objects.filter(book=book, number__gt=2).delete()
    for page in book.pages.order_by("number"):
        write(page, transcription(page.number))
    book.recount()
    return book


@pytest.fixture(autouse=True)
def remembered(engine: Remembered, monkeypatch: pytest.MonkeyPatch) -> Remembered:
    """Runs get the engine that reads each image once for all tests."""
    monkeypatch.setattr("books.second_reading.rapid_engine.RapidOcr", lambda: engine)
    return engine


def said(*words: str) -> str:
    out = io.StringIO()
    call_command("second_reading", *words, stdout=out)
    return out.getvalue()


def test_the_schedule_reads_what_is_new_and_then_has_nothing_to_do(two: Book, engine: Remembered) -> None:
    assert look_over() == "Looked over 1 books; 0 texts flagged. Read 2 pages a second time; 0 texts flagged."
    reading = SecondReading.objects.get(page__book=two, page__number=1)
    assert reading.engine.startswith("rapidocr 3.") and reading.text_id and len(reading.lines) > 20
    assert reading.image_sha256 == two.pages.get(number=1).image_sha256 != ""
    assert reading.confidence is not None and 0.5 < reading.confidence <= 1
    look_over()
    assert engine.asked == 2
    assert Inspection.objects.get(book=two).readings_at is not None


def test_the_reading_room_tells_of_it(two: Book, admin_client: Client) -> None:
    page = two.pages.get(number=1)
    address = reverse("reading-room", args=[page.pk])
    assert "Read a second time" not in admin_client.get(address).content.decode()
    look_over()
    told = " ".join(admin_client.get(address).content.decode().split())
    assert "Read a second time" in told and re.search(r"rapidocr 3\.[\d.]+: \d % differ from the text", told)


def test_a_book_that_has_changed_is_looked_at_again(two: Book, engine: Remembered) -> None:
    look_over()
    look_over()
    write(two.pages.get(number=2), transcription(1))
    two.recount()
    assert "compared 1" in look_over()
    assert (SecondReading.objects.get(page__book=two, page__number=2).disagreement or 0) > 0.8
    told = {flag["rule"]: flag["reason"] for flag in PageText.objects.flagged().get(page__number=2).flags}
    assert "finds this text on page 1 " in told["second_reading"]


def test_other_work_comes_first(two: Book, engine: Remembered) -> None:
    async_task("math.sqrt", 4)
    assert "Read 0 pages" in look_over() and engine.asked == 0


def test_a_run_ends_with_its_seconds_and_goes_on_the_next_time(
    two: Book, engine: Remembered, settings: Settings
) -> None:
    settings.SECOND_READING_SECONDS = 0
    assert "Read 0 pages" in look_over()
    steps = iter([False, False, True])
    assert run.library(lambda: next(steps)).startswith("Read 1 pages")
    assert not Inspection.objects.filter(book=two).exists()
    settings.SECOND_READING_SECONDS = 60
    assert "Read 1 pages" in look_over()


def test_one_run_at_a_time(two: Book, engine: Remembered) -> None:
    with run.alone() as mine:
        assert mine
        assert "Another run is reading." in look_over()
        assert "try again when it has ended" in said("--book", two.pk)
    assert engine.asked == 0
    assert "Read 2 pages" in look_over()


def test_switched_off_it_says_so_and_does_nothing(two: Book, settings: Settings) -> None:
    settings.SECOND_READING = "off"
    assert said() == said("--book", two.pk)
    assert "switched off" in look_over() and not SecondReading.objects.exists()


def test_the_command_reads_a_book_and_reads_it_again_when_told(two: Book, engine: Remembered) -> None:
    assert said("--book", two.pk) == "Read 2 pages a second time; 0 texts flagged.\n"
    assert said("--book", two.pk).startswith("Read 0 pages")
    assert said("--book", two.pk, "--again").startswith("Read 2 pages")
    with pytest.raises(CommandError, match="There is no book 'none'"):
        said("--book", "none")


def test_an_image_that_cannot_be_had_is_not_tried_again_and_again(two: Book) -> None:
    page = two.pages.get(number=1)
    Page.objects.filter(pk=page.pk).update(image_file="nowhere/at/all.jpg")
    assert "1 could not be read" in look_over()
    assert "cannot be read" in SecondReading.objects.get(page=page).error
    two.recount()
    assert "Read 0 pages" in look_over()


def test_images_elsewhere_are_left_there_until_they_are_stored(two: Book) -> None:
    page = two.pages.get(number=1)
    Page.objects.filter(pk=page.pk).update(image_file="", image_url="http://127.0.0.1:9/1.jpg")
    assert "1 images are not stored here" in look_over()
    assert "1 could not be read" in said("--book", two.pk, "--fetch")


def test_a_stored_copy_brings_the_book_back(two: Book) -> None:
    look_over()
    keeping.keep(two)
    assert Inspection.objects.get(book=two).readings_at is None


class Broken(Remembered):
    """An engine whose process ends."""

    def read(self, jpeg: bytes, language: str, seconds: float) -> list[Line]:
        self.asked += 1
        raise EngineError("The OCR engine on this machine ended by itself (code 1): no memory", broken=True)


def test_a_broken_engine_ends_the_run_and_a_page_that_breaks_it_twice_is_left_out(
    two: Book, engine: Remembered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    cache = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": tmp_path}
    settings.CACHES = {"default": cache}
    broken = Broken(engine.engine, engine.readings)
    monkeypatch.setattr("books.second_reading.rapid_engine.RapidOcr", lambda: broken)
    assert "ended by itself" in look_over() and broken.asked == 1
    assert not SecondReading.objects.exists()
    assert "ended by itself" in look_over() and broken.asked == 3
    assert SecondReading.objects.get().error.endswith("no memory")
    with pytest.raises(CommandError, match="ended by itself"):
        SecondReading.objects.all().delete()
        settings.CACHES = {"default": cache | {"LOCATION": tmp_path / "other"}}
        said("--book", two.pk)
    assert engines.chosen()[0] == "rapidocr"
