"""Two pages in one image: noticed, and on request split without losing the original or a number."""

import io
import json
import zipfile

import pytest
from PIL import Image, ImageDraw

from books import images
from books.images.spread import gutter
from books.importers import Given, ImportedBook, ImportedPage, ImportRefused, read
from books.importers.intake import Wishes, take_in
from books.importers.spreads import note_spreads, split
from books.importers.writer import save
from books.models import Page
from sourcebatch.lib.adminlog import Actor
from tests.support import pages
from tests.support.origin import Answer, Origin

ANN = Actor("ann", "admin")
SPLIT = Wishes(split_spreads=True)


def spread(at: float = 0.5, *, fold: bool = True, width: int = 1600, height: int = 1100) -> Image.Image:
    """Two printed pages side by side; the left one is redder, the right one bluer."""
    whole = Image.new("RGB", (width, height), pages.PAPER)
    middle = round(width * at)
    for left, right, number in ((0, middle, 1), (middle, width, 2)):
        leaf = Image.open(io.BytesIO(pages.printed(number, right - left, height)))
        whole.paste(leaf, (left, 0))
    draw = ImageDraw.Draw(whole)
    draw.rectangle((0, 0, 40, 40), fill="red")
    draw.rectangle((width - 40, 0, width, 40), fill="blue")
    if fold:
        draw.rectangle((middle - 4, 0, middle + 4, height), fill=(120, 110, 95))
    return whole


def archive(*files: tuple[str, bytes]) -> Given:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, raw in files:
            packed.writestr(name, raw)
    return Given(name="scans.zip", file=io.BytesIO(out.getvalue()))


def scans() -> Given:
    return archive(("1.jpg", pages.printed(1, 300, 400)), ("2.jpg", pages.jpeg(spread())))


@pytest.mark.parametrize("at", [0.45, 0.5, 0.54])
@pytest.mark.parametrize("fold", [True, False])
def test_the_gutter_is_found_by_its_fold_or_between_the_texts(at: float, fold: bool) -> None:
    found = gutter(spread(at, fold=fold))
    assert found is not None
    # Without a fold anything between the two texts is right.
    assert abs(found - at) < (0.01 if fold else 0.08)


def test_a_wide_image_without_two_pages_has_no_gutter() -> None:
    lines = Image.new("RGB", (1600, 1100), pages.PAPER)
    draw = ImageDraw.Draw(lines)
    for y in range(60, 1040, 30):
        for x in range(60, 1540, 14):
            draw.rectangle((x, y, x + 7 + (x * y) % 5, y + 12), fill=pages.INK)
    assert gutter(lines) is None


def test_pages_wider_than_high_are_told() -> None:
    leaves = (ImportedPage("a", width=800, height=1100), ImportedPage("b", width=1600, height=1100))
    book = ImportedBook("Ars", pages=leaves)
    assert "Page 2: wider than high" in note_spreads(book).oddities[0]
    assert note_spreads(ImportedBook("Ars", pages=leaves[:1])).oddities == ()


def test_right_to_left_books_begin_with_the_right_half() -> None:
    book = ImportedBook(
        "Ars", direction="right-to-left", pages=(ImportedPage("b", label="3", width=1600, height=1100),)
    )
    assert [page.label for page in split(book).pages] == ["3 (right)", "3 (left)"]


@pytest.mark.django_db
def test_a_spread_becomes_two_pages_that_share_one_stored_image() -> None:
    (report,) = take_in(scans(), actor=ANN, wishes=SPLIT)
    single, left, right = Page.objects.order_by("number")
    assert report.added == 3
    assert [page.number for page in (single, left, right)] == [1, 2, 3]
    assert left.image_file == right.image_file != single.image_file
    halves = [images.load(page) for page in (left, right)]
    assert all(half.height > half.width for half in halves)
    assert halves[0].sha256 != halves[1].sha256
    assert halves[0].original_width == 1600
    corner = [Image.open(io.BytesIO(half.data)) for half in halves]
    assert _colour(corner[0], 10) == "red"
    assert _colour(corner[1], corner[1].width - 10) == "blue"
    thumbs = [Image.open(io.BytesIO(images.thumbnail_of(page))) for page in (left, right)]
    assert [thumb.height for thumb in thumbs] == [240, 240]


def _colour(image: Image.Image, x: int) -> str:
    red, _green, blue = image.convert("RGB").getpixel((x, 10))  # type: ignore[misc]
    return "red" if red > 180 > blue else "blue" if blue > 180 > red else "none"


@pytest.mark.django_db
def test_importing_a_split_book_again_changes_nothing_asked_or_not() -> None:
    take_in(scans(), actor=ANN, wishes=SPLIT)
    for wishes in (SPLIT, Wishes()):
        (report,) = take_in(scans(), actor=ANN, wishes=wishes)
        assert "nothing has changed" in report.sentence()
    assert Page.objects.count() == 3


@pytest.mark.django_db
def test_a_book_that_is_here_unsplit_is_not_renumbered() -> None:
    take_in(scans(), actor=ANN)
    with pytest.raises(ImportRefused, match="page numbers never change"):
        take_in(scans(), actor=ANN, wishes=SPLIT)
    assert Page.objects.count() == 2


@pytest.mark.django_db
def test_the_image_of_a_spread_is_fetched_once_for_both_halves(origin: Origin) -> None:
    origin.answers["/spread.jpg"] = Answer(pages.jpeg(spread()))
    leaf = ImportedPage("c1", image_url=f"{origin.url}/spread.jpg", width=1600, height=1100)
    save(split(ImportedBook("Ars", source_id="x", pages=(leaf,))), actor="ann")
    found = dict(images.load_many(Page.objects.all()))
    assert all(isinstance(image, images.PageImage) for image in found.values())
    assert origin.requests["/spread.jpg"] == 1


def test_the_note_comes_with_every_importer() -> None:
    image = {"id": "https://l.example/1.jpg", "type": "Image", "width": 3000, "height": 2000}
    painting = {"items": [{"motivation": "painting", "body": image}]}
    canvas = {"id": "https://l.example/c", "type": "Canvas", "items": [painting]}
    raw = json.dumps({"type": "Manifest", "id": "https://l.example/m", "items": [canvas]}).encode()
    (book,) = read(Given(name="m.json", file=io.BytesIO(raw)))
    assert any("wider than high" in said for said in book.oddities)
