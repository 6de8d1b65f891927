"""Two-page spreads: telling one by its proportions, finding its gutter, cutting out one half."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from books.images.decode import fitted

# Upright books are at least as high as wide; two of their pages side by side are 1.3 to 1.6 times as wide.
WIDE = 1.2
HALVES = ("left", "right")
# The gutter is looked for in this middle part of the width.
FROM, TO = 0.42, 0.58
WORKING_WIDTH = 800
# Each half gets a little of the other side, so that a cut beside the fold loses no letter.
OVERLAP = 0.01
# A fold is at least so much darker than the paper around it, of 255.
FOLD_DARKER = 12.0


def is_wide(width: int, height: int) -> bool:
    """Whether an image of so many pixels may show two pages. Unknown sizes (0) do not."""
    return height > 0 and width / height > WIDE


def gutter(image: Image.Image) -> float | None:
    """Where the fold is, as a share of the width, or None where none is seen.

    A fold is a dark line near the middle, else the middle of the widest stripe there without any ink.
    """
    gray = np.asarray(image.convert("L").resize(fitted(image.size, WORKING_WIDTH)), dtype=np.float32)
    width = gray.shape[1]
    start, end = int(width * FROM), int(width * TO)
    columns = np.median(gray, axis=0)
    middle = columns[start:end]
    if middle.size and float(np.median(columns)) - float(middle.min()) > FOLD_DARKER:
        return float((start + int(middle.argmin()) + 0.5) / width)
    # Ink makes a column uneven; between two text blocks there is paper only.
    uneven = gray.std(axis=0)
    return _widest_stripe(uneven < max(float(np.median(uneven)) / 3, 3.0), start, end)


def _widest_stripe(empty: NDArray[np.bool_], start: int, end: int) -> float | None:
    """The middle of the longest run of empty columns that reaches into the middle part."""
    best, run_start = (0, 0.0), None
    for at in range(len(empty) + 1):
        if at < len(empty) and empty[at]:
            run_start = at if run_start is None else run_start
            continue
        if run_start is not None and run_start < end and at > start:
            best = max(best, (at - run_start, (run_start + at) / 2))
        run_start = None
    length, middle = best
    share = middle / len(empty)
    return share if length >= 0.01 * len(empty) and FROM <= share <= TO else None


def cut(image: Image.Image, half: str) -> Image.Image:
    """The left or right page of a spread, cut at its gutter, or in the middle where none is seen."""
    at = gutter(image) or 0.5
    width, height = image.size
    if half == HALVES[0]:
        return image.crop((0, 0, round(width * min(at + OVERLAP, 1)), height))
    return image.crop((round(width * max(at - OVERLAP, 0)), 0, width, height))
