"""METS files as libraries publish them, above all after the profile of the DFG Viewer: pages, labels, MODS metadata.

The images of a page come in several sizes, each in a group of files. Taken is the best one that a browser can
show; the order is that of the physical structure, or of the files where there is none.
"""

import hashlib
from collections.abc import Iterator
from urllib.parse import urljoin

from django.utils.translation import gettext_noop
from lxml import etree

from books.images.service import IMAGE_REQUEST
from books.importers.base import Given, ImportedBook, ImportedPage, ImportRefused, language_code
from books.importers.iiif_text import plain, year_in

MAX_BYTES = 100_000_000
MAX_PAGES = 50_000
NS = {
    "mets": "http://www.loc.gov/METS/",
    "mods": "http://www.loc.gov/mods/v3",
    "xlink": "http://www.w3.org/1999/xlink",
    "dv": "http://dfg-viewer.de/",
}
HREF = f"{{{NS['xlink']}}}href"
# Groups of files, best first. Thumbnails, texts and whole books for download are no page images.
GROUPS = ("MAX", "ORIGINAL", "MASTER", "DEFAULT", "PRESENTATION", "IMAGE", "IMAGES", "MIN")
NOT_PAGES = ("THUMB", "FULLTEXT", "DOWNLOAD", "TEASER", "ALTO", "OCR")
# TIFF and JPEG 2000 masters are large: a JPEG of another group is taken first.
HEAVY = ("image/tiff", "image/jp2", "image/jpx")
Element = etree._Element


class Mets:
    """METS from an address or a file, also inside an answer of OAI-PMH."""

    name = "mets"
    title = gettext_noop("METS file")
    order = 60

    def recognises(self, given: Given) -> bool:
        """XML whose first bytes name METS or its namespace."""
        head = given.head()
        return (
            given.folder is None
            and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
            and (b"http://www.loc.gov/METS/" in head or b"OAI-PMH" in head)
        )

    def read(self, given: Given) -> Iterator[ImportedBook]:
        """The one book in it. Raises ImportRefused."""
        yield parse(given.all(MAX_BYTES), given.url)


IMPORTER = Mets()


def parse(raw: bytes, url: str = "") -> ImportedBook:
    """The book that a METS file describes; `url` is where it came from. Raises ImportRefused and nothing else."""
    mets = _mets(raw)
    pages = tuple(_pages(mets, url))
    if not pages:
        raise _without_pages(mets, url)
    mods = mets.find(".//mets:dmdSec//mods:mods", NS)
    tell = _Mods(mods if mods is not None else mets)
    language, several = language_code(tell.one("mods:language/mods:languageTerm"))
    rights = _first(mets, ".//dv:rights/dv:license") or tell.one("mods:accessCondition")
    notes = ["It names several languages: the first is taken."] if several else []
    notes += [] if rights else ["It says nothing about rights: ask the library before you publish."]
    left_out = sum(not page.image_url for page in pages)
    notes += [f"{left_out} pages have no image."] if left_out else []
    return ImportedBook(
        title=(tell.title() or mets.get("LABEL", "").strip() or "Untitled")[:1000],
        author=tell.author()[:500],
        language=language,
        year=year_in(tell.one("mods:originInfo/mods:dateIssued") or tell.one(".//mods:dateIssued")),
        source_id=_source_id(mets, tell, url, raw),
        source_url=url[:2000],
        rights=rights[:2000],
        attribution=_first(mets, ".//dv:rights/dv:owner"),
        metadata=tuple(tell.entries()),
        pages=pages,
        oddities=tuple(notes),
    )


def _mets(raw: bytes) -> Element:
    """The METS element, without entities, without network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ImportRefused("This METS file cannot be read as XML: download it again.") from error
    found = root if root.tag == f"{{{NS['mets']}}}mets" else root.find(".//mets:mets", NS)
    if found is None:
        said = plain(" ".join(map(str, root.itertext())))[:100]
        raise ImportRefused(
            f"There is no METS in this XML ({said or 'it is empty'}): give a METS file's address."
        )
    return found


def _pages(mets: Element, url: str) -> Iterator[ImportedPage]:
    """The pages in physical order; in the order of the files where no structure is told."""
    files = _files(mets, url)
    divs = [
        div
        for div in mets.iterfind(".//mets:structMap[@TYPE='PHYSICAL']//mets:div", NS)
        if div.find("mets:fptr", NS) is not None and not _is_book(div)
    ][: MAX_PAGES + 1]
    if len(divs) > MAX_PAGES:
        raise ImportRefused(f"This METS file has more than {MAX_PAGES} pages: import it in parts.")
    if not divs:
        for id_, address in _best_group(files):
            yield ImportedPage(canvas_id=id_[:1000], image_url=address, service=_service(address))
        return
    for div in sorted(divs, key=_order):
        yield _page(div, files)


def _is_book(div: Element) -> bool:
    """The physical sequence itself may point at files: whole books for download."""
    return "sequence" in div.get("TYPE", "").lower()


def _order(div: Element) -> int:
    """By what the library says; sorting is stable, so where it says nothing the order is that of the file."""
    told = div.get("ORDER", "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else 0


def _page(div: Element, files: "_Files") -> ImportedPage:
    here = [files[id_] for each in div.iterfind("mets:fptr", NS) if (id_ := each.get("FILEID", "")) in files]
    _rank, address = min(here, default=(0, ""))
    label = div.get("ORDERLABEL") or div.get("LABEL") or ""
    return ImportedPage(
        canvas_id=(div.get("CONTENTIDS") or div.get("ID") or address).split(" ")[0][:1000],
        label="" if label.strip() in ("-", "uncounted") else label.strip()[:200],
        image_url=address,
        service=_service(address),
        oddities=() if address else ("has no image",),
    )


_Files = dict[str, tuple[int, str]]


def _files(mets: Element, url: str) -> _Files:
    """By id, the rank of an image file (small is good) and its absolute address."""
    found: _Files = {}
    for group in mets.iterfind(".//mets:fileGrp", NS):
        use = group.get("USE", "").upper()
        if any(word in use for word in NOT_PAGES):
            continue
        rank = GROUPS.index(use) if use in GROUPS else len(GROUPS)
        for file in group.iterfind("mets:file", NS):
            address = _address(file, url)
            mime = file.get("MIMETYPE", "image/").lower()
            if address and mime.startswith("image/"):
                found[file.get("ID", "")] = (rank + 100 * (mime in HEAVY), address)
    return found


def _best_group(files: _Files) -> Iterator[tuple[str, str]]:
    best = min((rank for rank, _ in files.values()), default=0)
    return ((id_, address) for id_, (rank, address) in files.items() if rank == best)


def _address(file: Element, url: str) -> str:
    place = file.find("mets:FLocat", NS)
    try:
        found = urljoin(url, (place.get(HREF) or "").strip()) if place is not None else ""
    except ValueError:
        return ""
    return found if found.startswith(("http://", "https://")) and len(found) <= 2000 else ""


def _service(address: str) -> dict[str, object]:
    """The image service behind an address that asks one for a whole image, so that a fitting size can be had."""
    asked = IMAGE_REQUEST.search(address)
    if asked is None or asked["region"] != "full" or asked["rotation"] not in ("0", "0.0"):
        return {}
    return {"id": address[: asked.start()], "version": 2}


def _without_pages(mets: Element, url: str) -> ImportRefused:
    """A work of several volumes has no pages of its own; it offers its volumes."""
    offers = tuple(
        (urljoin(url, each.get(HREF) or ""), each.getparent().get("LABEL") or each.get(HREF) or "")  # type: ignore[union-attr]
        for each in mets.iterfind(".//mets:structMap[@TYPE='LOGICAL']//mets:mptr", NS)
        if (each.get(HREF) or "").startswith(("http://", "https://"))
    )
    if offers:
        return ImportRefused(
            f"This METS file is of a work in {len(offers)} parts and has no pages itself: import its parts.",
            offers=offers,
        )
    return ImportRefused("This METS file has no page images with addresses: there is nothing to import.")


class _Mods:
    """What MODS says of the book."""

    def __init__(self, mods: Element) -> None:
        self.mods = mods

    def one(self, path: str) -> str:
        return _first(self.mods, path)

    def title(self) -> str:
        """The title that has no type (others are abbreviated or uniform ones), with the article before it."""
        for info in self.mods.iterfind("mods:titleInfo", NS):
            if not info.get("type"):
                parts = (_first(info, f"mods:{name}") for name in ("nonSort", "title"))
                return " ".join(part for part in parts if part)
        return _first(self.mods, ".//mods:title")

    def author(self) -> str:
        """Who is named as author, else the first name."""
        names = list(self.mods.iterfind("mods:name", NS))
        authors = [
            name for name in names if "aut" in [role.text for role in name.iterfind(".//mods:roleTerm", NS)]
        ]
        return next((told for name in [*authors, *names] if (told := _name(name))), "")

    def entries(self) -> Iterator[tuple[str, str]]:
        """Label and value of what may be worth keeping."""
        for label, path in (
            ("Place", ".//mods:place/mods:placeTerm"), ("Publisher", ".//mods:publisher"),
            ("Date", ".//mods:dateIssued"), ("Shelfmark", ".//mods:shelfLocator"),
            ("Extent", ".//mods:physicalDescription/mods:extent"),
        ):  # fmt: skip
            if value := self.one(path):
                yield label, value[:5000]


def _name(name: Element) -> str:
    if told := _first(name, "mods:displayForm"):
        return told
    by_type = {part.get("type"): plain(part.text or "") for part in name.iterfind("mods:namePart", NS)}
    if by_type.get("family"):
        return ", ".join(part for part in (by_type["family"], by_type.get("given", "")) if part)
    return by_type.get(None, "")


def _first(element: Element, path: str) -> str:
    """The first text at this path that says something."""
    found = (plain(" ".join(map(str, each.itertext()))) for each in element.iterfind(path, NS))
    return next((text for text in found if text), "")


def _source_id(mets: Element, tell: _Mods, url: str, raw: bytes) -> str:
    """The record's identifier at its library, else a URN or address, else the file's own hash."""
    told = (
        tell.one(".//mods:recordInfo/mods:recordIdentifier")
        or tell.one("mods:identifier")
        or mets.get("OBJID")
    )
    if told and len(told) < 480:
        return f"mets:{told}"
    return url if url and len(url) <= 500 else f"sha256:{hashlib.sha256(raw).hexdigest()}"
