"""Page images: what is sent is what it claims to be (I41, I42, I44), and blank leaves are found (I24)."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from books.images import ImageError, PageImage, is_blank, normalise, thumbnail
from tests.support import pages
from tests.support.origin import HTML, png_bomb

SCANS = Path(__file__).parents[2].parent / "shared" / "material" / "more-epigrammata-1520"
LIMITS: dict[str, Any] = {"max_side": 1500, "max_pixels": 50_000_000}


def normal(raw: bytes, **limits: Any) -> PageImage:
    """The image as it is sent."""
    return normalise(raw, **{**LIMITS, **limits})


def decoded(image: PageImage) -> Image.Image:
    """What the receiver sees; also holds the promises that are always kept."""
    seen = Image.open(io.BytesIO(image.data))
    seen.load()
    assert (seen.format, seen.mode, image.mime) == ("JPEG", "RGB", "image/jpeg")
    assert seen.size == (image.width, image.height)
    assert seen.getexif().get(0x0112, 1) == 1
    assert image.sha256 == hashlib.sha256(image.data).hexdigest()
    return seen


def refusal(raw: bytes, **limits: int) -> str:
    """The sentence with which these bytes are refused."""
    with pytest.raises(ImageError) as caught:
        normal(raw, **limits)
    assert not caught.value.retryable
    return caught.value.sentence


def quarters(mode: str = "RGB", size: tuple[int, int] = (400, 600)) -> Image.Image:
    """Top left red, top right green, bottom left blue, bottom right white: shows every turn and colour error."""
    image = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    image.paste("red", (0, 0, *half))
    image.paste((0, 128, 0), (half[0], 0, size[0], half[1]))
    image.paste("blue", (0, half[1], half[0], size[1]))
    return image.convert(mode)


def corners(image: Image.Image) -> list[str]:
    """The colours found in the four corners, by name."""
    names = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    width, height = image.size
    found = []
    for place in ((30, 30), (width - 30, 30), (30, height - 30), (width - 30, height - 30)):
        pixel: Any = image.getpixel(place)
        found.append(min(names, key=lambda n: sum(abs(a - b) for a, b in zip(pixel, names[n], strict=True))))
    return found


UPRIGHT = ["red", "green", "blue", "white"]


def test_i44_an_upright_jpeg_within_the_size_is_sent_as_it_came() -> None:
    raw = pages.printed(4)
    image = normal(raw)
    assert image.data is raw
    assert image.kept_original
    assert image.original_sha256 == image.sha256 == hashlib.sha256(raw).hexdigest()
    decoded(image)


def test_a_large_jpeg_is_made_smaller_in_proportion() -> None:
    image = normal(pages.printed(4, 2000, 3000))
    assert (image.width, image.height) == (1000, 1500)
    assert (image.original_width, image.original_height) == (2000, 3000)
    assert not image.kept_original
    assert image.original_sha256 != image.sha256
    assert decoded(image).info["comment"] == b"page 4 of ORIGIN"


def test_a_small_image_is_never_enlarged() -> None:
    image = normal(pages.encoded(quarters(), "PNG"))
    assert (image.width, image.height) == (400, 600)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_i44_exif_rotation_is_applied(orientation: int, kind: str) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = quarters().transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = normal(pages.encoded(stored, kind, exif=exif))
    assert (image.width, image.height) == (400, 600)
    assert (image.original_width, image.original_height) == (400, 600)
    assert corners(decoded(image)) == UPRIGHT


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "PNG"), ("RGB", "JPEG2000"), ("RGB", "TIFF"), ("RGB", "WEBP"), ("RGB", "BMP"), ("P", "PNG"),
        ("P", "GIF"), ("RGBA", "PNG"), ("RGBA", "TIFF"), ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"), ("LAB", "TIFF"),
    ],
)  # fmt: skip
def test_i44_every_colour_mode_becomes_rgb(mode: str, kind: str) -> None:
    source = quarters("RGB").convert(mode) if mode != "LAB" else _lab(quarters())
    image = normal(pages.encoded(source, kind))
    assert corners(decoded(image)) == UPRIGHT


def _lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "JPEG"), ("L", "TIFF"), ("1", "TIFF"), ("1", "PNG"), ("LA", "PNG")]
)
def test_i44_grey_and_one_bit_become_rgb(mode: str, kind: str) -> None:
    page = Image.open(io.BytesIO(pages.printed(3))).convert(mode)
    image = normal(pages.encoded(page, kind))
    decoded(image)
    assert not is_blank(image.ink)


@pytest.mark.parametrize(("top", "kind"), [(65535, "PNG"), (65535, "TIFF"), (4095, "TIFF"), (255, "TIFF")])
def test_i44_sixteen_bits_are_scaled_and_not_cut(top: int, kind: str) -> None:
    ramp = np.linspace(0, top, 500).astype(np.uint16)
    grey = Image.fromarray(np.tile(ramp, (400, 1)))
    row = np.asarray(decoded(normal(pages.encoded(grey, kind))).convert("L"))[200]
    assert row[5] < 10
    assert row[-5] > 245
    assert abs(int(row[250]) - 127) < 6


def test_i44_transparency_is_white_paper() -> None:
    clear = Image.new("RGBA", (400, 600), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (100, 100, 300, 500))
    seen = decoded(normal(pages.encoded(clear, "PNG")))
    assert seen.getpixel((20, 20)) == (255, 255, 255)
    assert seen.getpixel((200, 300)) == (0, 0, 0)


def test_the_first_page_of_a_tiff_counts() -> None:
    raw = pages.encoded(
        quarters(), "TIFF", save_all=True, append_images=[Image.new("RGB", (400, 600), "black")]
    )
    assert corners(decoded(normal(raw))) == UPRIGHT


def test_a_large_jpeg_2000_is_made_smaller() -> None:
    raw = pages.encoded(quarters(size=(2400, 3600)), "JPEG2000")
    image = normal(raw)
    assert (image.width, image.height) == (1000, 1500)
    assert (image.original_width, image.original_height) == (2400, 3600)
    assert corners(decoded(image)) == UPRIGHT


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (HTML, 'a web page ("Error 503")'),
        (b"  \n<html><title>Sorry</title>", 'a web page ("Sorry")'),
        (b"", "is empty"),
        (b"   \n", "is empty"),
        (b'{"error": "no"}', "JSON or XML"),
        (b"<?xml version='1.0'?><svg/>", "JSON or XML"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x00" * 5000, "not an image in a known format"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "damaged or cut off"),
        (b"\xff\xd8\xff" + b"x" * 100, "damaged or cut off"),
        (b"RIFF\x00\x00\x00\x00WEBPxxxx", "damaged or cut off"),
    ],
)
def test_i41_what_is_no_image_is_refused_and_named(raw: bytes, part: str) -> None:
    assert part in refusal(raw)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "JPEG2000", "WEBP"])
def test_i42_an_image_that_was_cut_off_is_refused(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (600, 400, 3), dtype=np.uint8)
    raw = pages.encoded(Image.fromarray(noise), kind)
    assert "damaged or cut off" in refusal(raw[: len(raw) // 2])


def test_i42_a_jpeg_without_its_end_is_refused_even_if_it_would_be_sent_as_it_is() -> None:
    assert "damaged or cut off" in refusal(pages.printed(1)[:-2000])


@pytest.mark.parametrize("side", [20_000, 30_000])
def test_i42_decompression_bombs_are_refused_on_their_header(side: int) -> None:
    assert f"{side} x {side} pixels" in refusal(png_bomb(side))


def test_a_second_file_behind_a_jpeg_is_not_sent_along() -> None:
    raw = pages.printed(1) + b"PK\x03\x04" + b"\x00" * 5000
    image = normal(raw)
    assert not image.kept_original
    assert b"PK\x03\x04" not in image.data


def test_a_thumbnail_is_small_and_upright() -> None:
    small = Image.open(io.BytesIO(thumbnail(pages.printed(1), 240)))
    assert small.format == "JPEG"
    assert max(small.size) == 240
    with pytest.raises(ImageError):
        thumbnail(HTML)


@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_give_an_image_or_a_sentence(raw: bytes) -> None:
    try:
        normal(raw)
    except ImageError as error:
        assert error.sentence.endswith(".")


@given(st.integers(0, 20_000), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP", "GIF"]))
def test_damaged_images_give_an_image_or_a_sentence(place: int, value: int, kind: str) -> None:
    raw = bytearray(_SMALL[kind])
    raw[place % len(raw)] = value
    try:
        normal(bytes(raw))
    except ImageError as error:
        assert error.sentence.endswith(".")


_SMALL = {
    kind: pages.encoded(quarters(size=(60, 80)), kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF")
}


def test_i24_printed_pages_and_blank_leaves_are_far_apart() -> None:
    printed = [normal(pages.printed(number)).ink for number in range(1, 6)]
    blank = [
        normal(pages.blank(gutter=gutter, show_through=show_through)).ink
        for gutter in (True, False)
        for show_through in (True, False)
    ]
    assert min(printed) > 0.05
    assert max(blank) < 0.0005
    assert all(map(is_blank, blank))
    assert not any(map(is_blank, printed))


def test_i24_a_page_with_a_single_word_is_not_blank() -> None:
    from PIL import ImageDraw, ImageFont

    leaf = Image.open(io.BytesIO(pages.blank())).resize((1000, 1500))
    ImageDraw.Draw(leaf).text((400, 700), "FINIS.", fill=(60, 50, 40), font=ImageFont.load_default(34))
    assert not is_blank(normal(pages.jpeg(leaf)).ink)


def test_i24_dark_edges_and_noise_are_no_ink() -> None:
    noise = np.random.default_rng(3).normal(210, 8, (1500, 1000, 1)).clip(0, 255)
    leaf = np.repeat(noise, 3, axis=2).astype(np.uint8)
    leaf[:, :60] = 15
    assert is_blank(normal(pages.jpeg(Image.fromarray(leaf))).ink)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 3), (30, 30)])
def test_ink_of_strange_sizes_is_a_number(size: tuple[int, int]) -> None:
    assert 0 <= normal(pages.encoded(Image.new("RGB", size, "white"), "PNG")).ink <= 1


@pytest.mark.skipif(not SCANS.is_dir(), reason="the real scans are not beside this project")
def test_i24_real_pages_of_1520_have_ink() -> None:
    scans = sorted(SCANS.glob("page_*.jpg"))[:4]
    inks = [normal(path.read_bytes()).ink for path in scans]
    assert len(inks) == 4
    assert all(0.05 < ink < 0.3 for ink in inks)
