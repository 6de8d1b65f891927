"""GET and PUT /api/books/{id}/glossary: terms come in as JSON or CSV, what cannot be kept is refused by its number."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from books import glossary
from books.models import Book, GlossaryTerm
from tests.api.conftest import Api, BookMaker

TERMS = [
    {"term": "ratio", "rendering": "reason | account"},
    {"term": "Virtut*", "rendering": "virtue", "note": "n"},
]


def put(api: Api, book: Book, **body: Any) -> Any:
    return api.send("PUT", f"/api/books/{book.pk}/glossary", body)


def test_terms_are_kept_in_order_and_replaced_as_a_whole(operator: Api, make_book: BookMaker) -> None:
    book = make_book(1)
    said = put(operator, book, terms=TERMS)
    assert said.status == 200, said.json
    assert said.json["target_language"] == "en" and len(said.json["version"]) == 16
    assert [term["term"] for term in said.json["terms"]] == ["ratio", "Virtut*"]
    assert operator.get(f"/api/books/{book.pk}/glossary").json == said.json
    assert put(operator, book, terms=[], target_language="German").json["target_language"] == "de"
    assert operator.get(f"/api/books/{book.pk}/glossary").json == said.json
    emptied = put(operator, book, terms=[]).json
    assert (emptied["terms"], emptied["version"]) == ([], "") and not GlossaryTerm.objects.exists()
    assert "Glossary for en" in str(LogEntry.objects.latest("id").change_message)


def test_a_table_says_the_same_as_a_list(operator: Api, make_book: BookMaker) -> None:
    first, second = make_book(1), make_book(1)
    table = 'Term;Rendering;Note\nratio;reason | account\n"Virtut*";virtue;n\n'
    assert (
        put(operator, second, csv=table).json["version"] == put(operator, first, terms=TERMS).json["version"]
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "give terms or csv"),
        ({"terms": TERMS, "csv": "a,b"}, "give terms or csv"),
        ({"csv": "ratio,reason\nfides"}, "Line 2: “fides” has no rendering"),
        ({"terms": [TERMS[0], {"term": "...", "rendering": "x"}]}, "Entry 2: the term has no letters"),
        (
            {"terms": [TERMS[0], {"term": "RATIO", "rendering": "x"}]},
            "Entry 2: “RATIO” has another rendering",
        ),
        ({"terms": [{"term": "x" * 201, "rendering": "x"}]}, "terms.0.term"),
        ({"csv": "\n".join(f"term{n},x" for n in range(2001))}, "2,000 terms"),
        ({"terms": [], "target_language": "qqq zzz"}, "not a language"),
        ({"terms": "ratio"}, "terms"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_changed(
    operator: Api, make_book: BookMaker, body: dict[str, Any], sentence: str
) -> None:
    book = make_book(1)
    put(operator, book, terms=TERMS)
    said = put(operator, book, **body)
    assert (said.status, sentence in said.json["error"]) == (400, True), said.json
    assert len(glossary.terms_of(book.pk, "en")) == 2


def test_a_reader_may_look_and_not_write(reader: Api, make_book: BookMaker) -> None:
    book = make_book(1)
    assert reader.get(f"/api/books/{book.pk}/glossary").json["terms"] == []
    assert put(reader, book, terms=TERMS).status == 403
    assert reader.get("/api/books/none/glossary").status == 404
