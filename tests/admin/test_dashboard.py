"""The first page: what it counts, what it warns of, what an empty house says."""

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from books import texts
from books.models import PageText
from jobs import gemini
from jobs.models import GeminiBatch, Heartbeat, Job, Spending
from sourcebatch import dashboard
from tests.admin.test_orders import said
from tests.support.library import make_book, order_ocr


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    """Counts that are kept for a while belong to other tests."""
    cache.clear()


def index(client: Client) -> Any:
    return client.get(reverse("admin:index"))


def fact(facts: list[dashboard.Fact], label: str) -> dashboard.Fact:
    return next(one for one in facts if one.label == label)


def test_an_empty_house_asks_for_its_first_book(boss: Client) -> None:
    assert "Import your first book" in said(index(boss))
    make_book(1)
    assert "Import your first book" not in said(index(boss))


def test_work_in_progress_and_books_by_state_are_counted(boss: Client) -> None:
    order_ocr(make_book(2, title="Ars magna"))
    page = index(boss)
    assert page.context["working"]["count"] == 1
    assert "Ars magna" in said(page)
    assert fact(page.context["states"], "Need transcription").value == "1"


def test_what_needs_a_person_is_listed_with_links_that_lead_there(boss: Client) -> None:
    book = make_book(2)
    first, second = book.pages.order_by("number")
    flag = [{"rule": "loop", "reason": "repeats"}]
    texts.write(first, texts.NewText(kind="ocr", data="a a a", source="machine", flags=flag))
    old = texts.write(second, texts.NewText(kind="ocr", data="one", source="machine")).text
    new = texts.NewText("translation", "uno", "machine", target_language="en", based_on=old.text_sha256)
    texts.write(second, new)
    texts.write(second, texts.NewText(kind="ocr", data="another", source="human"))
    book.recount()
    job = order_ocr(make_book(1))
    Job.objects.filter(pk=job.pk).update(progress={"total": 1, "failed": 1})
    facts = {one.label: one for one in index(boss).context["attention"]}
    assert {label: one.value for label, one in facts.items()} == {
        "Jobs with failed pages": "1", "Flagged texts to review": "1", "Stale translations": "1",
    }  # fmt: skip
    failed = boss.get(facts["Jobs with failed pages"].url)
    assert [one.pk for one in failed.context["cl"].result_list] == [job.pk]
    stale = boss.get(facts["Stale translations"].url)
    assert [one.pk for one in stale.context["cl"].result_list] == [second.pk]


def test_nothing_needs_a_person_when_all_is_well(boss: Client) -> None:
    make_book(1)
    assert index(boss).context["attention"] == []


def test_pages_done_are_counted_on_their_days(boss: Client) -> None:
    book = make_book(2)
    for page in book.pages.all():
        texts.write(page, texts.NewText(kind="ocr", data="x", source="machine"))
    texts.write(book.pages.all()[0], texts.NewText(kind="ocr", data="by hand", source="human"))
    chart = index(boss).context["charts"][0]
    assert chart.total == "2"
    assert chart.rows[-1]["values"] == ["2", "0"]
    assert chart.rows[-1]["bars"][0] == {"y": 0.0, "height": 100.0}
    assert PageText.objects.count() == 3


def test_days_that_are_over_are_not_counted_again(boss: Client) -> None:
    make_book(1)
    index(boss)
    yesterday = dashboard._days()[-2]
    cache.set(dashboard._day_key(yesterday), [7, 1], 60)
    chart = index(boss).context["charts"][0]
    assert chart.rows[-2]["values"] == ["7", "1"]
    assert chart.total == "8"


def test_money_is_shown_against_its_limit(boss: Client, settings: Settings) -> None:
    make_book(1)
    settings.SPEND_LIMIT_MONTH_USD = 10.0
    today = timezone.now()
    Spending.objects.create(period=f"{today:%Y-%m}", spent=2_500_000, reserved=1_000_000)
    Spending.objects.create(period=f"{today:%Y-%m-%d}", spent=1_500_000)
    page = index(boss)
    month = page.context["limits"][1]
    assert (month["spent"], month["limit"], month["percent"], month["reserved_percent"]) == (
        "$2.50",
        "$10.00",
        25,
        10,
    )
    assert page.context["charts"][1].total == "$1.50"


def test_a_banner_on_every_page_tells_when_the_worker_is_silent_while_work_waits(boss: Client) -> None:
    job = order_ocr(make_book(1))
    Heartbeat.objects.create(name="worker", at=timezone.now() - dt.timedelta(minutes=30))
    for address in (
        reverse("admin:index"),
        reverse("admin:books_book_changelist"),
        reverse("admin:auth_user_add"),
    ):
        assert "The worker is silent while jobs wait. Last seen: 30 minutes ago." in said(boss.get(address))
    Heartbeat.beat("worker")
    assert "The worker is silent" not in said(index(boss))
    Heartbeat.objects.all().delete()
    assert "The worker is silent" not in said(index(boss)), "a job that is a second old is no reason to worry"
    Job.objects.filter(pk=job.pk).update(next_step_at=timezone.now() - dt.timedelta(minutes=6))
    assert "It has never been seen." in said(index(boss))


def test_a_silent_worker_without_work_is_no_alarm(boss: Client) -> None:
    make_book(1)
    Heartbeat.objects.create(name="worker", at=timezone.now() - dt.timedelta(days=3))
    page = index(boss)
    assert "The worker is silent while" not in said(page)
    assert fact(page.context["health"], "Worker").tone == "bad"


def test_a_batch_left_uncollected_for_long_is_an_alarm(boss: Client, settings: Settings) -> None:
    job = order_ocr(make_book(1))
    ended = timezone.now() - dt.timedelta(hours=30)
    batch = GeminiBatch.objects.create(
        job=job, display_name="b", model="m", stage="ended", ended_at=ended,
        collect_before=ended + dt.timedelta(hours=48),
    )  # fmt: skip
    found = fact(index(boss).context["health"], "Oldest uncollected batch")
    assert (found.tone, found.value, found.url) == (
        "bad",
        "30 hours",
        reverse("admin:jobs_job_change", args=[job.pk]),
    )
    GeminiBatch.objects.filter(pk=batch.pk).update(ended_at=timezone.now() - dt.timedelta(hours=1))
    assert fact(index(boss).context["health"], "Oldest uncollected batch").tone == "plain"


def test_open_batches_are_held_against_the_cap(boss: Client, settings: Settings) -> None:
    job = order_ocr(make_book(1))
    GeminiBatch.objects.create(job=job, display_name="b", model="m", stage="open")
    settings.MAX_OPEN_BATCHES = 1
    assert fact(index(boss).context["health"], "Open batches").tone == "warn"
    settings.MAX_OPEN_BATCHES = 80
    assert fact(index(boss).context["health"], "Open batches").value == "1 of 80"


def test_tokens_and_files_at_gemini_are_held_against_their_limits(boss: Client, settings: Settings) -> None:
    job = order_ocr(make_book(1))
    assert {one.label for one in index(boss).context["health"]}.isdisjoint(
        {"Enqueued tokens", "Files at Gemini"}
    )
    GeminiBatch.objects.create(
        job=job, display_name="b", model="gemini-3.5-flash-lite", stage="open", input_tokens=9_000_000,
        bytes=4_400_000_000, result_bytes=100_000_000, key_fingerprint=gemini.fingerprint(),
    )  # fmt: skip
    health = index(boss).context["health"]
    tokens, files = fact(health, "Enqueued tokens"), fact(health, "Files at Gemini")
    assert (tokens.value, tokens.tone, tokens.hint) == (
        "9,000,000 of 10,000,000", "warn", "gemini-3.5-flash-lite"
    )  # fmt: skip
    assert (files.value, files.tone) == ("4.5 of 18.0 GB", "good")
    settings.MAX_ENQUEUED_TOKENS, settings.MAX_GEMINI_FILE_BYTES = "0", 5_000_000_000
    health = index(boss).context["health"]
    assert "Enqueued tokens" not in {one.label for one in health}
    assert fact(health, "Files at Gemini").tone == "warn"


def test_the_dashboard_needs_few_queries(boss: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        order_ocr(make_book(1))
    index(boss)
    with django_assert_max_num_queries(25):
        index(boss)


def test_who_has_no_right_to_look_sees_no_figures(client: Client, db: None) -> None:
    from django.contrib.auth.models import User

    client.force_login(User.objects.create_user("guest", is_staff=True))
    order_ocr(make_book(1, title="Ars magna"))
    assert "Ars magna" not in said(index(client))
