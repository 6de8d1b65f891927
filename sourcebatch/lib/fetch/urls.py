"""Reading addresses: what may be fetched at all, which host it is, and how to show it without its secrets."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

MAX_LENGTH = 4000
_PORTS = {"http": 80, "https": 443}
_SECRET = re.compile(r"key|token|secret|signature|^sig$|pass|auth|credential|session", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


class BadAddress(Exception):
    """An address that is not fetched, with the sentence that says why."""


@dataclass(frozen=True)
class Place:
    """Where an address leads: scheme, lower-case host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """The host as a person writes it, with its port where that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_among(self, allowed: list[str]) -> bool:
        """Whether one of these `host` or `host:port` entries means this place."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = {self.host, host, f"{host}:{self.port}"}
        return any(entry.strip().lower() in names for entry in allowed)


def place_of(url: str) -> Place:
    """The place of an http or https address, parsed as the HTTP client does. Raises BadAddress."""
    if len(url) > MAX_LENGTH or _UNPRINTABLE.search(url):
        raise BadAddress(f"The address {shown(url)} is too long or has spaces in it: copy it again.")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise BadAddress(f"{shown(url)} is not an address: copy it again from its source.") from error
    if parts.scheme not in _PORTS or not parts.host:
        raise BadAddress(
            f"{shown(url)} cannot be fetched: give an address that begins with https:// or http://."
        )
    if parts.auth:
        raise BadAddress(f"The address {shown(url)} holds a user name or password: give it without.")
    return Place(parts.scheme, parts.host.strip("[]").lower(), parts.port or _PORTS[parts.scheme])


def shown(url: str) -> str:
    """The address for a message or a log: without user, password and secret parameters, and not too long."""
    try:
        parts = urlsplit(url)
        pairs = [(k, "***" if _SECRET.search(k) else v) for k, v in parse_qsl(parts.query)]
        query = urlencode(pairs, safe="*/,:")
        clean = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
    except ValueError:
        clean = quote(url, safe=":/?#[]@!$&'()*+,;=%")
    clean = _UNPRINTABLE.sub("", clean)
    return clean if len(clean) <= 300 else f"{clean[:299]}…"
