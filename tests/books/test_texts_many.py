"""Many texts at once: the rules of a single write, a handful of queries, and nothing lost in a race."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from books import search, texts
from books.models import Book, Kind, Page, PageText, SearchText, Source
from books.search_query import SearchQuery
from books.texts import NewText
from sourcebatch.lib.db import atomic, is_mongodb, library_alias, update_many

pytestmark = pytest.mark.django_db
FLAG = {"rule": "loop", "reason": "It repeats itself."}
MOST_QUERIES = 20


def some_pages(count: int) -> list[Page]:
    book = Book.objects.create(title="Epigrammata", language="la")
    return Page.objects.bulk_create([Page(book=book, number=number) for number in range(1, count + 1)])


def machine(data: str, **more: Any) -> NewText:
    return NewText(kind=Kind.OCR, data=data, source=Source.MACHINE, **more)


def human(data: str) -> NewText:
    return NewText(kind=Kind.OCR, data=data, source=Source.HUMAN, author="Erasmus")


def current(page: Page, kind: str = Kind.OCR, target: str = "") -> str | None:
    found = page.current(kind, target)
    return found.data if found else None


def found(word: str) -> list[str]:
    return sorted(SearchText.objects.filter(folded__contains=word).values_list("page_id", flat=True))


def everything(page: Page) -> list[tuple[Any, ...]]:
    """All that is kept of a page's texts but what no two writes share."""
    fields = (
        "kind",
        "target_language",
        "data",
        "source",
        "is_current",
        "is_flagged",
        "is_stale",
        "text_sha256",
    )
    return sorted(PageText.objects.filter(page=page).values_list(*fields, "searched__folded"))


@pytest.mark.parametrize("overwrite", ["", "machine", "human"])
def test_it_does_what_as_many_single_writes_do(overwrite: str) -> None:
    def prepared() -> list[Page]:
        pages = some_pages(5)
        texts.write(pages[1], machine("before"))
        texts.write(pages[2], human("by hand"))
        texts.write(pages[3], NewText(Kind.OCR, "imported", Source.IMPORT))
        texts.write(pages[4], machine("before"))
        of_it = texts.text_hash("before")
        texts.write(pages[4], NewText(Kind.TRANSLATION, "x", Source.MACHINE, "en", based_on=of_it))
        return pages

    news = [machine("Ἀρχή prima\0"), machine("b", flags=[FLAG]), machine("c"), human("d"), machine("e")]
    singly, at_once = prepared(), prepared()
    one_by_one = [texts.write(page, new, overwrite=overwrite) for page, new in zip(singly, news, strict=True)]
    many = texts.write_many(list(zip(at_once, news, strict=True)), overwrite=overwrite)
    assert [(one.is_current, one.kept) for one in many] == [(one.is_current, one.kept) for one in one_by_one]
    assert [everything(page) for page in at_once] == [everything(page) for page in singly]
    assert [one.text.page for one in many] == at_once


def test_the_queries_do_not_grow_with_the_pages() -> None:
    pages = some_pages(200)
    texts.write_many([(page, machine("older")) for page in pages])
    with CaptureQueriesContext(connections[library_alias()]) as queries:
        texts.write_many([(page, machine(f"text {page.number}")) for page in pages])
    inserts = [query["sql"] for query in queries if query["sql"].startswith("INSERT")]
    # MongoDB's insert is none that can be told here.
    assert len(queries) - len(inserts) <= 11
    # SQLite takes 999 values in a statement.
    assert len(queries) <= MOST_QUERIES
    assert PageText.objects.current().filter(data__startswith="text ").count() == 200
    assert PageText.objects.count() == 400
    assert (len(found("older")), len(found("text"))) == (0, 200)


def test_a_page_named_twice_gets_both_one_after_the_other() -> None:
    (page,) = some_pages(1)
    texts.write_many([(page, machine("first")), (page, machine("second"))])
    assert current(page) == "second" and PageText.objects.filter(page=page).count() == 2


def test_an_unknown_overwrite_is_refused_and_nothing_is_nothing() -> None:
    with pytest.raises(ValueError, match="overwrite must be"):
        texts.write_many([(some_pages(1)[0], machine("x"))], overwrite="yes")
    assert texts.write_many([]) == []


# --- Between the look and the write ------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """Have somebody else write just after the looking and before the writing."""
    look, done = texts._present, list[bool]()

    def looked(page_ids: Sequence[str]) -> Any:
        seen = look(page_ids)
        if not done:
            done.append(True)
            does()
        return seen

    monkeypatch.setattr(texts, "_present", looked)


@pytest.mark.parametrize("before", [True, False])
def test_i27_a_correction_between_look_and_write_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    pages = some_pages(3)
    if before:
        texts.write_many([(page, machine("older")) for page in pages])
    meanwhile(monkeypatch, lambda: texts.write(pages[1], human("mine")))
    written = texts.write_many([(page, machine("its")) for page in pages])
    assert [one.is_current for one in written] == [True, False, True]
    assert [current(page) for page in pages] == ["its", "mine", "its"]
    assert PageText.objects.filter(page=pages[1], data="its", is_current=False).count() == 1
    assert found("mine") == [pages[1].pk]


def test_i27_without_the_guard_the_correction_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a writer that trusts what it saw pushes whatever is current out of the way."""
    pages = some_pages(3)
    texts.write_many([(page, machine("older")) for page in pages])
    ids = [page.pk for page in pages]
    monkeypatch.setattr(
        texts, "_retire",
        lambda old: PageText.objects.current().filter(page_id__in=ids).update(is_current=False),
    )  # fmt: skip
    meanwhile(monkeypatch, lambda: texts.write(pages[1], human("mine")))
    texts.write_many([(page, machine("its")) for page in pages])
    assert current(pages[1]) == "its"


@pytest.mark.skipif(is_mongodb(), reason="MongoDB ends the whole transaction of who comes second")
def test_a_lost_race_leaves_the_larger_transaction_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = some_pages(2)
    meanwhile(monkeypatch, lambda: texts.write(pages[0], human("mine")))
    with atomic():
        texts.write_many([(page, machine("its")) for page in pages])
        Page.objects.filter(pk=pages[0].pk).update(label="1r")
    assert Page.objects.get(pk=pages[0].pk).label == "1r" and current(pages[0]) == "mine"


# --- Stale translations ------------------------------------------------------------------------------------------


def translated(page: Page, of_it: str, data: str = "Epigrams") -> PageText:
    new = NewText(Kind.TRANSLATION, data, Source.MACHINE, "en", based_on=of_it and texts.text_hash(of_it))
    return texts.write(page, new).text


def stale() -> list[int]:
    assert not PageText.objects.misjudged().exists()
    return sorted(Page.objects.stale().values_list("number", flat=True))


def test_i26_a_translation_is_stale_as_long_as_its_transcription_is_another() -> None:
    pages = some_pages(4)
    texts.write_many([(page, machine("one")) for page in pages])
    for page in pages[:2]:
        translated(page, "one")
    translated(pages[2], "")
    assert stale() == []
    texts.write_many([(page, machine("two")) for page in pages])
    # What a text was made from may not be known: then it is not called stale.
    assert stale() == [1, 2]
    translated(pages[0], "two")
    assert stale() == [2]
    texts.restore(PageText.objects.get(page=pages[1], data="one"), author="Erasmus")
    assert stale() == []
    translated(pages[1], "nothing of it")
    assert stale() == [2] and list(Page.objects.stale("de")) == []


def test_i26_two_who_missed_each_other_are_put_right_by_the_count() -> None:
    (page,) = some_pages(1)
    texts.write(page, machine("one"))
    text = translated(page, "one")
    PageText.objects.filter(pk=text.pk).update(is_stale=True)
    assert page.book.judge_staleness() == 1
    assert stale() == []
    PageText.objects.filter(page=page, kind=Kind.OCR).update(text_sha256="another")
    assert page.book.judge_staleness() == 1
    assert stale() == [1]


# --- What pages tell of their texts ------------------------------------------------------------------------------


def told(page: Page) -> tuple[bool, int, bool]:
    """What is kept on the page, which a new look must not find wrong."""
    assert Page.objects.filter(pk=page.pk).judge() == 0
    return Page.objects.values_list("flagged", "suspicion", "edited").get(pk=page.pk)


def test_every_writer_of_texts_and_flags_keeps_what_their_page_tells_of_them() -> None:
    one, two = pages = some_pages(2)
    assert told(one) == (False, 0, False)
    texts.write_many([(page, machine("loop", flags=[FLAG])) for page in pages])
    assert told(one) == told(two) == (True, 10, False)
    texts.write(
        one, NewText(Kind.TRANSLATION, "x", Source.MACHINE, "en", flags=[FLAG, {**FLAG, "rule": "new"}])
    )
    assert told(one) == (True, 23, False) and told(two) == (True, 10, False)
    texts.write(one, human("mine"))
    assert told(one) == (True, 13, True)
    # What the person's text keeps out of the way tells nothing.
    texts.write_many([(page, machine("its", flags=[FLAG])) for page in pages])
    assert told(one) == (True, 13, True) and told(two) == (True, 10, False)
    texts.dismiss_flags(one.current(Kind.TRANSLATION, "en") or PageText(), by="Erasmus")
    assert told(one) == (False, 0, True)
    assert texts.flag(one.current(Kind.OCR) or PageText(), {"rule": "neighbours", "reason": "Alone."})
    assert told(one) == (True, 3, True)
    texts.restore(PageText.objects.get(page=two, data="loop"), author="Erasmus")
    assert told(two) == (True, 10, False)
    texts.write(one, machine("clean"), overwrite="human")
    assert told(one) == (False, 0, False)


def test_what_pages_tell_is_put_right_by_the_count() -> None:
    flagged, edited, plain = pages = some_pages(3)
    texts.write(flagged, machine("loop", flags=[FLAG]))
    texts.write(edited, human("mine"))
    Page.objects.filter(pk__in=[flagged.pk, edited.pk]).update(flagged=False, suspicion=7, edited=False)
    Page.objects.filter(pk=plain.pk).update(flagged=True, suspicion=10, edited=True)
    assert pages[0].book.pages.all().judge() == 3
    assert [told(page) for page in pages] == [(True, 10, False), (False, 0, True), (False, 0, False)]
    Page.objects.filter(pk=plain.pk).update(edited=True)
    plain.book.recount()
    assert told(plain) == (False, 0, False)


# --- Rows by key ---------------------------------------------------------------------------------------------------


def test_update_many_writes_the_named_fields_only_in_one_statement() -> None:
    pages = some_pages(3)
    for page in pages:
        page.ink, page.label, page.service = 0.1 * page.number, "not this", {"level": page.number}
    with CaptureQueriesContext(connections[library_alias()]) as queries:
        update_many(pages, ["ink", "service"])
    rows: Any = Page.objects.order_by("number").values_list("ink", "label", "service")
    assert list(rows) == [(pytest.approx(0.1 * n), "", {"level": n}) for n in (1, 2, 3)]
    assert len(queries) == 1
    update_many([], ["ink"])


def test_search_finds_what_was_written_at_once_by_its_index() -> None:
    pages = some_pages(3)
    texts.write_many([(page, machine(f"liber {word}")) for page, word in zip(pages, "abc", strict=True)])
    assert [hit.page_id for hit in search.hits(SearchQuery("liber b"))] == [pages[1].pk]
