"""IIIF manifests as libraries publish them: six real ones, and a zoo with one animal for each known oddity."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from books.importers import Given, ImportedBook, ImportRefused, fetched, importers, opened, read
from books.importers.iiif import parse
from tests.support import pages
from tests.support.origin import Answer, Origin

MANIFESTS = Path(__file__).parents[2] / "material" / "manifests"
CC_BY = "creativecommons.org/licenses/by/4.0"
Json = dict[str, Any]


def real(name: str) -> ImportedBook:
    """One of the real manifests."""
    with (MANIFESTS / f"{name}.json").open("rb") as file:
        (book,) = read(Given(name=f"{name}.json", file=file))
    return book


@pytest.mark.parametrize(
    ("name", "count", "direction", "rights", "year", "language", "labels"),
    [
        ("sbb-berlin_v2_17canvases_ranges", 17, "left-to-right", "Public Domain Mark 1.0", 1747, "de",
         ["- [1]", "- [2]", "- [3]", "- [4]", "- [5]", "- [6]", "- [7]", "4 [8]"]),
        ("nls-scotland_v2_40canvases", 40, "left-to-right", f"http://{CC_BY}/", None, "", ["1", "2", "3"]),
        ("mdz-munich_v2_4canvases", 4, "left-to-right", "https://rightsstatements.org/vocab/NoC-NC/1.0/", 1830, "",
         ["I (0009)", "II (0010)", "III (0011)", "IV (0012)"]),
        ("wellcome_v3_10canvases", 10, "left-to-right", f"https://{CC_BY}/", 1960, "", ["-", "-", "-", "2", "3"]),
        ("vam-forster_v3_114canvases", 114, "left-to-right", "https://www.vam.ac.uk/articles/terms-of-use", None, "",
         ["Front Cover", "Inside Front Cover", "001r", "001v", "002r"]),
        ("kranenburgh_v3_rtl_imageapi3", 6, "right-to-left", f"http://{CC_BY}", 1938, "",
         ["p. 1", "p. 2", "p. 3", "p. 4", "p. 5", "p. 6"]),
    ],
)  # fmt: skip
def test_a_real_manifest_comes_in_right(
    name: str, count: int, direction: str, rights: str, year: int | None, language: str, labels: list[str]
) -> None:
    book = real(name)
    raw = json.loads((MANIFESTS / f"{name}.json").read_bytes())
    canvases = raw["items"] if "items" in raw else raw["sequences"][0]["canvases"]
    assert [page.canvas_id for page in book.pages] == [each.get("id") or each["@id"] for each in canvases]
    assert len(book.pages) == count
    assert [page.label for page in book.pages[: len(labels)]] == labels
    assert (book.direction, book.rights, book.year, book.language) == (direction, rights, year, language)
    assert book.source_id == (raw.get("id") or raw["@id"])
    assert book.title
    assert all(page.image_url and page.service["id"] for page in book.pages)
    assert all("wider than high" in said for said in book.oddities)


def test_the_real_services_are_kept() -> None:
    vam, wellcome = real("vam-forster_v3_114canvases").pages[0], real("wellcome_v3_10canvases").pages[0]
    assert vam.service == {
        "id": "https://framemark.vam.ac.uk//collections/2006AW1773", "version": 2, "level": 2,
        "region": "140,870,1800,1778",
    }  # fmt: skip
    assert (vam.width, vam.height) == (1800, 1778)
    assert wellcome.image_url.endswith("/full/620,1024/0/default.jpg")
    assert (wellcome.service["level"], wellcome.width, wellcome.height) == (1, 2670, 4412)
    assert real("kranenburgh_v3_rtl_imageapi3").pages[1].service["version"] == 3


def test_attribution_is_kept_without_its_html() -> None:
    assert real("nls-scotland_v2_40canvases").attribution == "National Library of Scotland License: CC BY 4.0"
    assert real("mdz-munich_v2_4canvases").attribution == "Bayerische Staatsbibliothek"
    assert real("wellcome_v3_10canvases").attribution.startswith("Wellcome Collection; You have permission")


# --- The zoo ---------------------------------------------------------------------------------------------------


def canvas2(number: int = 1, **more: Any) -> Json:
    """A canvas of Presentation 2 with a plain image."""
    resource = {
        "@id": f"https://img.example/{number}.jpg",
        "@type": "dctypes:Image",
        "width": 1000,
        "height": 1500,
    }
    return {
        "@id": f"https://lib.example/canvas/{number}", "@type": "sc:Canvas", "label": f"f. {number}r", "width": 1000,
        "height": 1500, "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}],
    } | more  # fmt: skip


def v2(*canvases: Any, **more: Any) -> Json:
    """A manifest of Presentation 2."""
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json", "@id": "https://lib.example/m",
        "@type": "sc:Manifest", "label": "A book", "license": "https://rights.example/",
        "sequences": [{"@type": "sc:Sequence", "canvases": list(canvases) or [canvas2()]}],
    } | more  # fmt: skip


def canvas3(body: Any, number: int = 1, **more: Any) -> Json:
    """A canvas of Presentation 3 with this body."""
    annotation = {"type": "Annotation", "motivation": "painting", "body": body}
    return {
        "id": f"https://lib.example/canvas/{number}", "type": "Canvas", "label": {"none": [f"{number}"]},
        "width": 1000, "height": 1500, "items": [{"type": "AnnotationPage", "items": [annotation]}],
    } | more  # fmt: skip


def v3(*canvases: Any, **more: Any) -> Json:
    """A manifest of Presentation 3."""
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json", "id": "https://lib.example/m",
        "type": "Manifest", "label": {"en": ["A book"]}, "rights": "https://rights.example/", "items": list(canvases),
    } | more  # fmt: skip


IMAGE: Json = {"id": "https://img.example/1.jpg", "type": "Image", "width": 1000, "height": 1500}


def book_of(manifest: Any, url: str = "") -> ImportedBook:
    """What is understood of a manifest."""
    return parse(json.dumps(manifest).encode(), url)


def refusal(raw: bytes | Json | list[Any]) -> ImportRefused:
    """With which sentence it is refused."""
    with pytest.raises(ImportRefused) as caught:
        parse(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert caught.value.sentence.endswith(".")
    return caught.value


def with_service(service: Any, **more: Any) -> Json:
    """The service that is kept from an image with this one."""
    (page,) = book_of(v3(canvas3({**IMAGE, "service": service, **more}))).pages
    return page.service


@pytest.mark.parametrize(
    "context",
    [
        None,
        7,
        "http://www.shared-canvas.org/ns/context.json",
        "wrong",
        ["http://iiif.io/api/presentation/2/context.json"],
    ],
)
def test_the_context_does_not_matter(context: Any) -> None:
    assert len(book_of(v2(**{"@context": context})).pages) == 1


def test_a_manifest_without_type_or_id_comes_in() -> None:
    manifest = v2()
    del manifest["@type"], manifest["@id"]
    assert book_of(manifest, "https://lib.example/from-here").source_id == "https://lib.example/from-here"
    assert book_of(manifest).source_id.startswith("sha256:")
    assert book_of(manifest).source_id == book_of(manifest).source_id


SERVICE2 = {
    "@context": "http://iiif.io/api/image/2/context.json",
    "@id": "https://s.example/2",
    "profile": "level2",
}
SERVICE3 = {"id": "https://s.example/3", "type": "ImageService3", "profile": "level2"}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (SERVICE2, ("https://s.example/2", 2)),
        ([SERVICE2], ("https://s.example/2", 2)),
        ([SERVICE2, SERVICE3], ("https://s.example/3", 3)),
        ([SERVICE3, SERVICE2], ("https://s.example/3", 3)),
        ("https://s.example/plain", ("https://s.example/plain", 2)),
        (
            [{"@type": "SearchService1", "@id": "https://s.example/search"}, SERVICE2],
            ("https://s.example/2", 2),
        ),
    ],
)
def test_services_in_every_shape(service: Any, expected: tuple[str, int]) -> None:
    kept = with_service(service)
    assert (kept["id"], kept["version"]) == expected


@pytest.mark.parametrize(
    "service", [None, [], {}, "", 7, {"@id": ""}, {"@id": "x"}, [None, 3], {"id": ["https://a/"]}]
)
def test_services_that_are_none(service: Any) -> None:
    assert with_service(service) == {}


@pytest.mark.parametrize(
    "body",
    [
        "https://img.example/1.jpg",
        IMAGE,
        [IMAGE],
        {"id": "https://img.example/1.jpg"},
        {"type": "Choice", "items": [IMAGE, {**IMAGE, "id": "https://img.example/uv.jpg"}]},
        {"@type": "oa:Choice", "default": IMAGE, "item": ["rdf:nil"]},
        {"@type": "oa:Choice", "default": IMAGE, "item": [{**IMAGE, "@id": "https://img.example/ir.jpg"}]},
        {"type": "SpecificResource", "source": IMAGE},
        {"type": "SpecificResource", "source": "https://img.example/1.jpg"},
        {"id": "1.jpg", "type": "Image"},
    ],
)
def test_bodies_in_every_shape(body: Any) -> None:
    (page,) = book_of(v3(canvas3(body)), "https://img.example/manifest.json").pages
    assert page.image_url == "https://img.example/1.jpg"


def test_a_choice_is_told() -> None:
    choice = {"type": "Choice", "items": [IMAGE, {**IMAGE, "id": "https://img.example/uv.jpg"}]}
    assert book_of(v3(canvas3(choice))).oddities == ("Page 1: offers 2 views: the first is used.",)


def test_a_part_of_an_image_is_kept_as_a_part() -> None:
    selector = {"type": "ImageApiSelector", "region": "100,200,700,900", "rotation": "90"}
    body = {"type": "SpecificResource", "source": {**IMAGE, "service": [SERVICE3]}, "selector": selector}
    (page,) = book_of(v3(canvas3(body))).pages
    assert (page.service["region"], page.service["rotation"]) == ("100,200,700,900", "90")
    assert (page.width, page.height) == (700, 900)


def test_a_reduced_address_does_not_hide_the_size_of_the_image() -> None:
    small = {**IMAGE, "id": "https://s.example/3/full/200,/0/default.jpg", "width": 200, "height": 300}
    (page,) = book_of(v3(canvas3({**small, "service": [SERVICE3]}))).pages
    assert (page.width, page.height) == (1000, 1500)
    (page,) = book_of(v3(canvas3({**small, "service": [{**SERVICE3, "width": 4000, "height": 6000}]}))).pages
    assert (page.width, page.height) == (4000, 6000)


def test_the_size_of_the_canvas_is_not_taken_for_that_of_the_image() -> None:
    (page,) = book_of(
        v3(canvas3({"id": "https://img.example/1.jpg", "type": "Image"}, width=7, height=7))
    ).pages
    assert (page.width, page.height) == (0, 0)


def test_an_image_known_by_its_service_alone_has_an_address() -> None:
    (page,) = book_of(
        v3(canvas3({"id": "https://lib.example/m#body", "type": "Image", "service": [SERVICE3]}))
    ).pages
    assert page.image_url == "https://s.example/3/full/max/0/default.jpg"


def test_pages_without_image_keep_their_place() -> None:
    book = book_of(v2(canvas2(1), canvas2(2, images=[]), canvas2(3), canvas2(4, images=None)))
    assert [bool(page.image_url) for page in book.pages] == [True, False, True, False]
    assert book.oddities == ("Pages 2, 4: has no image.",)


def test_canvas_ids_may_repeat() -> None:
    assert [page.canvas_id[-1] for page in book_of(v2(canvas2(1), canvas2(1))).pages] == ["1", "1"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("f. 1r", "f. 1r"), (12, "12"), (None, ""), ("", ""), (["a", "b"], "a; b"), (["a", "a"], "a"),
        ({"en": ["Cover"], "de": ["Deckel"]}, "Cover"), ({"de": ["Deckel"], "fr": ["Plat"]}, "Deckel"),
        ({"none": ["1r"], "en": ["leaf 1"]}, "1r"), ({"@none": ["1r"]}, "1r"), ({"English": ["Front"]}, "Front"),
        ({"en-GB": ["Cover"], "de": ["Deckel"]}, "Cover"), ({"de": "Deckel"}, "Deckel"), ({}, ""), ({"en": []}, ""),
        ({"@value": "Titel", "@language": "de"}, "Titel"), ({"@value": 7}, "7"),
        ([{"@value": "Titel", "@language": "de"}, {"@value": "Title", "@language": "en"}], "Title"),
        ([{"@value": "8 S."}, {"@value": "8°"}], "8 S.; 8°"),
        ("<span>1<sup>r</sup></span>", "1r"), ("a<br/>b", "a b"), ("R&amp;D &lt;i&gt;", "R&D <i>"),
        ("  a \n\t b ", "a b"), ("x\x00y", "x y"), ("3 < 5", "3 < 5"), ([[["deep"]]], "deep"), ([None, True], "True"),
    ],
)  # fmt: skip
def test_labels_in_every_shape(label: Any, text: str) -> None:
    (page,) = book_of(v2(canvas2(label=label))).pages
    assert page.label == text


def test_a_book_without_title_has_one() -> None:
    assert book_of(v2(label=None)).title == "Untitled"
    assert book_of(v2(label="", metadata=[{"label": "Titel", "value": "Ars"}])).title == "Ars"


def test_rights_are_looked_for_and_their_absence_is_told() -> None:
    bare = v2(license=None)
    assert book_of(bare).rights == ""
    assert "says nothing about rights" in book_of(bare).oddities[0]
    linked = f'Foo <a href="http://{CC_BY}/">CC</a>'
    assert book_of(bare | {"attribution": linked}).rights == f"http://{CC_BY}/"
    assert book_of(bare | {"metadata": [{"label": "Lizenz", "value": "gemeinfrei"}]}).rights == "gemeinfrei"
    assert book_of(v3(canvas3(IMAGE), rights="x")).rights == "x"
    provider = [{"id": "x", "label": {"en": ["The Library"]}}]
    assert book_of(v3(canvas3(IMAGE), provider=provider)).attribution == "The Library"


@pytest.mark.parametrize(
    ("value", "code"),
    [("Latin", "la"), ("lat", "la"), ("ger", "de"), ("Deutsch", "de"), ("Latein; Deutsch", "la"), ("xyzzy", ""),
     ("", ""), ({"en": ["Ancient Greek"]}, "grc"), ("Hebrew and Aramaic", "he"), ("zxx", "")],
)  # fmt: skip
def test_i29_languages_become_codes_and_unknown_stays_unknown(value: Any, code: str) -> None:
    assert book_of(v2(metadata=[{"label": "Language", "value": value}])).language == code
    assert book_of(v2()).language == ""


@pytest.mark.parametrize(
    ("entries", "year"),
    [
        ([("Date", "Basel, 1520")], 1520), ([("Published", "München"), ("Date", "ca. 1830-1840")], 1830),
        ([("Datum gemaakt", "2025-06-05")], None), ([("Date", "15th century")], None),
        ([("Date", "shelf 15201")], None),
    ],
)  # fmt: skip
def test_years_are_found(entries: list[tuple[str, str]], year: int | None) -> None:
    assert book_of(v2(metadata=[{"label": label, "value": value} for label, value in entries])).year == year


def test_the_first_sequence_with_pages_counts() -> None:
    sequences = [{"canvases": []}, {"canvases": [canvas2(1), canvas2(2)]}, {"canvases": [canvas2(3)]}]
    book = book_of(v2(sequences=sequences))
    assert [page.label for page in book.pages] == ["f. 1r", "f. 2r"]
    assert book.oddities == ("It has 2 sequences of pages: the first is taken.",)
    assert len(book_of(v2(sequences={"canvases": canvas2(1)})).pages) == 1


@pytest.mark.parametrize("direction", ["right-to-left", "top-to-bottom", "bottom-to-top"])
def test_the_direction_is_kept_and_so_is_the_order(direction: str) -> None:
    book = book_of(v3(canvas3(IMAGE, 1), canvas3(IMAGE, 2), viewingDirection=direction))
    assert book.direction == direction
    assert [page.label for page in book.pages] == ["1", "2"]
    in_sequence = v2(sequences=[{"canvases": [canvas2()], "viewingDirection": direction}])
    assert book_of(in_sequence).direction == direction


def test_a_strange_direction_is_told() -> None:
    book = book_of(v2(viewingDirection="sideways"))
    assert book.direction == "left-to-right"
    assert "reading direction" in book.oddities[0]


AUTH1 = {"@context": "http://iiif.io/api/auth/1/context.json", "profile": "http://iiif.io/api/auth/1/login"}
AUTH2 = {"id": "https://s.example/probe", "type": "AuthProbeService2"}


@pytest.mark.parametrize("login", [AUTH1, AUTH2, [AUTH2]])
def test_a_login_at_the_library_is_told(login: Any) -> None:
    closed = canvas3({**IMAGE, "service": [{**SERVICE2, "service": login}]}, 2)
    assert "need a login at the library" in refusal(v3(closed)).sentence
    book = book_of(v3(canvas3(IMAGE), closed))
    assert book.oddities == ("Page 2: needs a login at the library.",)


def test_a_collection_offers_its_manifests() -> None:
    v2_collection = {
        "@type": "sc:Collection", "label": "Many",
        "manifests": [{"@id": "https://lib.example/1", "label": "One"}, {"@id": "https://lib.example/2"}],
    }  # fmt: skip
    refused = refusal(v2_collection)
    assert "a collection of 2 manifests" in refused.sentence
    assert refused.offers == (
        ("https://lib.example/1", "One"),
        ("https://lib.example/2", "https://lib.example/2"),
    )
    v3_collection = {
        "type": "Collection",
        "items": [{"id": "https://lib.example/1", "type": "Manifest", "label": {}}],
    }
    assert refusal(v3_collection).offers == (("https://lib.example/1", "https://lib.example/1"),)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"", "cannot be read as JSON"),
        (b"{", "cannot be read as JSON"),
        (b"[" * 200_000, "cannot be read as JSON"),
        (b"<!doctype html><p>Not found", "a web page"),
        (b"%PDF-1.4", "a PDF"),
        ('{"label": "Zürich", "sequences": []}'.encode("latin-1"), "not in UTF-8"),
        ([], "not a IIIF manifest"),
        ({}, "not a IIIF manifest"),
        ({"errors": ["not found"]}, "not a IIIF manifest"),
        ({"protocol": "http://iiif.io/api/image", "@id": "https://s.example/1"}, "single image"),
        (v2(sequences=[]), "no page images"),
        (v3(), "no page images"),
        (
            v3(canvas3({"id": "https://a.example/1.mp3", "type": "Sound", "format": "audio/mp3"})),
            "sound recordings",
        ),
        (v3(canvas3({"id": "https://a.example/1.mp4", "type": "Video"})), "films"),
        (
            v3(canvas3({"id": "https://a.example/1.pdf", "type": "Text", "format": "application/pdf"})),
            "a PDF",
        ),
        (v3(canvas3({"type": "TextualBody", "value": "words"})), "no page images"),
    ],
)
def test_what_is_no_book_is_refused_in_one_sentence(raw: Any, part: str) -> None:
    assert part in refusal(raw).sentence


def test_a_byte_order_mark_and_utf_16_are_read() -> None:
    text = json.dumps(v2(label="Zürich"), ensure_ascii=False)
    assert parse(text.encode("utf-8-sig")).title == "Zürich"
    assert parse(text.encode("utf-16")).title == "Zürich"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:image/png;base64,AAAA", "file:///etc/passwd", "ftp://x/1"]
)
def test_addresses_that_are_not_of_the_web_are_no_images(url: str) -> None:
    assert "no page images" in refusal(v3(canvas3({"id": url, "type": "Image"}))).sentence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "@id", "@type", "@context", "label", "metadata", "sequences", "viewingDirection", "license", "attribution", "items",
    "rights", "requiredStatement", "provider", "navDate", "id", "type",
]  # fmt: skip


@property_of(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_no_value_anywhere_in_a_manifest_raises(strange: Json) -> None:
    for manifest in (v2() | strange, v3(canvas3(IMAGE)) | strange):
        try:
            assert book_of(manifest).title
        except ImportRefused as refused:
            assert refused.sentence.endswith(".")


@property_of(
    st.dictionaries(
        st.sampled_from(["@id", "id", "label", "images", "items", "width", "height"]), JSON, max_size=4
    ),
    st.dictionaries(
        st.sampled_from(["id", "type", "service", "items", "source", "selector", "format", "width"]),
        JSON,
        max_size=4,
    ),
)
def test_no_value_anywhere_in_a_canvas_raises(strange: Json, body: Json) -> None:
    for manifest in (v2(canvas2(), canvas2() | strange), v3(canvas3(IMAGE), canvas3(IMAGE | body))):
        assert len(book_of(manifest).pages) == 2


@property_of(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    with pytest.raises(ImportRefused):
        parse(raw)


def test_it_is_fetched_from_an_address(origin: Origin) -> None:
    origin.answers["/m.json"] = Answer(
        json.dumps(v2()).encode(), headers={"Content-Type": "application/json"}
    )
    (book,) = read(fetched(origin.url + "/m.json"))
    assert book.source_url == origin.url + "/m.json"
    assert "json" in origin.headers["/m.json"]["Accept"]


@pytest.mark.parametrize(
    ("path", "part"), [("/bad/404", "answered 404"), ("/bad/401", "login at the library")]
)
def test_an_address_that_gives_nothing_is_refused_with_the_reason(
    origin: Origin, path: str, part: str
) -> None:
    with pytest.raises(ImportRefused, match=part):
        fetched(origin.url + path)


def test_a_web_page_from_an_address_is_called_one(origin: Origin) -> None:
    with pytest.raises(ImportRefused, match="a web page, not a IIIF manifest"):
        list(read(fetched(origin.url + "/bad/html")))


def test_importers_are_registered_by_being_there() -> None:
    assert "iiif" in {importer.name for importer in importers()}


def test_what_nobody_knows_is_refused_naming_what_can_be_imported() -> None:
    with pytest.raises(ImportRefused, match="IIIF manifest"):
        read(Given(name="book.xyz", file=io.BytesIO(b"\x00\x01")))


def test_a_source_is_opened_by_its_path_or_address(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(v2(label="From a file")))
    (tmp_path / "Ars").mkdir()
    (tmp_path / "Ars" / "1.jpg").write_bytes(pages.printed(1))
    origin.answers["/m.json"] = Answer(json.dumps(v2(label="From afar")).encode())
    titles = []
    for place in (str(tmp_path / "m.json"), str(tmp_path / "Ars"), origin.url + "/m.json"):
        with opened(place) as source:
            titles += [book.title for book in read(source)]
    assert titles == ["From a file", "Ars", "From afar"]


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(ImportRefused, match="check the path"), opened("/nowhere/m.json"):
        raise AssertionError("opened")
