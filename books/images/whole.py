"""The whole image of a spread, which both of its pages want at the same moment: fetched once for the two.

Only what is being worked on is kept, a few images, for as long as the neighbour may still come for it.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from sourcebatch.lib.fetch import fetch

MOST = 6
MOST_BYTES = 64_000_000


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    body: bytes = b""


_slots: OrderedDict[str, _Slot] = OrderedDict()
_guard = threading.Lock()


def fetch_whole(url: str) -> bytes:
    """The bytes at this address, once for two askers; the second takes them away. Raises FetchError."""
    slot = _slot(url)
    with slot.lock:
        if slot.body:
            body = slot.body
            _forget(url)
            return body
        slot.body = fetch(url).body
        if len(slot.body) > MOST_BYTES // MOST:
            body, slot.body = slot.body, b""
            return body
        return slot.body


def _slot(url: str) -> _Slot:
    with _guard:
        slot = _slots.setdefault(url, _Slot())
        _slots.move_to_end(url)
        while len(_slots) > MOST:
            _slots.popitem(last=False)
        return slot


def _forget(url: str) -> None:
    with _guard:
        _slots.pop(url, None)
