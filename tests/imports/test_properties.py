"""No exception reaches a user: whatever a manifest or an image is, it is saved or refused in a sentence."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as property_of
from hypothesis import strategies as st
from PIL import Image

from books.images import ImageError, normalise, thumbnail
from books.importers import Given, ImportRefused
from books.importers.intake import Wishes, take_in
from books.models import Book, Page
from sourcebatch.lib.adminlog import Actor
from tests.books.importers.test_mets import ordinary
from tests.books.importers.test_picture import shades, tiff
from tests.books.importers.test_spreads import spread
from tests.support import pages

ANN = Actor("ann", "admin")
MANIFESTS = Path(__file__).parents[1] / "material" / "manifests"
SEVERAL = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
# Also what no database takes: NUL, halves of surrogate pairs, numbers beyond all columns.
WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["\ud800", "a\x00b", "x" * 3000, "https://l.example/\ud800", "0", "-1", "", "<b>", "\u202e"]
    ),
)
LEAF = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS)
ANYTHING = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["@value", "en", "id", "none"]), inner)
    ),
    max_leaves=5,
)
ADDRESS = st.one_of(
    st.sampled_from(["https://l.example/1.jpg", "//x", "http://[", "ftp://x/1.jpg"]), WORDS, ANYTHING
)


def body(number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    image = {
        "id": drawn["image"],
        "type": "Image",
        "width": drawn["size"],
        "height": 10,
        "service": drawn["service"],
    }
    return {
        "id": drawn["canvas"], "type": "Canvas", "label": drawn["label"], "width": drawn["size"],
        "items": [{"items": [{"motivation": "painting", "body": image}]}],
    }  # fmt: skip


CANVAS = st.fixed_dictionaries(
    {"image": ADDRESS, "canvas": ADDRESS, "label": ANYTHING, "size": LEAF, "service": ANYTHING}
)
MANIFEST = st.fixed_dictionaries(
    {
        "id": ADDRESS, "label": ANYTHING, "rights": ANYTHING, "requiredStatement": ANYTHING, "navDate": ANYTHING,
        "viewingDirection": ANYTHING, "metadata": ANYTHING,
    }
)  # fmt: skip


def imported(raw: bytes, name: str, *, split: bool = False) -> None:
    """Through all that an upload goes through; a refusal must be a sentence."""
    try:
        take_in(Given(name=name, file=io.BytesIO(raw)), actor=ANN, wishes=Wishes(split_spreads=split))
    except ImportRefused as refused:
        assert refused.sentence[-1:] in (".", ")", '"'), refused.sentence
    finally:
        Page.objects.all().delete()
        Book.objects.all().delete()


@pytest.mark.django_db
@SEVERAL
@property_of(MANIFEST, st.lists(CANVAS, max_size=3), st.booleans())
def test_any_manifest_is_saved_or_refused(
    head: dict[str, Any], canvases: list[dict[str, Any]], split: bool
) -> None:
    manifest = {"type": "Manifest", **head, "items": [body(n, drawn) for n, drawn in enumerate(canvases)]}
    imported(json.dumps(manifest).encode(), "m.json", split=split)


@pytest.mark.django_db
@SEVERAL
@property_of(st.data())
def test_real_manifests_with_holes_in_them_are_saved_or_refused(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(MANIFESTS.glob("*.json"))))
    manifest = json.loads(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        _break(manifest, data)
    imported(json.dumps(manifest).encode(), path.name)


def _break(place: Any, data: st.DataObject) -> None:
    """Replace one value somewhere inside."""
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 3)) == 0:
            place[key] = data.draw(ANYTHING)
            return
        place = inner


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("1.jpg", pages.printed(1, 300, 400))
        packed.writestr("book.json", '{"title": "A\\ud800\\u0000", "year": 99999999999, "direction": 3}')
    return out.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "a.zip": _zip, "a.tif": lambda: tiff(*shades(1, 2, 3), compression="tiff_lzw"), "a.xml": ordinary,
    "a.csv": lambda: b"title,image_url\nA,https://l.example/1.jpg\n", "a.jpg": lambda: pages.printed(1, 300, 400),
}  # fmt: skip


@pytest.mark.django_db
@SEVERAL
@property_of(st.data())
def test_any_upload_is_saved_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    imported(_changed(FILES[name](), data), name, split=data.draw(st.booleans()))


IMAGES = [
    pages.encoded(Image.new(mode, (90, 60), 7), kind)
    for mode, kind in (("L", "JPEG"), ("RGB", "PNG"), ("L", "TIFF"), ("RGB", "WEBP"), ("L", "GIF"), ("L", "BMP"),
                       ("RGB", "JPEG2000"), ("CMYK", "JPEG"), ("1", "TIFF"), ("I;16", "PNG"))
] + [pages.jpeg(spread())]  # fmt: skip


def _changed(raw: bytes, data: st.DataObject) -> bytes:
    """With a few bytes replaced, left out or put in, or cut off."""
    found = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, max(len(found) - 1, 0)))
        found[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    return bytes(found[: data.draw(st.integers(0, len(found)))] if data.draw(st.booleans()) else found)


@SEVERAL
@property_of(st.data(), st.sampled_from(["", "left", "right"]))
def test_any_image_is_normalised_or_refused(data: st.DataObject, half: str) -> None:
    raw = _changed(data.draw(st.sampled_from(IMAGES)), data)
    try:
        image = normalise(raw, max_side=200, max_pixels=10_000_000, half=half)
        small = thumbnail(raw, 40, max_pixels=10_000_000, half=half)
    except ImageError as error:
        assert error.sentence.endswith((".", ")"))
        return
    with Image.open(io.BytesIO(image.data)) as sent:
        assert (sent.format, sent.mode) == ("JPEG", "RGB")
        assert max(sent.size) <= 200
    assert len(small) > 0
