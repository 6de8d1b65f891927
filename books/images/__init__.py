"""Page images: which image a page has, its bytes as they are sent, its hash and its ink; thumbnails.

`load(page)` is the only way from a page to its image, for reading, for showing and for exports alike.
"""

from books.images.decode import ImageError
from books.images.ink import BLANK_BELOW, is_blank
from books.images.ladder import PageLike, Sources, sources_of
from books.images.load import load, load_many, thumbnail_of
from books.images.normal import PageImage, normalise, thumbnail

__all__ = [
    "BLANK_BELOW",
    "ImageError",
    "PageImage",
    "PageLike",
    "Sources",
    "is_blank",
    "load",
    "load_many",
    "normalise",
    "sources_of",
    "thumbnail",
    "thumbnail_of",
]
