"""GET and POST /api/books, GET /api/books/{id}."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from books import texts
from books.models import Book, Kind, Page, PageText, Source
from sourcebatch.lib.db import library_alias
from tests.api.conftest import Api, BookMaker

GREEK = "Ἐπιγράμματα \"καὶ\" 'ἄλλα'\n— Tomus I"


def give_text(page: Page, kind: Kind, data: str, source: Source = Source.MACHINE, **more: Any) -> PageText:
    return texts.write(page, texts.NewText(kind, data, source, **more)).text


def page_of(book: Book, number: int) -> Page:
    return Page.objects.get(book=book, number=number)


def test_it_lists_books_as_a_bare_array_newest_first_without_their_pages(
    reader: Api, make_book: BookMaker
) -> None:
    first, second = make_book(1, title="Prior"), make_book(2, title=GREEK)
    said = reader.get("/api/books")
    assert said.status == 200
    assert [book["id"] for book in said.json] == [second.pk, first.pk]
    newest = said.json[0]
    assert (newest["title"], newest["language"], newest["pages_count"]) == (GREEK, "la", 2)
    assert (newest["pages_ocr"], newest["pages_translated"]) == (0, 0)
    assert newest["created_at"].endswith("Z")
    assert "pages" not in newest


def test_it_lists_no_books_as_an_empty_array(reader: Api) -> None:
    assert reader.get("/api/books").json == []


def test_it_leaves_hidden_books_out_of_the_list(reader: Api, make_book: BookMaker) -> None:
    make_book(hidden=True)
    assert reader.get("/api/books").json == []


def test_it_lists_books_that_need_a_transcription_or_a_translation(reader: Api, make_book: BookMaker) -> None:
    bare, read, done = make_book(1), make_book(1), make_book(1)
    for book in (read, done):
        give_text(page_of(book, 1), Kind.OCR, "lorem")
    give_text(page_of(done, 1), Kind.TRANSLATION, "the grief", target_language="en")
    for book in (read, done):
        book.recount()
    assert [book["id"] for book in reader.get("/api/books?needs=ocr").json] == [bare.pk]
    assert [book["id"] for book in reader.get("/api/books?needs=translation").json] == [read.pk]
    refused = reader.get("/api/books?needs=rest")
    assert (refused.status, list(refused.json["errors"])) == (400, ["needs"])


def test_it_streams_ten_thousand_books_in_short_queries_and_little_memory(
    reader: Api, db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Book.objects.bulk_create(
        [Book(title=f"{n} {GREEK * 5}") for n in range(10_000)], batch_size=1000
    )  # fmt: skip
    client = Client(headers={"Authorization": f"Bearer {reader.token}"})
    with django_assert_max_num_queries(23):  # the token, when it was last used, 500 books each and the end
        answer = client.get("/api/books")
        tracemalloc.start()
        size = 0
        for piece in answer.streaming_content:  # type: ignore[attr-defined]
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 5_000_000
    assert peak < size / 2
    told = [book["id"] for book in reader.get("/api/books").json]
    assert told == sorted(Book.objects.values_list("pk", flat=True), reverse=True)


def test_it_shows_a_book_with_its_pages_and_their_texts(reader: Api, make_book: BookMaker) -> None:
    book = make_book(3)
    ocr = give_text(page_of(book, 1), Kind.OCR, GREEK, model="gemini-x", cost_micro_usd=1250, language="grc")
    give_text(page_of(book, 1), Kind.TRANSLATION, "Epigrams", target_language="en", based_on=ocr.text_sha256)
    said = reader.get(f"/api/books/{book.pk}").json
    assert (said["id"], said["title"]) == (book.pk, "Epigrammata")
    assert [page["page_number"] for page in said["pages"]] == [1, 2, 3]
    first, second, _ = said["pages"]
    assert first["image_url"] == "https://example.org/1.jpg"
    assert (first["ocr"]["data"], first["ocr"]["model"], first["ocr"]["source"]) == (
        GREEK,
        "gemini-x",
        "machine",
    )
    assert (first["ocr"]["language"], first["ocr"]["cost_usd"]) == ("grc", 0.00125)
    assert (first["translation"]["data"], first["translation"]["stale"]) == ("Epigrams", False)
    assert (second["ocr"], second["translation"]) == (None, None)


def test_it_tells_a_translation_of_an_older_transcription_as_stale(reader: Api, make_book: BookMaker) -> None:
    book = make_book(1)
    page = page_of(book, 1)
    old = give_text(page, Kind.OCR, "lorem")
    give_text(page, Kind.TRANSLATION, "of grief", target_language="en", based_on=old.text_sha256)
    give_text(page, Kind.OCR, "dolorem")
    assert reader.get(f"/api/books/{book.pk}").json["pages"][0]["translation"]["stale"] is True


def test_it_shows_the_translation_into_the_language_asked_for(reader: Api, make_book: BookMaker) -> None:
    book = make_book(1)
    for language, data in (("en", "grief"), ("de", "Schmerz")):
        give_text(page_of(book, 1), Kind.TRANSLATION, data, target_language=language)
    plain, german = (
        reader.get(f"/api/books/{book.pk}{query}").json["pages"][0]["translation"]
        for query in ("", "?target_language=German")
    )
    assert (plain["data"], german["data"]) == ("grief", "Schmerz")


def test_it_leaves_the_texts_out_when_asked_to(reader: Api, make_book: BookMaker) -> None:
    book = make_book(2)
    give_text(page_of(book, 1), Kind.OCR, "lorem")
    first, second = reader.get(f"/api/books/{book.pk}?text=false").json["pages"]
    assert first["ocr"]["source"] == "machine"
    assert "data" not in first["ocr"]
    assert second["ocr"] is None


def test_it_shows_a_book_in_the_same_number_of_queries_whatever_its_size(
    reader: Api, make_book: BookMaker, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reader.get("/api/books")  # notes that the token was used
    for pages in (2, 60):
        book = make_book(pages)
        for page in Page.objects.filter(book=book):
            give_text(page, Kind.OCR, "lorem")
            give_text(page, Kind.TRANSLATION, "grief", target_language="en")
        library = connections[library_alias()]
        with django_assert_num_queries(5, connection=library):  # token, its last use, book, pages, texts
            assert len(reader.get(f"/api/books/{book.pk}").json["pages"]) == pages


def test_it_does_not_show_hidden_pages(reader: Api, make_book: BookMaker) -> None:
    book = make_book(3)
    Page.objects.filter(book=book, number=2).update(hidden=True)
    assert [page["page_number"] for page in reader.get(f"/api/books/{book.pk}").json["pages"]] == [1, 3]


@pytest.mark.parametrize("book_id", ["nothing", "%00", "%ff%fe", "a" * 3000, "..%2f..", "1%20OR%201=1"])
def test_it_answers_404_for_a_book_that_is_not_there(reader: Api, book_id: str) -> None:
    said = reader.get(f"/api/books/{book_id}")
    assert said.status == 404
    assert set(said.json) == {"error"}


# --- POST -----------------------------------------------
def new_book(**fields: Any) -> dict[str, Any]:
    pages = [{"image_url": f"https://example.org/{n}.jpg"} for n in range(1, 4)]
    return {"title": "Epigrammata", "language": "Latin", "pages": pages} | fields


def test_it_saves_a_book_with_its_pages(operator: Api) -> None:
    said = operator.post("/api/books", new_book(author="More", year=1520, source_id="x:1", rights="CC0"))
    assert said.status == 201
    assert (said.json["language"], said.json["author"], said.json["year"]) == ("la", "More", 1520)
    assert [page["page_number"] for page in said.json["pages"]] == [1, 2, 3]
    assert said.json["pages_count"] == 3
    assert said.json == operator.get(f"/api/books/{said.json['id']}").json
    assert Book.objects.get().created_by == "operator"


def test_it_keeps_given_page_numbers_and_counts_on_from_them(operator: Api) -> None:
    pages = [
        {"image_url": "https://example.org/a.jpg", "page_number": 7},
        {"image_url": "https://example.org/b.jpg"},
    ]
    said = operator.post("/api/books", new_book(pages=pages))
    assert [page["page_number"] for page in said.json["pages"]] == [7, 8]


def test_it_refuses_a_page_number_given_twice(operator: Api) -> None:
    pages = [{"image_url": "https://example.org/a.jpg", "page_number": 2}] * 2
    said = operator.post("/api/books", new_book(pages=pages))
    assert said.status == 400
    assert "page_number 2" in said.json["error"]
    assert not Book.objects.exists()


def test_it_imports_texts_that_the_pages_have_already(operator: Api) -> None:
    pages = [{"image_url": "https://example.org/a.jpg", "ocr": {"data": GREEK, "language": "grc"}}]
    first = operator.post("/api/books", new_book(pages=pages)).json
    ocr = first["pages"][0]["ocr"]
    assert (ocr["data"], ocr["source"], ocr["language"]) == (GREEK, "import", "grc")
    assert first["pages_ocr"] == 1


def test_it_updates_the_book_of_the_same_source_id_and_loses_nothing(operator: Api) -> None:
    first = operator.post("/api/books", new_book(source_id="x:1", author="More", rights="CC0"))
    page = Page.objects.get(number=1)
    give_text(page, Kind.OCR, "a person's reading", Source.HUMAN)
    changed = [
        {"image_url": "https://example.org/1.jpg", "ocr": {"data": "an older reading"}},
        {"image_url": "https://example.org/2-better.jpg", "label": "f. 1v"},
    ]
    second = operator.post("/api/books", new_book(source_id="x:1", title="Epigrammata II", pages=changed))
    assert (second.status, second.json["id"]) == (200, first.json["id"])
    assert (second.json["title"], second.json["author"], second.json["rights"]) == (
        "Epigrammata II",
        "More",
        "CC0",
    )
    ids = [page["id"] for page in first.json["pages"]]
    assert [page["id"] for page in second.json["pages"]] == ids
    one, two, three = second.json["pages"]
    assert one["ocr"]["data"] == "a person's reading"
    assert (two["image_url"], two["label"]) == ("https://example.org/2-better.jpg", "f. 1v")
    assert three["image_url"] == "https://example.org/3.jpg"


def test_it_forgets_what_it_knew_of_an_image_that_is_replaced(operator: Api) -> None:
    operator.post("/api/books", new_book(source_id="x:1"))
    Page.objects.update(image_sha256="0" * 64, ink=0.1, width=10, height=10, blank=True)
    pages = [{"image_url": "https://example.org/1.jpg"}, {"image_url": "https://example.org/other.jpg"}]
    operator.post("/api/books", new_book(source_id="x:1", pages=pages))
    same, other, _ = Page.objects.order_by("number")
    assert (same.image_sha256, same.blank) == ("0" * 64, True)
    assert (other.image_sha256, other.ink, other.width, other.blank) == ("", None, 0, False)


def test_it_writes_an_imported_text_again_only_when_it_changed(operator: Api) -> None:
    def send(data: str) -> Any:
        pages = [{"image_url": "https://example.org/1.jpg", "ocr": {"data": data}}]
        return operator.post("/api/books", new_book(source_id="x:1", pages=pages)).json["pages"][0]["ocr"][
            "data"
        ]

    assert [send("one"), send("one"), send("two")] == ["one", "one", "two"]
    assert list(PageText.objects.order_by("created_at", "id").values_list("data", flat=True)) == [
        "one",
        "two",
    ]


def test_it_makes_two_books_of_two_posts_without_a_source_id(operator: Api) -> None:
    assert operator.post("/api/books", new_book()).status == 201
    assert operator.post("/api/books", new_book(source_id="")).status == 201
    assert Book.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("title", {"title": ""}),
        ("title", {"title": " \n "}),
        ("title", {"title": "x" * 1001}),
        ("title", {"title": None}),
        ("title", {"title": ["x"]}),
        ("year", {"year": "1520"}),
        ("year", {"year": 10**40}),
        ("year", {"year": True}),
        ("language", {"language": "Klangonisch"}),
        ("pages", {"pages": "all"}),
        ("pages.0.image_url", {"pages": [{}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "ftp://example.org/1.jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "file:///etc/passwd"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https:///1.jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https://a:secret@example.org/1.jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https://example.org/1 .jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https://[::1/1.jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https://example.org:99999/1.jpg"}]}),
        ("pages.0.image_url", {"pages": [{"image_url": "https://example.org/" + "x" * 2000}]}),
        ("pages.0.page_number", {"pages": [{"image_url": "https://example.org/1.jpg", "page_number": 0}]}),
        ("pages.0.page_number", {"pages": [{"image_url": "https://example.org/1.jpg", "page_number": 1.5}]}),
        ("pages.0.ocr.data", {"pages": [{"image_url": "https://example.org/1.jpg", "ocr": {"data": 5}}]}),
    ],
)
def test_it_refuses_a_book_that_makes_no_sense_and_names_the_field(
    operator: Api, field: str, fields: dict[str, Any]
) -> None:
    said = operator.post("/api/books", new_book(**fields))
    assert said.status == 400
    assert list(said.json["errors"]) == [field]
    assert said.json["error"].startswith(f"{field}: ")
    assert "secret" not in str(said.json)
    assert not Book.objects.exists()


def test_it_ignores_fields_that_it_does_not_know(operator: Api) -> None:
    said = operator.post("/api/books", new_book(shelfmark="4° 17", id="mine", pages_count=99))
    assert (said.status, said.json["pages_count"]) == (201, 3)
    assert said.json["id"] != "mine"


@pytest.mark.django_db(transaction=True)
def test_it_makes_one_book_of_many_posts_of_one_source_id_at_once(operator: Api) -> None:
    def send(number: int) -> int:
        try:
            return Api(operator.token).post("/api/books", new_book(source_id="x:1")).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(send, range(12)))
    assert sorted(statuses) == [200] * 11 + [201]
    assert (Book.objects.count(), Page.objects.count()) == (1, 3)
