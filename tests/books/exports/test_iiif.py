"""IIIF Presentation 3: what viewers rely on, checked by hand; ids, languages, rights, provenance."""

import json
from typing import Any

import pytest

from books.exports import Options, export
from books.importers import Given, recognise
from books.models import Book, Page
from tests.books.exports.conftest import GREEK, MODEL, write


def manifest(book: Book, **options: Any) -> Any:
    found = json.loads(
        b"".join(export(book, "iiif", Options(address="https://books.example.org", **options)))
    )
    assert_sound(found)
    return found


def assert_sound(found: Any) -> None:
    """The rules of the Presentation API 3.0 that concern what we write."""
    assert (
        found["@context"] == "http://iiif.io/api/presentation/3/context.json" and found["type"] == "Manifest"
    )
    for language_map in (found["label"], found["summary"], found["requiredStatement"]["value"]):
        assert all(isinstance(value, list) for value in language_map.values())
    ids = [canvas["id"] for canvas in found["items"]]
    assert len(ids) == len(set(ids)) > 0 and all(one.startswith("http") for one in ids)
    for canvas in found["items"]:
        assert canvas["type"] == "Canvas" and canvas["width"] > 0 and canvas["height"] > 0
        pages = [*canvas.get("items", []), *canvas.get("annotations", [])]
        assert all(page["type"] == "AnnotationPage" for page in pages)
        for annotation in (one for page in pages for one in page["items"]):
            assert annotation["type"] == "Annotation" and annotation["target"] == canvas["id"]
            assert annotation["motivation"] in ("painting", "supplementing") and annotation["body"]["type"]
        assert all(
            one["motivation"] == "painting" for page in canvas.get("items", []) for one in page["items"]
        )


def test_every_text_is_a_supplementing_annotation_in_its_language(book: Book) -> None:
    found = manifest(book)
    assert found["id"] == f"https://books.example.org/api/books/{book.pk}/export/iiif"
    assert len(found["items"]) == 17
    texts = {page["items"][0]["body"]["language"]: page for page in found["items"][12]["annotations"]}
    assert set(texts) == {"grc", "de", "en"} and texts["grc"]["items"][0]["body"]["value"] == GREEK
    assert MODEL in texts["grc"]["label"]["en"][0] and "not reviewed" in texts["grc"]["label"]["en"][0]
    assert found["items"][13]["annotations"][0]["items"][0]["body"]["textDirection"] == "rtl"
    assert "annotations" not in found["items"][14]


def test_rights_and_the_way_it_was_made_are_told(book: Book) -> None:
    found = manifest(book)
    assert found["rights"] == "http://creativecommons.org/publicdomain/mark/1.0/"
    assert "e-rara.ch, 74397" in str(found["requiredStatement"]) and "may be wrong" in str(found["summary"])
    Book.objects.filter(pk=book.pk).update(rights="Ask us")
    book.refresh_from_db()
    assert "rights" not in manifest(book)


def test_it_keeps_the_librarys_canvases_services_and_images(db: None) -> None:
    book = Book.objects.create(title="Remota", direction="right-to-left", language="he")
    service = {"id": "https://iiif.example.org/1", "version": 2, "level": 1}
    canvas = "https://example.org/canvas/1"
    address = "https://example.org/1.jpg"
    for number in (1, 2):
        Page.objects.create(
            book=book,
            number=number,
            image_url=address,
            canvas_id=canvas,
            width=900,
            height=1200,
            service=service,
        )
    found = manifest(book)
    assert [one["id"] for one in found["items"]] == [canvas, f"{found['id']}/canvas/2"]
    assert found["viewingDirection"] == "right-to-left" and found["items"][0]["width"] == 900
    body = found["items"][0]["items"][0]["items"][0]["body"]
    assert body["id"] == address and body["service"] == [
        {"@id": service["id"], "@type": "ImageService2", "profile": "level1"}
    ]


def test_our_own_importer_reads_it(book: Book) -> None:
    import io

    raw = b"".join(export(book, "iiif", Options(address="https://books.example.org")))
    given = Given(name="manifest.json", url="https://books.example.org/m.json", file=io.BytesIO(raw))
    [back] = recognise(given).read(given)
    assert back.title == book.title and len(back.pages) == 17 and back.language == "la"


@pytest.mark.parametrize("pages", [0, 1])
def test_small_books_are_manifests_too(db: None, pages: int) -> None:
    book = Book.objects.create(title="Parvus\x01")
    for number in range(pages):
        write(Page.objects.create(book=book, number=number), "\x02Arma")
    manifest(book)


def test_broken_manifests_are_found_out(book: Book) -> None:
    found = manifest(book)
    found["items"][3]["annotations"][0]["items"][0]["target"] = "elsewhere"
    with pytest.raises(AssertionError):
        assert_sound(found)
