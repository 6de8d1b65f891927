"""IIIF image services: reading what a manifest or an info.json says of one, and asking it for sizes.

Of real services half lack something: the profile is a string, a list or missing, versions 1, 2 and 3 stand
side by side, numbers are strings. Nothing of that keeps a book out.
"""

import re
from collections.abc import Iterator
from typing import Any

_CONTEXT_VERSION = re.compile(r"image(?:-api)?/(\d)")
_TYPE_VERSION = re.compile(r"ImageService(\d)")
_LEVEL = re.compile(r"level[-_]?(\d)", re.IGNORECASE)
# The end of an address that asks for an image: region, size, rotation, quality and format.
IMAGE_REQUEST = re.compile(
    r"/(?P<region>full|square|(?:pct:)?[\d.]+,[\d.]+,[\d.]+,[\d.]+)"
    r"/(?P<size>\^?(?:full|max|pct:[\d.]+|!?\d*,\d*))/(?P<rotation>!?[\d.]+)"
    r"/(?:default|native|color|colour|gr[ae]y|bitonal)(?:\.\w+)?$"
)
_LARGEST = 2_000_000


def read_service(data: dict[str, Any]) -> dict[str, Any]:
    """An image service in our own few keys (see Service); absent values are left out. Never raises."""
    profiles = _listed(data.get("profile"))
    kept: dict[str, Any] = {"id": _service_id(data), "version": _version(data), "level": _level(profiles)}
    limits: dict[str, Any] = data
    for profile in profiles:
        if isinstance(profile, dict):
            limits = {**profile, **limits}
    for ours, theirs in (("max_width", "maxWidth"), ("max_height", "maxHeight"), ("max_area", "maxArea")):
        kept[ours] = count(limits.get(theirs), _LARGEST**2)
    kept["width"], kept["height"] = count(data.get("width")), count(data.get("height"))
    kept["sizes"] = [
        [count(size.get("width")), count(size.get("height"))]
        for size in _listed(data.get("sizes"))[:50]
        if isinstance(size, dict) and count(size.get("width")) and count(size.get("height"))
    ]
    return {key: value for key, value in kept.items() if value or (key == "level" and value == 0)}


def count(value: Any, largest: int = _LARGEST) -> int:
    """A number of pixels from JSON, also from a string; 0 for what is none."""
    try:
        number = (
            int(float(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
        )
    except (ValueError, OverflowError):
        return 0
    return number if 0 < number <= largest else 0


def _listed(value: Any) -> list[Any]:
    """A list from a list, a single value or nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _service_id(data: dict[str, Any]) -> str:
    """The base address, without what some libraries hang onto it by mistake."""
    found = data.get("id") or data.get("@id")
    base = found.strip() if isinstance(found, str) else ""
    return IMAGE_REQUEST.sub("", base.removesuffix("/info.json")).rstrip("/")


def _version(data: dict[str, Any]) -> int:
    """1, 2 or 3, from the type, the context or the profile; 2 where nothing says so."""
    for key in ("type", "@type"):
        if found := _TYPE_VERSION.search(str(data.get(key) or "")):
            return _known(found.group(1))
    for key in ("@context", "profile"):
        if found := _CONTEXT_VERSION.search(str(data.get(key) or "")):
            return _known(found.group(1))
    return 2


def _known(digit: str) -> int:
    return min(max(int(digit), 1), 3)


def _level(profiles: list[Any]) -> int | None:
    """0, 1 or 2; None where no profile says so. A made-up "level3" can do what level 2 can."""
    for profile in profiles:
        if isinstance(profile, str) and (found := _LEVEL.search(profile)):
            return min(int(found.group(1)), 2)
    return None


class Service:
    """An IIIF image service as the importer kept it; every value may be absent.

    Keys: `id`, `version` (1, 2, 3), `level` (0, 1, 2), `width`, `height`, `sizes` ([[w, h], ...]),
    `max_width`, `max_height`, `max_area` (pixels), `region` and `rotation` (where the page is a part or
    turned).
    """

    def __init__(self, data: dict[str, Any], width: int, height: int) -> None:
        self.id = str(data.get("id") or "").rstrip("/")
        self.version: int = data.get("version") or 2
        self.level: int | None = data.get("level")
        self.region = str(data.get("region") or "full")
        self.rotation = str(data.get("rotation") or "0")
        whole = self.region == "full"
        self.width = int((data.get("width") if whole else 0) or width or 0)
        self.height = int((data.get("height") if whole else 0) or height or 0)
        self.sizes = [(int(size[0]), int(size[1])) for size in data.get("sizes") or []] if whole else []
        self.max_width = int(data.get("max_width") or 0)
        self.max_height = int(data.get("max_height") or self.max_width)
        self.max_area = int(data.get("max_area") or 0)

    def announced(self) -> tuple[int, int] | None:
        """The size that the page's image must be in proportion to, if the library told it."""
        if not (self.width and self.height):
            return None
        return (self.height, self.width) if self.rotation in ("90", "270") else (self.width, self.height)

    def steps(self, side: int) -> Iterator[str]:
        """Addresses from the best to the last resort."""
        for size in self._sizes(side):
            quality = "native" if self.version == 1 else "default"
            yield f"{self.id}/{self.region}/{size}/{self.rotation}/{quality}.jpg"

    def _sizes(self, side: int) -> Iterator[str]:
        box = self._box(side)
        if self.level in (2, None):
            yield f"!{box[0]},{box[1]}"
        if self.level != 0:
            yield f"{self._best(side)[0]},"
        if self.sizes:
            width, height = self._listed(side)
            yield f"{width},{height}" if self.version == 3 else f"{width},"
        yield from {1: ("full",), 2: ("max", "full")}.get(self.version, ("max",))

    def _limit(self, side: int) -> tuple[int, int]:
        """The largest width and height that may be asked for."""
        return min(side, self.max_width or side), min(side, self.max_height or side)

    def _best(self, side: int) -> tuple[int, int]:
        """The size to get, within side, image and the service's limits; a square where no size is known."""
        across, down = self._limit(side)
        if not (self.width and self.height):
            room = min(across, down)
            return (min(room, int(self.max_area**0.5)),) * 2 if self.max_area else (room, room)
        scale = min(across / self.width, down / self.height, 1.0)
        if self.max_area:
            scale = min(scale, (self.max_area / (self.width * self.height)) ** 0.5)
        # Rounded down, so that no limit is passed by a pixel; the whole image keeps its size.
        return max(int(self.width * scale + 1e-6), 1), max(int(self.height * scale + 1e-6), 1)

    def _box(self, side: int) -> tuple[int, int]:
        """The box for a `!w,h`: the plain square, which caches know, unless image or service are smaller."""
        best = self._best(side)
        return (side, side) if max(best) == side else best

    def _listed(self, side: int) -> tuple[int, int]:
        """The smallest listed size that is large enough; else the largest there is."""
        enough = [size for size in self.sizes if max(size) >= side]
        return min(enough, key=max) if enough else max(self.sizes, key=max)
