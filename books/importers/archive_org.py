"""Internet Archive: an item's identifier, or the address of its page, leads to the manifest the Archive makes of it."""

import re
from urllib.parse import quote, urlsplit

from books.importers.base import ImportRefused

MANIFEST = "https://iiif.archive.org/iiif/{}/manifest.json"
# What the Archive allows: it begins with a letter or digit, and has no spaces and no slashes.
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,99}")
_PAGES = ("details", "download", "stream", "embed", "metadata")
_HOSTS = frozenset({"archive.org", "www.archive.org"})


def manifest_address(identifier: str) -> str:
    """The address of an item's manifest. Raises ImportRefused for what cannot be an identifier."""
    if not IDENTIFIER.fullmatch(identifier):
        raise ImportRefused(
            "This is no identifier of the Internet Archive: it is the part behind archive.org/details/, "
            "such as epigrammata00more."
        )
    return MANIFEST.format(quote(identifier))


def resolved(url: str) -> str:
    """The manifest's address for a page of the Internet Archive; every other address as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = parts.path.strip("/").split("/")
    is_item = (parts.hostname or "").lower() in _HOSTS and len(path) > 1 and path[0] in _PAGES
    # The address of one of its files is meant as it is.
    is_file = is_item and path[0] == "download" and len(path) > 2
    return manifest_address(path[1]) if is_item and not is_file else url
