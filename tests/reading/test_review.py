"""The review queue and random samples."""

import random
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from books import review
from books.models import Book, Kind, Page, SampleJudgement
from books.review import draw_sample, suspects, wilson
from books.suspicion import points_of
from books.views.review import Suspects
from tests.reading.conftest import write
from tests.support.library import make_book


def flag(rule: str) -> dict[str, str]:
    return {"rule": rule, "reason": f"Reason of {rule}."}


def test_the_most_suspicious_page_comes_first_and_hidden_ones_not_at_all(book: Book) -> None:
    one, two, three = book.pages.order_by("number")
    write(one, "a", flags=[flag("preamble")])
    write(two, "b", flags=[flag("loop"), flag("too_long")])
    write(two, "c", Kind.TRANSLATION, flags=[flag("copied")])
    write(three, "d", flags=[flag("loop")])
    assert [(page.pk, page.suspicion) for page in suspects()] == [(two.pk, 24), (three.pk, 10), (one.pk, 2)]
    assert [len(row["texts"]) for row in review.pages_of(suspects(book))] == [2, 1, 1]
    Page.objects.filter(pk=two.pk).update(hidden=True)
    assert list(suspects()) == [three, one]


def test_very_many_pages_are_not_counted_to_the_end(
    editor: Client, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in book.pages.all():
        write(page, "a", flags=[flag("loop")])
    assert "3 pages with open flags" in editor.get("/review/").content.decode()
    monkeypatch.setattr(Suspects, "MOST", 2)
    assert "2 or more pages with open flags; the 2 most suspicious" in editor.get("/review/").content.decode()


def test_the_queue_shows_reasons_and_dismissing_comes_back_to_it(
    editor: Client, book: Book, page: Page
) -> None:
    text = write(page, "a", flags=[flag("loop")])
    other = make_book(1, title="Other").pages.get()
    write(other, "b", flags=[flag("copied")])
    html = editor.get("/review/", {"book": book.pk}).content.decode()
    assert "Reason of loop." in html and "Reason of copied." not in html
    assert "Reason of copied." in editor.get("/review/").content.decode()
    back = f"/review/?book={book.pk}"
    answer = editor.post(f"/read/texts/{text.pk}/dismiss", {"back": back})
    assert answer["Location"] == back
    assert "Nothing is flagged" in editor.get(back).content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/admin/"])
def test_it_comes_back_to_nowhere_else(editor: Client, page: Page, back: str) -> None:
    text = write(page, "a", flags=[flag("loop")])
    answer = editor.post(f"/read/texts/{text.pk}/dismiss", {"back": back})
    assert answer["Location"] == f"/read/{page.pk}/"


def test_the_queue_is_in_pages_and_takes_few_queries(
    editor: Client, db: None, django_assert_max_num_queries: Any
) -> None:
    book = Book.objects.create(title="Long")
    for number in range(1, 61):
        write(Page.objects.create(book=book, number=number), "a", flags=[flag("loop")])
    with django_assert_max_num_queries(20):
        html = editor.get("/review/?page=2").content.decode()
    assert "2 of 3" in html
    assert editor.get("/review/?page=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "judged", "low", "high"),
    # From the formula of Wilson (1927), the first as in Newcombe (1998), table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(wrong: int, judged: int, low: float, high: float) -> None:
    interval = wilson(wrong, judged)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_share_lies_within_its_interval(wrong: int, right: int) -> None:
    interval = wilson(wrong, wrong + right)
    assert 0 <= interval.low <= interval.share <= interval.high <= 1


def test_about_95_of_100_intervals_hold_the_true_share() -> None:
    chance = random.Random(1520)
    held = 0
    for _ in range(2000):
        wrong = sum(chance.random() < 0.1 for _ in range(50))
        interval = wilson(wrong, 50)
        held += interval.low <= 0.1 <= interval.high
    assert 0.92 < held / 2000 < 0.99


def test_a_sample_is_of_pages_with_text_each_at_most_once(book: Book) -> None:
    for page in book.pages.filter(number__lte=2):
        write(page, "a")
    draw = draw_sample(book, "ocr", 30, by="anna")
    numbers = SampleJudgement.objects.filter(draw=draw).values_list("page__number", flat=True)
    assert sorted(numbers) == [1, 2]
    with pytest.raises(ValueError):
        draw_sample(book, "translation", 5, by="anna")


def test_every_page_is_as_likely_as_the_others(db: None) -> None:
    book = Book.objects.create(title="Long")
    for number in range(1, 11):
        write(Page.objects.create(book=book, number=number), "a")
    for _ in range(200):
        draw_sample(book, "ocr", 3, by="anna")
    drawn = [SampleJudgement.objects.filter(page__number=number).count() for number in range(1, 11)]
    # 600 drawn, 60 expected of each with a standard deviation of 6.5: six of these are never reached by chance.
    assert all(21 < count < 99 for count in drawn)


def test_judging_goes_from_page_to_page_and_tells_the_interval(editor: Client, book: Book) -> None:
    for page in book.pages.all():
        write(page, f"text {page.number}")
    form = {"book": book.pk, "kind": "ocr", "size": "3"}
    address = editor.post("/review/samples/", form)["Location"]
    html = editor.get(address).content.decode()
    assert "0 of 3" in html and "text 1" in html
    for number, verdict in enumerate(("wrong", "right", "right"), start=1):
        item = SampleJudgement.objects.get(page__number=number)
        assert f'value="{item.pk}"' in editor.get(address).content.decode()
        answer = editor.post(address, {"item": item.pk, "verdict": verdict})
        assert answer["Location"] == address
    html = editor.get(address).content.decode()
    assert "3 of 3" in html and "33.3 %" in html and "6.1 %" in html and "79.2 %" in html
    assert SampleJudgement.objects.filter(judged_by="anna").count() == 3
    assert "6.1 %" in editor.get("/review/samples/").content.decode()


def test_the_drawn_version_is_judged_also_when_there_is_another_by_now(editor: Client, page: Page) -> None:
    write(page, "as drawn")
    draw = draw_sample(page.book, "ocr", 1, by="anna")
    write(page, "as it is now")
    html = editor.get(f"/review/samples/{draw}/").content.decode()
    assert "as drawn" in html and "as it is now" not in html and "another text by now" in html


@pytest.mark.parametrize("size", ["", "0", "-3", "x", "501", "9" * 50, "²"])
def test_a_sample_of_nonsense_is_refused_in_a_sentence(editor: Client, page: Page, size: str) -> None:
    write(page, "a")
    answer = editor.post("/review/samples/", {"book": page.book_id, "kind": "ocr", "size": size}, follow=True)
    assert "from 1 to 500 pages" in answer.content.decode()
    assert not SampleJudgement.objects.exists()


def test_a_verdict_that_is_none_changes_nothing(editor: Client, page: Page) -> None:
    write(page, "a")
    draw = draw_sample(page.book, "ocr", 1, by="anna")
    item = SampleJudgement.objects.get()
    editor.post(f"/review/samples/{draw}/", {"item": item.pk, "verdict": "perhaps"})
    editor.post(f"/review/samples/{draw}/", {"item": "another", "verdict": "right"})
    item.refresh_from_db()
    assert item.verdict == ""


def test_who_may_only_look_cannot_draw_or_judge(viewer: Client, page: Page) -> None:
    write(page, "a")
    viewer.post("/review/samples/", {"book": page.book_id, "kind": "ocr", "size": "1"})
    assert not SampleJudgement.objects.exists()
    draw = draw_sample(page.book, "ocr", 1, by="anna")
    item = SampleJudgement.objects.get()
    viewer.post(f"/review/samples/{draw}/", {"item": item.pk, "verdict": "right"})
    item.refresh_from_db()
    assert item.verdict == ""


def test_unknown_samples_are_404(editor: Client) -> None:
    assert editor.get("/review/samples/nothing/").status_code == 404


def test_points_count_only_what_is_open() -> None:
    assert points_of([flag("loop"), flag("unheard of")]) == 13
    assert points_of([{**flag("loop"), "dismissed_by": "anna"}]) == 0
