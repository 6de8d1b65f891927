"""Which image a page has (I40), the sizes asked for, and what is done when a server cannot give them."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django import Settings

from books.images import ImageError, PageImage, load, load_many, sources_of, thumbnail_of
from books.images.ladder import refuse_wrong_reply
from books.images.service import read_service
from tests.support import pages
from tests.support.origin import Answer, Origin

BASE = "https://iiif.example/image/1"


@dataclass
class Leaf:
    """A page as far as its image goes."""

    image_file: str = ""
    image_url: str = ""
    service: dict[str, Any] = field(default_factory=dict)
    width: int = 0
    height: int = 0


def sizes(service: dict[str, Any], width: int = 0, height: int = 0, side: int = 1500) -> list[str]:
    """The size parts of the ladder."""
    page = Leaf(service={"id": BASE, **service}, width=width, height=height)
    return [url.removeprefix(BASE + "/").split("/")[1] for url in sources_of(page, side).urls]


def failure(page: Leaf) -> ImageError:
    """The error that loading gives."""
    with pytest.raises(ImageError) as caught:
        load(page)
    return caught.value


def test_i40_a_stored_file_wins_over_every_address() -> None:
    page = Leaf("scans/1.jpg", "https://library.example/1.jpg", {"id": BASE})
    assert (sources_of(page, 1500).file, sources_of(page, 1500).urls) == ("scans/1.jpg", ())


def test_a_plain_address_is_taken_as_it_is() -> None:
    assert sources_of(Leaf(image_url="https://x.example/1.jpg"), 1500).urls == ("https://x.example/1.jpg",)


def test_a_page_without_image_says_so() -> None:
    with pytest.raises(ImageError, match="has no image"):
        sources_of(Leaf(), 1500)


def test_the_ladder_of_image_api_3() -> None:
    service = {"version": 3, "level": 2, "width": 4000, "height": 6000}
    assert sizes(service) == ["!1500,1500", "1000,", "max"]


def test_the_ladder_of_image_api_2() -> None:
    service = {"version": 2, "level": 2, "width": 4000, "height": 6000, "sizes": [[400, 600], [2000, 3000]]}
    assert sizes(service) == ["!1500,1500", "1000,", "2000,", "max", "full"]


def test_the_ladder_of_image_api_1() -> None:
    page = Leaf(service={"id": BASE, "version": 1, "level": 2}, image_url=f"{BASE}/full/full/0/native.jpg")
    assert sources_of(page, 1500).urls == (
        f"{BASE}/full/!1500,1500/0/native.jpg", f"{BASE}/full/1500,/0/native.jpg", f"{BASE}/full/full/0/native.jpg",
    )  # fmt: skip


def test_level_1_is_not_asked_for_a_box() -> None:
    assert sizes({"version": 2, "level": 1, "width": 1226, "height": 1998}) == ["920,", "max", "full"]


def test_level_0_is_asked_for_its_listed_sizes_only() -> None:
    listed = {"version": 3, "level": 0, "sizes": [[200, 300], [1100, 1650], [3000, 4500]]}
    assert sizes(listed, 3000, 4500) == ["1100,1650", "max"]
    assert sizes({**listed, "sizes": [[200, 300], [600, 900]]}) == ["600,900", "max"]


@pytest.mark.parametrize(
    ("service", "first"),
    [
        ({"width": 800, "height": 1200}, "!800,1200"),
        ({"width": 4000, "height": 6000, "max_width": 600}, "!400,600"),
        ({"width": 4000, "height": 6000, "max_width": 900, "max_height": 1200}, "!800,1200"),
        ({"width": 4000, "height": 6000, "max_area": 960_000}, "!800,1200"),
        ({"width": 6000, "height": 4000, "max_height": 500, "max_width": 2000}, "!750,500"),
        ({"max_width": 1000}, "!1000,1000"),
    ],
)
def test_never_more_than_the_image_or_the_service_allows(service: dict[str, Any], first: str) -> None:
    assert sizes({"version": 2, "level": 2, **service})[0] == first


def test_a_part_of_an_image_stays_a_part() -> None:
    page = Leaf(
        service={"id": BASE, "version": 2, "level": 2, "region": "140,870,1800,1778"}, width=1800, height=1778
    )
    sources = sources_of(page, 1500)
    assert sources.urls[0] == f"{BASE}/140,870,1800,1778/!1500,1500/0/default.jpg"
    assert sources.announced == (1800, 1778)


def test_a_turned_image_is_announced_turned() -> None:
    page = Leaf(service={"id": BASE, "rotation": "90", "width": 3000, "height": 2000})
    assert sources_of(page, 1500).announced == (2000, 3000)


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (
            {"@id": "https://a/1/", "profile": "http://iiif.io/api/image/2/level1.json"},
            {"id": "https://a/1", "version": 2, "level": 1},
        ),
        (
            {"id": "https://a/1", "type": "ImageService3", "profile": "level3", "maxWidth": "1200"},
            {"id": "https://a/1", "version": 3, "level": 2, "max_width": 1200},
        ),
        (
            {
                "@id": "https://a/1/info.json",
                "profile": ["http://iiif.io/api/image/2/level2.json", {"maxWidth": 900, "maxArea": 500_000}],
            },
            {"id": "https://a/1", "version": 2, "level": 2, "max_width": 900, "max_area": 500_000},
        ),
        (
            {
                "@id": "https://a/1",
                "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level0",
            },
            {"id": "https://a/1", "version": 1, "level": 0},
        ),
        (
            {
                "@context": "http://iiif.io/api/image/3/context.json",
                "id": "https://a/1/full/max/0/default.jpg",
            },
            {"id": "https://a/1", "version": 3},
        ),
        (
            {
                "@id": "https://a/1",
                "width": "2000",
                "height": 3000.0,
                "sizes": [{"width": 200, "height": 300}, 7, {}],
            },
            {"id": "https://a/1", "version": 2, "width": 2000, "height": 3000, "sizes": [[200, 300]]},
        ),
        ({"@id": 7, "width": -3, "height": True, "maxWidth": 1e999, "sizes": "x"}, {"version": 2}),
    ],
)
def test_services_are_read_however_they_are_written(data: dict[str, Any], kept: dict[str, Any]) -> None:
    assert read_service(data) == kept


@pytest.mark.parametrize(
    ("size", "announced"),
    [((1000, 1500), (4000, 6000)), ((1000, 1500), None), ((1010, 1500), (4000, 6000)), ((100, 150), (100, 150)),
     ((240, 361), (4000, 6000))],
)  # fmt: skip
def test_a_good_reply_is_accepted(size: tuple[int, int], announced: tuple[int, int] | None) -> None:
    refuse_wrong_reply(size, announced, BASE)


@pytest.mark.parametrize(
    ("size", "announced", "part"),
    [
        ((1500, 1000), (4000, 6000), "other proportions"),
        ((1040, 1500), (4000, 6000), "other proportions"),
        ((100, 150), (4000, 6000), "placeholder"),
        ((200, 200), None, "placeholder"),
    ],
)
def test_i41_a_wrong_reply_is_refused(
    size: tuple[int, int], announced: tuple[int, int] | None, part: str
) -> None:
    with pytest.raises(ImageError, match=part):
        refuse_wrong_reply(size, announced, BASE)


def test_it_loads_a_page_from_its_address(origin: Origin) -> None:
    image = load(Leaf(image_url=origin.page(3)))
    assert image.data == pages.printed(3)


def test_it_loads_a_stored_image() -> None:
    name = default_storage.save("tests/stored.jpg", ContentFile(pages.printed(5)))
    assert load(Leaf(image_file=name)).data == pages.printed(5)
    default_storage.delete(name)
    assert "cannot be read: upload it again" in failure(Leaf(image_file=name)).sentence


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_a_stored_name_cannot_leave_the_storage(name: str) -> None:
    assert "cannot be read" in failure(Leaf(image_file=name)).sentence


def test_each_step_is_tried_once_and_the_error_names_all(origin: Origin) -> None:
    service = {"id": origin.url + "/iiif/1", "version": 3, "level": 2, "width": 4000, "height": 6000}
    error = failure(Leaf(service=service, image_url=origin.url + "/gone.jpg"))
    tried = [path for path in origin.requests if not path.endswith("info.json")]
    assert tried == [
        "/iiif/1/full/!1500,1500/0/default.jpg", "/iiif/1/full/1000,/0/default.jpg",
        "/iiif/1/full/max/0/default.jpg", "/gone.jpg",
    ]  # fmt: skip
    assert set(origin.requests.values()) == {1}
    assert all(origin.url + path in error.sentence for path in tried)
    assert len(error.urls) == 4
    assert not error.retryable


def test_the_next_step_helps_where_the_first_is_refused(origin: Origin) -> None:
    origin.answers["/iiif/1/full/1000,/0/default.jpg"] = Answer(pages.printed(1, 1000, 1500))
    service = {"id": origin.url + "/iiif/1", "version": 2, "level": 2, "width": 4000, "height": 6000}
    assert load(Leaf(service=service)).width == 1000
    assert origin.requests == {
        "/iiif/1/full/!1500,1500/0/default.jpg": 1,
        "/iiif/1/full/1000,/0/default.jpg": 1,
    }


def test_a_wrong_picture_makes_it_try_the_next_step(origin: Origin) -> None:
    origin.answers["/iiif/1/full/!1500,1500/0/default.jpg"] = Answer(pages.printed(1, 1500, 1000))
    origin.answers["/iiif/1/full/1000,/0/default.jpg"] = Answer(pages.printed(1, 1000, 1500))
    service = {"id": origin.url + "/iiif/1", "version": 2, "level": 2, "width": 4000, "height": 6000}
    assert load(Leaf(service=service)).height == 1500


def test_the_service_is_asked_for_its_sizes_when_all_else_fails(origin: Origin) -> None:
    info = {
        "@context": "http://iiif.io/api/image/2/context.json", "@id": origin.url + "/iiif/1", "width": 4000,
        "height": 6000, "profile": ["http://iiif.io/api/image/2/level0.json"],
        "sizes": [{"width": 800, "height": 1200}],
    }  # fmt: skip
    origin.answers["/iiif/1/info.json"] = Answer(
        json.dumps(info).encode(), headers={"Content-Type": "application/json"}
    )
    origin.answers["/iiif/1/full/800,/0/default.jpg"] = Answer(pages.printed(1, 800, 1200))
    assert load(Leaf(service={"id": origin.url + "/iiif/1"})).width == 800


@pytest.mark.parametrize("told", [b"<html>", b"[]", b'{"sizes": 3}', b"[" * 100_000])
def test_a_strange_info_json_changes_nothing(origin: Origin, told: bytes) -> None:
    origin.answers["/iiif/1/info.json"] = Answer(told)
    assert "answered 404" in failure(Leaf(service={"id": origin.url + "/iiif/1"})).sentence


def test_where_only_waiting_helps_no_other_step_is_tried(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    error = failure(Leaf(service={"id": origin.url + "/iiif/1"}, image_url=origin.url + "/x.jpg"))
    assert not error.retryable
    origin.answers["/iiif/2/full/!1500,1500/0/default.jpg"] = Answer(
        status=429, headers={"Retry-After": "77"}
    )
    error = failure(Leaf(service={"id": origin.url + "/iiif/2"}, image_url=origin.page(1)))
    assert error.retryable
    assert error.retry_after == 77
    assert origin.requests["/page/1.jpg"] == 0


@pytest.mark.parametrize(
    ("path", "part"),
    [("/bad/html", "web page"), ("/bad/tiny", "placeholder"), ("/bad/too-short", "cut off"), ("/bad/404", "404"),
     ("/bad/png-bomb", "pixels"), ("/bad/empty", "is empty")],
)  # fmt: skip
def test_i41_the_reason_of_a_bad_page_is_told_with_its_address(origin: Origin, path: str, part: str) -> None:
    error = failure(Leaf(image_url=origin.url + path))
    assert part in error.sentence
    assert origin.url + path in error.sentence


def test_i42_a_hostile_origin_costs_only_its_own_pages(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    settings.FETCH_TIMEOUT = 2.0
    settings.FETCH_HOST_REST = 0.0
    settings.FETCH_MAX_BYTES = 10_000_000
    bad = [path for path in Origin.BAD if path != "/bad/429-long"]
    leaves = [Leaf(image_url=origin.url + path) for path in bad]
    leaves += [Leaf(image_url=origin.page(number % 50 + 1)) for number in range(200)]
    got = list(load_many(leaves))
    assert len(got) == len(leaves)
    for leaf, result in got:
        if "/bad/" in leaf.image_url:
            assert isinstance(result, ImageError), leaf.image_url
            assert len(result.sentence) > 20
        else:
            assert isinstance(result, PageImage), result


def test_a_thumbnail_is_fetched_small(origin: Origin) -> None:
    origin.answers["/iiif/1/full/!480,480/0/default.jpg"] = Answer(pages.printed(1, 320, 480))
    assert len(thumbnail_of(Leaf(service={"id": origin.url + "/iiif/1", "level": 2}))) < 20_000
    assert list(origin.requests) == ["/iiif/1/full/!480,480/0/default.jpg"]
