"""The image of a canvas: found among annotations, choices, parts and services of Presentation 2 and 3."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

from books.images.service import IMAGE_REQUEST, count, read_service

MAX_URL = 2000
_XYWH = re.compile(r"xywh=(?:pixel:)?(\d+,\d+,\d+,\d+)")
_NOT_IMAGES = re.compile(r"video|sound|audio|dctypes:text|\btext\b|pdf|model|dataset", re.IGNORECASE)
_AUTH = re.compile(r"api/auth|Auth(?:Cookie|Access|Probe|External)\w*Service|/auth/", re.IGNORECASE)
_OTHER_SERVICE = re.compile(r"api/search|SearchService|AutoComplete|physdim|geojson|api/annex", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """An image as the manifest tells it."""

    url: str = ""
    service: dict[str, Any] | None = None
    width: int = 0
    height: int = 0
    region: str = ""
    rotation: str = ""
    needs_login: bool = False
    oddities: tuple[str, ...] = ()
    # What stands in the image's place where there is none: `video`, `audio`, `pdf`.
    instead: str = ""


def image_of(canvas: Mapping[str, Any], base: str) -> Found:
    """The canvas's image; without `url` and `service` when it has none. Never raises."""
    bodies = [body for body in _bodies(canvas) if isinstance(body, Mapping | str)]
    found = [_from_body(body, base) for body in bodies]
    images = [each for each in found if each.url or each.service]
    if not images:
        instead = next((each.instead for each in found if each.instead), "")
        return Found(instead=instead, oddities=("has no image",))
    first = images[0]
    if len(images) > 1:
        first = replace(first, oddities=(*first.oddities, f"has {len(images)} images: the first is used"))
    return _with_sizes(first, canvas)


def _bodies(canvas: Mapping[str, Any]) -> Iterator[Any]:
    """What is painted on the canvas: Presentation 2's `images`, Presentation 3's annotation pages."""
    for annotation in _mappings(canvas.get("images")):
        yield from _several(annotation.get("resource"))
    for page in _mappings(canvas.get("items")):
        for annotation in _mappings(page.get("items")):
            motivation = annotation.get("motivation")
            if not motivation or "painting" in str(motivation):
                yield from _several(annotation.get("body"))


def _from_body(body: Mapping[str, Any] | str, base: str, depth: int = 0) -> Found:
    """An image from an annotation's body: an address, a resource, a choice of several, or a part of one."""
    if isinstance(body, str):
        return Found(url=_address(body, base))
    kind = _kind(body)
    if depth < 4 and "Choice" in kind:
        return _from_choice(body, base, depth)
    inner = body.get("source") or body.get("full")
    if depth < 4 and inner and ("SpecificResource" in kind or "selector" in body):
        return _part(_from_body(_first(inner), base, depth + 1), body.get("selector"))
    if _NOT_IMAGES.search(f"{kind} {body.get('format') or ''}"):
        return Found(instead=_medium(f"{kind} {body.get('format') or ''}"))
    service, login = _service(body.get("service") or body.get("services"))
    width, height = count(body.get("width")), count(body.get("height"))
    return Found(_address(_id(body), base), service, width, height, needs_login=login)


def _from_choice(body: Mapping[str, Any], base: str, depth: int) -> Found:
    """The default of a choice, which may be several views of a page, or an image and nothing."""
    options = [*_several(body.get("default")), *_several(body.get("items")), *_several(body.get("item"))]
    found = [_from_body(each, base, depth + 1) for each in options[:20] if isinstance(each, Mapping | str)]
    images = [each for each in found if each.url or each.service]
    if not images:
        return Found(instead=next((each.instead for each in found), ""))
    note = (f"offers {len(images)} views: the first is used",) if len(images) > 1 else ()
    return replace(images[0], oddities=(*images[0].oddities, *note))


def _part(found: Found, selector: Any) -> Found:
    """A part of an image, or a turned one."""
    region, rotation = "", ""
    for each in _mappings(selector):
        region = region or str(each.get("region") or "")
        rotation = rotation or str(each.get("rotation") or "")
        if not region and (xywh := _XYWH.search(str(each.get("value") or ""))):
            region = xywh.group(1)
    return replace(found, region=region or found.region, rotation=rotation or found.rotation)


def _with_sizes(found: Found, canvas: Mapping[str, Any]) -> Found:
    """Region, rotation and the size of what will come, from the image's address, its service and the canvas."""
    service = dict(found.service or {})
    asked = (
        IMAGE_REQUEST.search(found.url) if service.get("id") and found.url.startswith(service["id"]) else None
    )
    region = found.region or (asked["region"] if asked else "")
    rotation = found.rotation or (asked["rotation"] if asked else "")
    if service and region and region != "full":
        service["region"] = region
    if service and rotation and rotation not in ("0", "0.0"):
        service["rotation"] = rotation
    width, height = found.width, found.height
    if service.get("region"):
        width, height = _size_of_region(service["region"]) or (width, height)
    elif service.get("width") and service.get("height"):
        width, height = service["width"], service["height"]
    elif asked and asked["size"] not in ("full", "max") and _same_shape(canvas, width, height):
        # The address asks for a reduced image, and the resource tells that one's size; the canvas has the
        # whole.
        width, height = count(canvas.get("width")), count(canvas.get("height"))
    # An address with a fragment names a thing in the manifest, not a file that could be fetched.
    url = _whole(service) if service and (not found.url or "#" in found.url) else found.url
    return replace(found, url=url, service=service, width=width, height=height)


def _whole(service: dict[str, Any]) -> str:
    """The address of an image service's image in its largest size."""
    size = "max" if service["version"] == 3 else "full"
    quality = "native" if service["version"] == 1 else "default"
    return (
        f"{service['id']}/{service.get('region', 'full')}/{size}/{service.get('rotation', '0')}/{quality}.jpg"
    )


def _size_of_region(region: str) -> tuple[int, int] | None:
    parts = region.split(",")
    if len(parts) == 4 and count(parts[2]) and count(parts[3]):
        return count(parts[2]), count(parts[3])
    return None


def _same_shape(canvas: Mapping[str, Any], width: int, height: int) -> bool:
    """Whether the canvas is larger than the image and has its proportions within 2 %."""
    across, down = count(canvas.get("width")), count(canvas.get("height"))
    return bool(width and height and across > width and abs(across * height / (down * width or 1) - 1) < 0.02)


def _service(value: Any) -> tuple[dict[str, Any] | None, bool]:
    """The best image service of those given, and whether one of them wants a login."""
    known: list[dict[str, Any]] = []
    login = False
    for each in _several(value):
        data = {"@id": each} if isinstance(each, str) else each
        if not isinstance(data, Mapping):
            continue
        told = " ".join(str(data.get(key) or "") for key in ("@context", "type", "@type", "profile"))
        if _AUTH.search(told):
            login = True
        elif not _OTHER_SERVICE.search(told):
            login = login or _wants_login(data.get("service"))
            known.append(read_service(dict(data)))
    usable = [service for service in known if service.get("id", "").startswith(("http://", "https://"))]
    return max(usable, key=lambda service: service["version"], default=None), login


def _wants_login(value: Any) -> bool:
    return any(
        _AUTH.search(" ".join(str(each.get(key) or "") for key in ("@context", "type", "@type", "profile")))
        for each in _mappings(value)
    )


def _kind(body: Mapping[str, Any]) -> str:
    return f"{body.get('type') or ''} {body.get('@type') or ''}"


def _medium(told: str) -> str:
    told = told.lower()
    if "pdf" in told:
        return "pdf"
    return "audio" if "sound" in told or "audio" in told else "video" if "video" in told else "no image"


def _id(body: Mapping[str, Any]) -> str:
    found = body.get("id") or body.get("@id")
    return found if isinstance(found, str) else ""


def _address(text: str, base: str) -> str:
    """An absolute http or https address, or nothing."""
    try:
        url = urljoin(base, text.strip()) if text.strip() else ""
    except ValueError:
        return ""
    return url if url.startswith(("http://", "https://")) and len(url) <= MAX_URL else ""


def _several(value: Any) -> list[Any]:
    """A list from a list, a single value or nothing."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in _several(value) if isinstance(each, Mapping)]


def _first(value: Any) -> Any:
    found = _several(value)
    return found[0] if found and isinstance(found[0], Mapping | str) else ""
