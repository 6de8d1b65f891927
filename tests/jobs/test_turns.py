"""Beyond the cap of open batches users and books take turns; priority goes first."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from jobs import lifecycle, tasks
from jobs.lifecycle import Actor, NewJob
from jobs.lifecycle.turns import AT_THE_CAP, NO_SPACE, NO_TOKENS, Room, Waiting, next_ones, turns
from jobs.models import GeminiBatch, Job
from sourcebatch.lib.clock import now
from tests.support.library import make_book
from tests.support.localgemini import LocalGemini

START = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


def waiting(name: str, user: str = "anna", book: str = "", priority: int = 0) -> Waiting:
    return Waiting(name, user, book or name, priority, START + dt.timedelta(seconds=ord(name[-1])))


def test_one_persons_many_jobs_do_not_keep_anothers_single_one_waiting() -> None:
    many = [waiting(f"a{letter}") for letter in "bcdefgh"]
    line = [*many, waiting("z", "bert")]
    assert next_ones(line, [("anna", "x")], Room(1)) == ["z"]
    assert next_ones(line, [], Room(3)) == ["ab", "z", "ac"]


def test_books_of_one_person_take_turns_and_who_waits_longest_is_first() -> None:
    line = [waiting("b", book="large"), waiting("c", book="small")]
    assert next_ones(line, [("anna", "large")], Room(2)) == ["c", "b"]
    assert next_ones(line, [], Room(1)) == ["b"]


def test_priority_goes_before_turns() -> None:
    line = [waiting("b"), waiting("c", "bert"), waiting("d", priority=5)]
    assert next_ones(line, [("anna", "d")] * 10, Room(1)) == ["d"]


def test_no_more_are_chosen_than_there_are_places() -> None:
    assert next_ones([waiting("b"), waiting("c")], [], Room(0)) == []
    assert next_ones([], [], Room(5)) == []


def sized(name: str, tokens: int, user: str = "anna", model: str = "m", size: int = 0) -> Waiting:
    return replace(waiting(name, user), tokens=tokens, bytes=size, model=model)


def test_tokens_are_shared_out_by_model_and_a_model_without_a_limit_has_none() -> None:
    line = [sized("b", 60), sized("c", 60), sized("d", 60, model="other"), sized("e", 10**9, model="free")]
    room = Room(9, {"m": 100, "other": 60})
    assert turns(line, [], room) == {"b": "", "c": NO_TOKENS, "d": "", "e": ""}
    assert (room.places, room.tokens) == (6, {"m": 0, "other": 0})


def test_a_large_batch_is_not_overtaken_by_small_ones_of_its_model() -> None:
    line = [sized("b", 90), sized("c", 10), sized("d", 10, model="other")]
    assert turns(line, [], Room(9, {"m": 50, "other": 50})) == {"b": NO_TOKENS, "c": NO_TOKENS, "d": ""}
    assert next_ones(line, [], Room(9, {"m": 100, "other": 50})) == ["b", "c", "d"]


def test_a_small_batch_of_another_person_goes_before_the_next_large_one() -> None:
    line = [sized("b", 90), sized("c", 90), sized("z", 10, "bert")]
    assert next_ones(line, [], Room(9, {"m": 100})) == ["b", "z"]
    assert turns(line, [("anna", "x")], Room(9, {"m": 50})) == {"z": "", "b": NO_TOKENS, "c": NO_TOKENS}


def test_files_are_kept_for_who_is_first_and_requests_in_the_call_need_none() -> None:
    line = [sized("b", 1, size=900), sized("c", 1, size=100), sized("d", 1)]
    assert turns(line, [], Room(9, bytes=500)) == {"b": NO_SPACE, "c": NO_SPACE, "d": ""}


def test_only_the_first_who_waits_for_one_limit_keeps_its_share_of_the_other() -> None:
    """Else a model whose tokens are used up would let the files lie idle that another model could use."""
    line = [sized(name, 60, size=100) for name in "bcd"] + [sized("e", 1, model="other", size=100)]
    assert turns(line, [], Room(9, {"m": 50}, bytes=200)) == dict.fromkeys("bcd", NO_TOKENS) | {"e": ""}
    assert turns(line, [], Room(9, {"m": 50}, bytes=150))["e"] == NO_SPACE


def turn_of_the_large_one(rounds: int = 200) -> int | None:
    """Five people always have a small batch to send, one a large one that needs the whole quota of 100 tokens; batches
    are open for some rounds, each person's for another number. In which round the large one went.
    """
    still_open: list[tuple[int, Waiting]] = []
    line = [sized(f"small{number}", 30, f"user{number}") for number in range(5)]
    line.append(sized("large", 100, "zoe"))
    for turn in range(rounds):
        still_open = [(until, one) for until, one in still_open if until > turn]
        room = Room(80, {"m": 100 - sum(one.tokens for _, one in still_open)})
        sent = next_ones(line, [(one.user, one.book_id) for _, one in still_open], room)
        if "large" in sent:
            return turn
        for place, one in enumerate(line):
            if one.job_id in sent:
                still_open.append((turn + 2 + place, one))
                line[place] = replace(one, since=START + dt.timedelta(hours=1 + turn))
    return None


def test_a_large_batch_goes_in_time_though_small_ones_keep_coming() -> None:
    turn = turn_of_the_large_one()
    assert turn is not None
    assert turn < 20


def test_it_would_starve_if_small_ones_went_ahead_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: when nothing is kept for it, there is never enough at once."""
    keep = Room.keep

    def only_what_goes(room: Room, one: Waiting, limits: Sequence[str]) -> None:
        if not room.lacks(one):
            keep(room, one, limits)

    monkeypatch.setattr(Room, "keep", only_what_goes)
    assert turn_of_the_large_one() is None


def order(user: str) -> Job:
    book = make_book(1, title=f"Of {user}")
    return lifecycle.create(NewJob("batch_ocr", None, book.pk), Actor(user, "api")).job


def step(job: Job) -> None:
    """A scheduled step whose time has come, twice: preparing, then sending."""
    for _ in range(2):
        lifecycle.advance(job.pk, Actor("schedule", "schedule"))


@pytest.mark.django_db
def test_a_free_place_goes_to_whose_turn_it_is_though_another_asks_first(
    local: LocalGemini, settings: Settings
) -> None:
    settings.MAX_OPEN_BATCHES = 1
    local.hold()
    first, second, of_bert = order("anna"), order("anna"), order("bert")
    for job in (first, second, of_bert):
        step(job)
    assert list(GeminiBatch.objects.values_list("job_id", flat=True)) == [first.pk]
    assert set(Job.objects.exclude(pk=first.pk).values_list("waiting_for", flat=True)) == {AT_THE_CAP}
    settings.MAX_OPEN_BATCHES = 2
    step(second)
    assert not second.batches.exists()
    step(of_bert)
    assert of_bert.batches.count() == 1
    settings.MAX_OPEN_BATCHES = 3
    step(second)
    assert second.batches.count() == 1


@pytest.mark.django_db
def test_a_job_that_asks_no_more_keeps_nobody_waiting(local: LocalGemini, settings: Settings) -> None:
    settings.MAX_OPEN_BATCHES = 1
    local.hold()
    first, second, of_bert = order("anna"), order("anna"), order("bert")
    for job in (first, second, of_bert):
        step(job)
    Job.objects.filter(pk=of_bert.pk).update(next_step_at=now() - dt.timedelta(hours=1))
    settings.MAX_OPEN_BATCHES = 2
    step(second)
    assert second.batches.count() == 1


@pytest.mark.django_db
def test_whose_turn_it_is_is_called_as_soon_as_a_place_is_free(
    local: LocalGemini, settings: Settings
) -> None:
    settings.MAX_OPEN_BATCHES = 1
    settings.POLL_FIRST_SECONDS = 60.0
    local.hold()
    first, second, of_bert = order("anna"), order("anna"), order("bert")
    tasks.advance_jobs(budget=5)
    assert list(GeminiBatch.objects.values_list("job_id", flat=True)) == [first.pk]
    for job in (second, of_bert):
        job.refresh_from_db()
        assert job.next_step_at > now() + dt.timedelta(minutes=50)
    tasks.advance_jobs(budget=5)
    assert GeminiBatch.objects.count() == 1
    local.release()
    Job.objects.filter(pk=first.pk).update(next_step_at=now())
    GeminiBatch.objects.update(next_poll_at=now())
    settings.POLL_FIRST_SECONDS = 0.0
    tasks.advance_jobs(budget=30)
    assert list(GeminiBatch.objects.order_by("id").values_list("job_id", flat=True)) == [
        first.pk, second.pk, of_bert.pk,
    ]  # fmt: skip
    assert set(Job.objects.values_list("status", flat=True)) == {"completed"}
