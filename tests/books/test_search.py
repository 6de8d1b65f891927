"""Words are found as readers mean them, in current texts only, whatever is typed into the box."""

import threading
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import connections

from books import search, texts
from books.folding import fold, places, readable
from books.models import Book, Kind, Page, PageText, SearchText
from books.search_query import SearchQuery
from books.texts import NewText
from sourcebatch.lib.db import library_alias


def page(book: Book | None = None, number: int = 1) -> Page:
    book = book or Book.objects.create(title="Epigrammata", language="la")
    return Page.objects.create(book=book, number=number)


def write(page: Page, data: str, kind: str = Kind.OCR, source: str = "machine") -> PageText:
    target = "en" if kind == Kind.TRANSLATION else ""
    return texts.write(page, NewText(kind, data, source, target_language=target)).text


def found(typed: str, *, apart: bool = False, **filters: str) -> list[str]:
    return [row.page_id for row in search.hits(SearchQuery(typed, apart), **filters)]


@pytest.mark.parametrize(
    ("printed", "typed"),
    [
        ("poſſeſſio ſtella", "possessio stella"),
        ("Cæſar et fœdus", "caesar foedus"),
        ("Cesar cæcus", "CÆCUS"),
        ("DÜRER, Straße", "durer strasse"),
        ("ﬁlius ﬂumen", "filius flumen"),
        ("vivus iam", "uiuus jam"),
        ("Jouis", "iovis"),
        ("impera-\ntor venit", "imperator"),
        ("impera¬\n  tor venit", "imperator"),
        ("impera\u00ad\r\ntor venit", "imperator"),
        ("im\u00adperator venit", "imperator"),
        ("Ἐν ἀρχῇ ἦν ὁ Λόγος", "λογος αρχη"),
        ("ὁ λόγος", "ΛΌΓΟΣ"),
        ("בְּרֵאשִׁית בָּרָא אֱלֹהִים", "בראשית"),
        ("天下爲公", "下爲"),
        ("[[margin: Nota [[unclear: bene]]]] textus", '"nota bene textus"'),
        ("**Li**ber I.", "i"),
        ("l'amour", "amour"),
        ("anno 1650", "1650"),
        ("imperatores", "imperat*"),
    ],
)
def test_it_finds_words_however_they_are_printed_and_typed(db: None, printed: str, typed: str) -> None:
    here = page()
    write(here, printed)
    assert found(typed) == [here.pk]


@pytest.mark.parametrize(
    ("printed", "typed"),
    [
        ("imperator", "imper"),
        ("bene nota", '"nota bene"'),
        ("nota", "nota bene"),
        ("[[page-num: 17]] textus", "17"),
        ("[[margin: nota]]", "margin"),
        ("textus", "…"),
        ("textus", ""),
    ],
)
def test_it_finds_nothing_else(db: None, printed: str, typed: str) -> None:
    write(page(), printed)
    assert found(typed) == []


def test_u_and_v_are_told_apart_on_demand(db: None) -> None:
    here = page()
    write(here, "uia")
    assert found("via") == [here.pk]
    assert found("via", apart=True) == []
    assert found("uia", apart=True) == [here.pk]


HOSTILE = [
    "'", '"', '"""', "'); DROP TABLE pages; --", "a AND OR NOT", "NEAR(a b)", "words: x", "^a", "-a", "a:*", "*", "* *",
    "(", "a & | ! <-> b", ":*", "\\", "%", "_", "\0", "a\0b", "x" * 100_000, "a " * 50_000, "[uv", "(?i)", ".*",
    "\ud800", "a^b{c}", "١٢", "½ ²", "\u0301", "İ",
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE)
@pytest.mark.parametrize("apart", [False, True])
def test_nothing_that_is_typed_is_an_operator_or_an_error(db: None, typed: str, apart: bool) -> None:
    book = Book.objects.create(title="Zzz")
    write(page(book), "textus sine his")
    assert found(typed, apart=apart) == []
    assert not Book.objects.filter(search.books_found(SearchQuery(typed, apart))).exists()
    assert PageText.objects.count() == 1


@pytest.mark.parametrize("data", ["\0", "\ud800", "", "[[", "x" * 300_000, "a" * 3000 + " b", "½ ²ʰ ﷺ"])
def test_any_text_can_be_written(db: None, data: str) -> None:
    here = page()
    write(here, data)
    assert SearchText.objects.get(page=here).folded == fold(readable(texts.storable(data)))


def test_only_current_texts_of_visible_pages_are_found(db: None) -> None:
    here = page()
    old = write(here, "antiquus")
    write(here, "novus", source="human")
    assert (found("antiquus"), found("novus")) == ([], [here.pk])
    write(here, "machina")
    assert (found("machina"), found("novus")) == ([], [here.pk])
    texts.restore(old, author="anna")
    assert (found("antiquus"), found("novus")) == ([here.pk], [])
    Page.objects.filter(pk=here.pk).update(hidden=True)
    assert found("antiquus") == []


def test_it_is_narrowed_by_kind_language_and_book(db: None) -> None:
    one, two = page(), page()
    write(one, "arma")
    write(two, "arma", Kind.TRANSLATION)
    assert found("arma", kind="ocr") == [one.pk]
    assert found("arma", language="en") == [two.pk]
    assert found("arma", language="la") == [one.pk]
    assert found("arma", book=two.book_id) == [two.pk]


def test_hits_come_by_book_and_page(db: None) -> None:
    book = Book.objects.create(title="B")
    pages = [page(book, number) for number in (3, 1, 2)]
    for one in pages:
        write(one, "arma")
    assert [row.number for row in search.hits(SearchQuery("arma"))] == [1, 2, 3]
    assert search.pages_by_book(SearchQuery("arma")) == {book.pk: 3}


def many_hits() -> None:
    """Forty pages with a word in two books, one of two with another; three pages and one more book are hidden."""
    for hidden in (False, False, True):
        book = Book.objects.create(title="B", hidden=hidden)
        for number in range(1, 21):
            here = page(book, number)
            write(here, "arma" + " virum" * (number % 2))
            write(here, "arma", Kind.TRANSLATION)
    shown = list(Book.objects.filter(hidden=False).values_list("pk", flat=True))
    Page.objects.filter(book__in=shown, number__in=[1, 7]).update(hidden=True)


@pytest.mark.parametrize("typed", ["arma", "virum", "arma vir*", '"arma virum"', "nusquam"])
def test_the_first_hits_of_common_words_are_the_first_of_all_hits(
    db: None, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    if connections[library_alias()].vendor != "sqlite":
        pytest.skip("Only SQLite's index can be counted by itself")
    many_hits()
    monkeypatch.setattr(search, "is_common", lambda query, most: True)
    first, hits = search.first_hits(SearchQuery(typed), 20), search.hits(SearchQuery(typed))
    assert first is not None
    assert [row.pk for row in first[:20]] == [row.pk for row in hits[:20]]
    assert {row.pk for row in first} == {row.pk for row in hits}


def test_where_more_is_looked_at_than_gathered_all_hits_are_gathered(db: None) -> None:
    """With 30 hits in 120 texts the first of them is one of the first four, the twentieth one of eighty."""
    many_hits()
    walks = [search.is_common(SearchQuery("virum"), most) for most in (1, 20)]
    assert walks == [connections[library_alias()].vendor == "sqlite", False]


def test_words_that_are_not_common_are_gathered(db: None) -> None:
    many_hits()
    write(page(), "rarum")
    for query in (
        SearchQuery("rarum"),
        SearchQuery("nusquam"),
        SearchQuery("!"),
        SearchQuery("arma", apart=True),
    ):
        assert search.first_hits(query, 20) is None


@pytest.mark.skipif(
    "connections[library_alias()].vendor != 'sqlite'", reason="Only SQLite's index can be counted"
)
def test_very_many_hits_are_known_to_be_more_without_gathering_them(db: None) -> None:
    many_hits()
    assert search.are_on_more(SearchQuery("arma"), 119) and not search.are_on_more(SearchQuery("arma"), 120)


def test_books_are_found_by_title_author_and_text(db: None) -> None:
    named = Book.objects.create(title="Underweyſung", author="Albrecht Dürer")
    read = page().book
    write(read.pages.get(), "durer")

    def books(typed: str) -> set[str]:
        return {book.pk for book in Book.objects.filter(search.books_found(SearchQuery(typed)))}

    assert books("durer") == {named.pk, read.pk}
    assert books("underweysung albrecht") == {named.pk}
    assert books("nobody") == set()


def test_a_text_that_is_deleted_is_not_found_any_more(db: None) -> None:
    here = page()
    write(here, "arma virumque")
    PageText.objects.filter(page=here).delete()
    write(here, "cano")
    assert found("arma") == []
    assert found("cano") == [here.pk]


@pytest.mark.django_db(transaction=True)
def test_a_copy_that_was_left_behind_is_in_nobodys_way() -> None:
    here = page()
    write(here, "arma")
    PageText.objects.filter(page=here).update(is_current=False)
    write(here, "cano")
    assert (found("arma"), found("cano")) == ([], [here.pk])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [[], ["--index"], ["--book"]])
def test_the_search_can_be_rebuilt(options: list[str]) -> None:
    here = page()
    write(here, "arma")
    if options != ["--index"]:
        SearchText.objects.all().delete()
        assert [text.page_id for text in search.current_without_copy()] == [here.pk]
        assert found("arma") == []
    call_command("rebuild_search", *options, *([here.book_id] if options == ["--book"] else []))
    assert found("arma") == [here.pk]
    write(here, "cano", source="human")
    assert (found("arma"), found("cano")) == ([], [here.pk])


def test_places_lead_back_to_the_letters() -> None:
    folded, at = places("Cæſar ἀρχῇ")
    assert folded == "caesar αρχη"
    assert [at[i] for i in (0, 1, 2, 3)] == [0, 1, 1, 2]


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_one_text_that_is_found() -> None:
    here = page()
    together(lambda n: write(here, f"versio{n}x", source="human"), 6)
    current = PageText.objects.current().get(page=here)
    assert SearchText.objects.get(page=here).text_id == current.pk
    assert [n for n in range(6) if found(f"versio{n}x")] == [int(current.data[6])]


def together(work: Callable[[int], object], writers: int) -> None:
    barrier = threading.Barrier(writers)
    errors: list[BaseException] = []

    def run(n: int) -> None:
        try:
            barrier.wait(20)
            work(n)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_the_index_is_used(db: None) -> None:
    library = connections[library_alias()]
    # Without the joins to books and pages: on empty tables the planner may begin with those.
    rows = search._having(SearchQuery("arma")).order_by()
    if library.vendor == "sqlite":
        assert "VIRTUAL TABLE INDEX" in rows.explain()
    elif library.vendor == "postgresql":
        with library.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
            assert "Bitmap Index Scan on page_search_words" in rows.explain()
    else:
        assert library.vendor not in search.INDEX
