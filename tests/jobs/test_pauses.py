"""How long a page waits for a library that wants a pause, and when that counts as an attempt."""

import datetime as dt

from pytest_django.fixtures import Settings

from books.models import Page
from jobs.lifecycle.prepare import Work, _note_failure
from jobs.models import JobPage, PageState
from sourcebatch.lib.clock import now


def failed(row: JobPage, *, wait: float, crowded: bool = False) -> dt.timedelta | None:
    """One more failure of this page; how long it waits then."""
    _note_failure(Work(row, Page(), reason="image", sentence="429.", retry=True, wait=wait, crowded=crowded))
    if row.not_before is None:
        return None
    return dt.timedelta(seconds=round((row.not_before - now()).total_seconds()))


def test_i42_pauses_grow_whatever_little_a_library_asks_for(settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 4
    row = JobPage(state=PageState.WAITING)
    pauses = [failed(row, wait=2) for _ in range(3)]
    assert pauses == [dt.timedelta(minutes=1), dt.timedelta(minutes=15), dt.timedelta(minutes=15)]
    assert failed(row, wait=2) is None
    assert (row.state, row.is_open, row.attempts) == (PageState.FAILED, False, 4)


def test_no_library_makes_a_page_wait_for_more_than_an_hour() -> None:
    assert failed(JobPage(state=PageState.WAITING), wait=86_400) == dt.timedelta(hours=1)


def test_a_turn_that_did_not_come_is_no_attempt(settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 2
    row = JobPage(state=PageState.WAITING)
    for _ in range(10):
        assert failed(row, wait=60, crowded=True) == dt.timedelta(minutes=1)
    assert (row.state, row.attempts) == (PageState.WAITING, 0)
    failed(row, wait=60)
    assert row.attempts == 1
