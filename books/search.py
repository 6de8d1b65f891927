"""Search in page texts, titles and authors.

Each current text has a folded copy in `page_search`, written by books.texts together with the text. SQLite finds
words in it by an FTS5 index that triggers keep in step, PostgreSQL by a GIN index, other databases by looking
through it. This module and search_query hold all that differs between databases.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import connections
from django.db.models import BooleanField, Count, Exists, F, Func, OuterRef, Q, QuerySet, Value

from books.folding import fold, merged, readable
from books.models import Book, Kind, Page, PageText, SearchText
from books.search_query import SearchQuery, Term
from sourcebatch.lib.db import atomic, is_mongodb, library_alias

CHUNK = 500
MOST_BOOKS_BY_NAME = 1000
MOST_IDS = 30_000
NAMES = 2000
NAMES_KEPT = 50_000
MOST_COUNTED = 100_000
_COUNTED = "SELECT count(*) FROM (SELECT 1 FROM page_search_words WHERE page_search_words MATCH %s LIMIT %s)"

_SQLITE = (
    "DROP TRIGGER IF EXISTS page_search_added",
    "DROP TRIGGER IF EXISTS page_search_gone",
    "DROP TABLE IF EXISTS page_search_words",
    "DROP TABLE IF EXISTS page_search_numbers",
    # FTS5 knows rows by numbers, which SQLite changes in tables without a number as their key.
    "CREATE TABLE page_search_numbers (number INTEGER PRIMARY KEY, text_id TEXT NOT NULL UNIQUE)",
    # Without content of its own: the folded text is in page_search already.
    "CREATE VIRTUAL TABLE page_search_words USING fts5(words, content='', "
    "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M*'\")",
    """CREATE TRIGGER page_search_added AFTER INSERT ON page_search BEGIN
        INSERT INTO page_search_numbers (text_id) VALUES (new._id);
        INSERT INTO page_search_words (rowid, words)
            SELECT number, replace(replace(new.folded, 'v', 'u'), 'j', 'i') FROM page_search_numbers
            WHERE text_id = new._id;
    END""",
    """CREATE TRIGGER page_search_gone AFTER DELETE ON page_search BEGIN
        INSERT INTO page_search_words (page_search_words, rowid, words)
            SELECT 'delete', number, replace(replace(old.folded, 'v', 'u'), 'j', 'i') FROM page_search_numbers
            WHERE text_id = old._id;
        DELETE FROM page_search_numbers WHERE text_id = old._id;
    END""",
)
_POSTGRESQL = (
    "DROP INDEX IF EXISTS page_search_words",
    "CREATE INDEX page_search_words ON page_search "
    "USING gin (to_tsvector('simple', translate(folded, 'vj', 'ui')))",
)
INDEX = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


class _Matches(Func):
    """Whether a row of page_search has the words of a query, by the index of the database."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        inner = (
            " IN (SELECT text_id FROM page_search_words JOIN page_search_numbers "
            "ON page_search_numbers.number = page_search_words.rowid WHERE page_search_words MATCH "
        )
        return self.as_sql(compiler, connection, template="%(expressions)s)", arg_joiner=inner, **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="(to_tsvector('simple', translate(%(expressions)s))",
            arg_joiner=", 'vj', 'ui')) @@ to_tsquery('simple', ", **more,
        )  # fmt: skip


class _MatchesEach(_Matches):
    """The same, asked of one row after the other: for few rows, where finding all that match would be more."""

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        template = (
            "EXISTS (SELECT 1 FROM page_search_numbers JOIN page_search_words "
            "ON page_search_words.rowid = page_search_numbers.number WHERE text_id = %(expressions)s)"
        )
        return self.as_sql(
            compiler, connection, template=template, arg_joiner=" AND page_search_words MATCH ", **more
        )


def install(schema_editor: Any) -> None:
    """Make the index over page_search anew and empty; nothing on databases without one."""
    for statement in INDEX.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement, params=None)


def put(text: PageText, *, replaces: bool = True) -> None:
    """Make this current text the one of its page and kind that is found. Call it in the transaction that
    made it current.

    `replaces=False` saves a query where none was current; IntegrityError when there was a copy nevertheless.
    """
    if replaces:
        SearchText.objects.filter(
            page_id=text.page_id, kind=text.kind, target_language=text.target_language
        ).delete()
    _row(text, text.page.book_id, text.page.number).save(force_insert=True)


def put_many(texts: Iterable[PageText], *, replaces: bool = False) -> int:
    """The same for many current texts; how many they were. The page comes with each."""
    done, rest = 0, iter(texts)
    while chunk := list(islice(rest, CHUNK)):
        if replaces:
            _forget(chunk)
        rows = [_row(text, text.page.book_id, text.page.number) for text in chunk]
        done += len(SearchText.objects.bulk_create(rows))
    return done


def _forget(texts: Sequence[PageText]) -> None:
    """Delete the copies of what these texts take the place of."""
    for kind, target in {(text.kind, text.target_language) for text in texts}:
        pages = [text.page_id for text in texts if (text.kind, text.target_language) == (kind, target)]
        SearchText.objects.filter(page_id__in=pages, kind=kind, target_language=target).delete()


def rebuild(book: Book) -> int:
    """Make the folded copies of a book's current texts anew; how many they are."""
    with atomic():
        SearchText.objects.filter(book=book).delete()
        current = PageText.objects.current().filter(page__book=book).select_related("page").order_by()
        return put_many(current.iterator(CHUNK))


def reindex() -> None:
    """Make the database's index anew from the folded copies that there are."""
    connection = connections[library_alias()]
    if connection.vendor not in INDEX:
        return
    with atomic(), connection.cursor() as cursor:
        for statement in INDEX[connection.vendor]:
            cursor.execute(statement)
        if connection.vendor == "sqlite":
            cursor.execute("INSERT INTO page_search_numbers (text_id) SELECT _id FROM page_search")
            cursor.execute(
                "INSERT INTO page_search_words (rowid, words) SELECT n.number, replace(replace(folded, 'v', 'u'), "
                "'j', 'i') FROM page_search_numbers n JOIN page_search ON _id = text_id"
            )


def hits(query: SearchQuery, *, kind: str = "", language: str = "", book: str = "") -> QuerySet[SearchText]:
    """Current texts of visible pages that have all the words, by book and page; none for a query without
    words.
    """
    if not query.terms:
        return SearchText.objects.none()
    found = _having(query, _MatchesEach if book else _Matches)
    if book or is_mongodb():
        found = found.filter(page__hidden=False, page__book__hidden=False)
    else:
        # A join would look at the page of every hit.
        found = found.filter(~Q(page__in=_hidden(Page)), ~Q(book__in=_hidden(Book)))
    if kind in Kind.values:
        found = found.filter(kind=kind)
    if language:
        of_book = Q(language="", kind=Kind.OCR, page__book__language=language)
        found = found.filter(Q(language=language) | of_book)
    return _in_order(found.filter(book=book) if book else found)


def first_hits(query: SearchQuery, most: int) -> QuerySet[SearchText] | None:
    """`hits` of a query alone, of which no more than `most` are going to be read, where it is less work to look at one
    text after the other until there are so many than to gather all that match and put them in order; else None.
    """
    if not is_common(query, most):
        return None
    hidden = Page.objects.filter(pk=OuterRef("page_id"), hidden=True)
    # Not by joins: a database might then begin elsewhere than at the newest book.
    return _in_order(_having(query, _MatchesEach).filter(~Exists(hidden), ~Q(book__in=_hidden(Book))))


def _hidden(model: type[Book] | type[Page]) -> QuerySet[Any]:
    return model._default_manager.filter(hidden=True).order_by().values("pk")


def is_common(query: SearchQuery, most: int) -> bool:
    """Whether the words stand on so many texts that `most` of them are found sooner by looking at each; SQLite only."""
    matches = _matching(query, MOST_COUNTED)
    if not matches:
        return False
    with connections[library_alias()].cursor() as cursor:
        cursor.execute("SELECT max(number) FROM page_search_numbers")
        (texts,) = cursor.fetchone()
    # Looking at one text costs about twice as much as gathering one: most * texts / matches looks, or all matches.
    return matches * matches > 2 * most * int(texts)


def are_on_more(query: SearchQuery, texts: int) -> bool:
    """Whether the words are on more texts than these, those of hidden pages counted too. Never known but in SQLite,
    whose index can be counted by itself; False also where it is not known.
    """
    return _matching(query, texts + 1) > texts


def _matching(query: SearchQuery, most: int) -> int:
    """On how many texts the words stand, counted up to `most`; 0 where the index alone cannot tell."""
    if connections[library_alias()].vendor != "sqlite" or query.apart or not query.terms:
        return 0
    with connections[library_alias()].cursor() as cursor:
        cursor.execute(_COUNTED, [query.fts5(), most])
        return int(cursor.fetchone()[0])


def _in_order(found: QuerySet[SearchText]) -> QuerySet[SearchText]:
    return found.order_by("-book_id", "number", "kind")


def _having(query: SearchQuery, matches: type[_Matches] = _Matches) -> QuerySet[SearchText]:
    vendor = connections[library_alias()].vendor
    rows = SearchText.objects.all()
    if vendor == "sqlite":
        rows = rows.filter(matches(F("pk"), Value(query.fts5())))
    elif vendor == "postgresql":
        rows = rows.filter(matches(F("folded"), Value(query.tsquery())))
    if vendor not in INDEX or query.apart:
        for pattern in query.patterns():
            rows = rows.filter(folded__regex=pattern)
    return rows


def books_found(query: SearchQuery, pages: Mapping[str, int] | None = None) -> Q:
    """The books with these words in title and author together, or all of them on one page; `pages` is what
    `pages_by_book` said of the query.
    """
    found = pages_by_book(query) if pages is None else pages
    # No database takes any number of ids.
    ids = list(found) if len(found) <= MOST_IDS else hits(query).order_by().values("book_id")
    return Q(pk__in=ids) | Q(pk__in=by_name(query))


def pages_by_book(query: SearchQuery) -> dict[str, int]:
    """How many visible pages of each book have the words, for books that have some."""
    rows = hits(query).order_by().values_list("book_id")
    return dict(rows.annotate(Count("page_id", distinct=True)))


def by_name(query: SearchQuery) -> list[str]:
    """Ids of books whose title and author have parts of words like these, at most a thousand."""
    return list(islice(_named(query), MOST_BOOKS_BY_NAME)) if query.terms else []


def _named(query: SearchQuery) -> Iterator[str]:
    """Names are read some at a time, by queries that stay short in a large library."""
    words = [_words(query, term) for term in query.terms]
    rows = Book.objects.order_by("-id").values_list("pk", "title", "author")
    chunk = list(rows[:NAMES])
    while chunk:
        for pk, title, author in chunk:
            folded = _folded_name(f"{title} {author}", query.apart)
            if all(word in folded for word in words):
                yield pk
        chunk = list(rows.filter(pk__lt=chunk[-1][0])[:NAMES])


@lru_cache(maxsize=NAMES_KEPT)
def _folded_name(name: str, apart: bool) -> str:
    """Kept in memory: folding ten thousand names anew took longer than all the rest of a search."""
    return fold(name) if apart else merged(fold(name))


def _words(query: SearchQuery, term: Term) -> str:
    return term.words if query.apart else merged(term.words)


def current_without_copy() -> Iterator[PageText]:
    """Current texts that no search would find, with their pages."""
    lost = PageText.objects.current().filter(searched=None).select_related("page").order_by()
    return lost.iterator(CHUNK)


def _row(text: PageText, book_id: str, number: int) -> SearchText:
    language = text.target_language if text.kind == Kind.TRANSLATION else text.language
    return SearchText(
        text_id=text.pk, page_id=text.page_id, book_id=book_id, number=number, kind=text.kind,
        target_language=text.target_language, language=language, folded=fold(readable(text.data)),
    )  # fmt: skip
