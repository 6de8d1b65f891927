"""How much ink a page bears: blank leaves are found before any money is spent on them.

Paper is not white: it is yellowed, darker towards the gutter, and the other side shines through. So every
pixel is compared with the brightest paper close by: shadows and stains are wide and fall away, strokes are
narrow and stay.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.uint8]

WORKING_SIDE = 700
# Of each side; the squares at the edge take another 2 %.
MARGIN = 0.02
# Wider than a pen stroke or the stem of a letter, narrower than a shadow; pixels at working size, odd.
STROKE = 15
DARKER_THAN_PAPER = 0.18
# Share of dark pixels. Printed pages have 0.05 to 0.3, a page with a single word about 0.001, blank ones
# 0.0001. When in doubt a page is not blank: a page sent in vain costs less than a page lost.
BLANK_BELOW = 0.0005
_LIMIT = np.round(np.arange(256) * (1 - DARKER_THAN_PAPER)).astype(np.uint8)


def is_blank(ink: float) -> bool:
    """Whether so little ink means that nothing is written on the page."""
    return ink < BLANK_BELOW


def ink_of(image: Image.Image) -> float:
    """The share of ink on a page, 0 to 1, without its outer margin. Takes any mode and size."""
    gray = _small(image)
    lost = STROKE - 1
    if min(gray.shape) <= 2 * lost:
        return 0.0
    paper = _spread(_spread(gray, np.maximum), np.minimum)
    inner = gray[lost:-lost, lost:-lost]
    return round(float((inner < _LIMIT[paper]).mean()), 6)


def _small(image: Image.Image) -> Gray:
    """Grey values at working size, without the margin, where scanners show their bed and rulers."""
    gray = image.convert("L")
    # A little larger is as good and saves a quarter of the time: decoders halve 1500 pixels to 750 for nothing.
    if max(gray.size) > 1.25 * WORKING_SIDE:
        scale = WORKING_SIDE / max(gray.size)
        size = (max(round(gray.width * scale), 1), max(round(gray.height * scale), 1))
        gray = gray.resize(size, Image.Resampling.BOX)
    values = np.asarray(gray)
    rows, columns = int(gray.height * MARGIN), int(gray.width * MARGIN)
    return values[rows : gray.height - rows, columns : gray.width - columns]


def _spread(gray: Gray, of_two: Callable[[Gray, Gray], Gray]) -> Gray:
    """The brightest (or darkest) value in each square of STROKE pixels; squares beyond the edge are left out.

    Brightest, then darkest: what is dark and narrower than the square vanishes, all else stays as it is.
    """
    return _window(_window(gray, of_two, 0), of_two, 1)


def _window(gray: Gray, of_two: Callable[[Gray, Gray], Gray], axis: int) -> Gray:
    """Along one axis, in few steps: windows of 2, 4, 8, ... are made of two halves, the last ones overlap."""
    width = 1
    while width < STROKE:
        step = min(width, STROKE - width)
        length = gray.shape[axis] - step
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(0, length), slice(step, None)
        gray = of_two(gray[tuple(first)], gray[tuple(second)])
        width += step
    return gray
