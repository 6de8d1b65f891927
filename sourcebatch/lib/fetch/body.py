"""Reading a body within bounds: bytes on the wire, bytes when unpacked, memory for several at once."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack

import requests

CHUNK = 1 << 20
# Bodies beyond this size go through a narrow door, so that sixteen huge ones do not meet in memory.
LARGE = 8 << 20
LARGE_AT_ONCE = 4
_large_bodies = threading.BoundedSemaphore(LARGE_AT_ONCE)


class TooLarge(Exception):
    """The body is longer than allowed, on the wire or unpacked."""


class BadEncoding(Exception):
    """The body is packed in a way that was not asked for, or not properly."""


def read(response: requests.Response, max_bytes: int) -> bytes:
    """The whole body, unpacked. Raises TooLarge, BadEncoding, and the client's errors where it breaks off."""
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise TooLarge
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return _joined(_pieces(response), max_bytes)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadEncoding
    return _joined(_unpacked(_pieces(response), max_bytes), max_bytes)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes over the wire, in pieces of a mebibyte."""
    while piece := response.raw.read(CHUNK, decode_content=False):
        yield piece


def _joined(pieces: Iterator[bytes], max_bytes: int) -> bytes:
    """All pieces as one; large bodies wait for a place first."""
    got: list[bytes] = []
    size = 0
    with ExitStack() as stack:
        for piece in pieces:
            if size <= LARGE < size + len(piece):
                stack.enter_context(_large_bodies)
            size += len(piece)
            if size > max_bytes:
                raise TooLarge
            got.append(piece)
        return got[0] if len(got) == 1 else b"".join(got)


def _unpacked(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Gzip or zlib, never more than a mebibyte of output at a time: a bomb is met piece by piece."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        for piece in pieces:
            if len(piece) > max_bytes:
                raise TooLarge
            data = unpacker.decompress(piece, CHUNK)
            while data:
                yield data
                data = unpacker.decompress(unpacker.unconsumed_tail, CHUNK)
        yield unpacker.flush()
    except zlib.error as error:
        raise BadEncoding from error
    if not unpacker.eof:
        raise BadEncoding
