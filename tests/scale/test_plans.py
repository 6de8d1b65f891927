"""In a library of 20,000 pages no list, filter, search, answer or schedule reads a large table whole."""

from functools import partial

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from books.models import Book, Page, PageText
from books.views import search
from jobs import prices
from jobs.models import Job, JobPage
from sourcebatch.lib.adminbase import CappedPaginator
from sourcebatch.lib.db import is_mongodb, library_alias
from tests.scale import rooms
from tests.support.localgemini import LocalGemini

pytestmark = pytest.mark.slow
# What may look at very many pages in SQLite, with the reason.
COMMON = "a word that is on most pages: its hits are gathered, once, to tell which books have it and on how many pages"
FIRST = "the first hits are looked for in the order of the books: as many looks in a library of any size"
ALLOWED = {f"book list, search {rooms.COMMON!r}": COMMON, f"search {rooms.COMMON!r}": FIRST}
# Few pages among very many: an index has them in the order in which they are shown.
IN_ORDER = {
    "review queue": "pages_worst_first",
    "page list ?flagged=yes": "pages_flagged",
    "page list ?edited=yes": "pages_edited",
    "page list ?failed=yes": "pages_failed",
    f"search {rooms.COMMON!r}": "page_search_in_order",
}


@pytest.fixture
def library(db: None, local: LocalGemini, client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    if is_mongodb():
        pytest.skip("MongoDB has no plans that tell how much was read")
    # Lists count 10,000 rows at most, searches 5,000, prices look at 20,000 texts: much of what is here, little of a
    # large library.
    monkeypatch.setattr(CappedPaginator, "MOST", 100)
    monkeypatch.setattr(prices, "NEWEST", 1000)
    monkeypatch.setattr(search, "MOST_HITS", 500)
    monkeypatch.setattr(search, "SURELY_MORE", 1000)
    call_command("demo_library", books=200, pages=20_000, verbosity=0)
    client.force_login(User.objects.create_superuser("boss"))
    return client


def test_no_look_reads_a_large_table_whole(library: Client) -> None:
    sizes, done = rooms.sizes(), 0
    wrong: dict[str, list[tuple[list[str], str]]] = {}
    for look in rooms.looks(library):
        done += 1
        for query in rooms.asked(look.do):
            if found := rooms.read_whole(query, sizes):
                wrong.setdefault(look.name, []).append((found, query.sql[:1500]))
    assert done > 100
    allowed = set(ALLOWED) if connections[library_alias()].vendor == "sqlite" else set()
    unexpected = {name: queries for name, queries in wrong.items() if name not in allowed}
    assert not unexpected, "\n\n".join(f"{name}: {queries}" for name, queries in unexpected.items())
    assert allowed <= set(wrong), "these are good now: take them out of ALLOWED"


def test_what_is_rare_is_found_in_the_order_in_which_it_is_shown(library: Client) -> None:
    """The first rows are read, not all of them put in order: else a look grows with the library."""
    if connections[library_alias()].vendor != "sqlite":
        pytest.skip("told by SQLite's plans")
    done = set()
    for look in rooms.looks(library):
        if look.name in IN_ORDER:
            plans = [rooms.plan(query) for query in rooms.asked(look.do)]
            shown = [plan for plan in plans if IN_ORDER[look.name] in plan]
            assert shown, f"{look.name}: {plans}"
            # Within one book hits are put in order by the kind of text.
            assert not any("TEMP B-TREE FOR ORDER BY" in plan for plan in shown), f"{look.name}: {shown}"
            done.add(look.name)
    assert done == set(IN_ORDER)


def test_the_plan_of_a_list_that_is_put_in_order_tells_so(library: Client) -> None:
    """The negative control of the test above."""
    if connections[library_alias()].vendor != "sqlite":
        pytest.skip("told by SQLite's plans")
    flagged = Page.objects.filter(pk__in=PageText.objects.flagged().order_by().values("page_id"))
    (query,) = rooms.asked(partial(list, flagged.order_by("book", "number")[:50]))
    assert "TEMP B-TREE FOR ORDER BY" in rooms.plan(query)


def test_a_query_that_reads_a_table_whole_is_found_out(library: Client) -> None:
    """The negative control of the test above."""
    sizes = rooms.sizes()
    for rows in (
        Page.objects.filter(label__contains="never").order_by(),
        JobPage.objects.filter(error__contains="never").order_by(),
    ):
        (query,) = rooms.asked(partial(list, rows))
        assert rooms.read_whole(query, sizes), query.sql
    (query,) = rooms.asked(lambda: list(Page.objects.filter(pk="never")))
    assert not rooms.read_whole(query, sizes)


@pytest.mark.django_db
def test_a_made_up_library_is_whole_and_the_same_for_the_same_seed() -> None:
    call_command("demo_library", books=12, pages=240, verbosity=0)
    assert (Book.objects.count(), Page.objects.count()) == (12, 240)
    before = {
        book.pk: (book.pages_count, book.pages_ocr, book.pages_translated) for book in Book.objects.all()
    }
    call_command("recount", verbosity=0)
    after = {
        book.pk: (book.pages_count, book.pages_ocr, book.pages_translated) for book in Book.objects.all()
    }
    assert before == after
    call_command("check_library")
    assert Job.objects.filter(status="completed").exists()
    with pytest.raises(CommandError, match="A made-up library is here already"):
        call_command("demo_library")


@pytest.mark.django_db
def test_a_library_with_real_books_is_left_alone_unless_told() -> None:
    Book.objects.create(title="A real one")
    with pytest.raises(CommandError, match="There are books here already"):
        call_command("demo_library", books=2, pages=6)
    assert Book.objects.count() == 1
    call_command("demo_library", books=2, pages=6, beside_real_books=True)
    assert Book.objects.count() == 3
