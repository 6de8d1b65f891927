"""Files that are two things at once: what one program takes for a scan, another opens as an archive or a PDF."""

import os

from books.images.decode import ImageError, sniff
from books.importers.base import Given, ImportRefused

# The end record of a ZIP archive: 22 bytes and a comment of at most 65,535.
END_RECORD, END_SIZE, END_MOST = b"PK\x05\x06", 22, 22 + 65_535
ZIP_HEAD = (b"PK\x03\x04", END_RECORD)


def refuse_polyglots(given: Given) -> None:
    """Raises ImportRefused for a file that is more than one of image, PDF and ZIP archive."""
    if given.folder is not None:
        return
    kinds = kinds_of(given.head(), _tail(given))
    if len(kinds) > 1:
        raise ImportRefused(
            f"The file is {' and '.join(kinds)} at once, as no honest file is: it was not opened. Save it anew."
        )


def kinds_of(head: bytes, tail: bytes) -> list[str]:
    """What a file is, by its first and last bytes."""
    kinds = ["an image"] if is_image(head) else []
    is_zip = head.startswith(ZIP_HEAD)
    # A PDF inside an uncompressed archive stands near its beginning too.
    if b"%PDF-" in head[:1024] and not is_zip:
        kinds.append("a PDF")
    if is_zip or ends_as_archive(tail):
        kinds.append("a ZIP archive")
    return kinds


def ends_as_archive(tail: bytes) -> bool:
    """Whether the file ends with a ZIP archive's end record, whose comment must reach to the very end."""
    at = tail.rfind(END_RECORD)
    while at >= 0:
        comment = int.from_bytes(tail[at + 20 : at + END_SIZE], "little")
        if at + END_SIZE + comment == len(tail):
            return True
        at = tail.rfind(END_RECORD, 0, at)
    return False


def is_image(head: bytes) -> bool:
    """Whether a file begins as an image; `BM` alone is a weak sign, so a BMP must have its four zero bytes too."""
    if head.startswith(b"BM") and head[6:10] != bytes(4):
        return False
    try:
        sniff(head)
    except ImageError:
        return False
    return True


def _tail(given: Given) -> bytes:
    given.file.seek(0, os.SEEK_END)
    given.file.seek(max(given.file.tell() - END_MOST, 0))
    found = given.file.read(END_MOST)
    given.file.seek(0)
    return found
