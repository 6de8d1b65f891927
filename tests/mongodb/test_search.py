"""Words are found in a library in MongoDB, which has no index for them."""

from collections.abc import Callable

import pytest

from tests.mongodb.conftest import Manage

pytestmark = [pytest.mark.mongodb, pytest.mark.slow]

PROGRAM = """
from books import search, texts
from books.models import Book, Page
from books.search_query import SearchQuery
from books.texts import NewText

book = Book.objects.create(title="Underweysung", author="Durer", language="la")
page = Page.objects.create(book=book, number=1)
texts.write(page, NewText("ocr", "Arma uirumque cano", "machine"))
texts.write(page, NewText("ocr", "Arma pieta- \\ntis ſunt .*", "human"))

def pages(typed, apart=False):
    return len(search.hits(SearchQuery(typed, apart), kind="ocr", language="la"))

def books(typed):
    return Book.objects.filter(search.books_found(SearchQuery(typed))).count()

print(pages("virumque"), pages("pietatis sunt"), pages("uirum"), pages("piet*"), pages("arma", True))
print(pages("j.* (?i) $where"), books("pietatis"), books("durer"), books("nemo"))
print(search.pages_by_book(SearchQuery("arma"))[book.pk], search.rebuild(book), pages("arma"))
"""


def test_words_are_found(replica_set: str, manage: Callable[[str], Manage]) -> None:
    call = manage(replica_set.replace("/library?", "/searched?"))
    for words in [("migrate", "-v", "0"), ("migrate", "-v", "0", "--database", "library")]:
        done = call(*words)
        assert done.returncode == 0, done.stderr
    done = call("shell", "-v", "0", "-c", PROGRAM)
    assert done.stdout.split("\n")[:3] == ["0 1 0 1 1", "0 1 1 0", "1 1 1"], done.stderr
