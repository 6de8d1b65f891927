"""TEI P5: facsimile, transcription page by page with `pb`, `ab` and `lb`, and a division for each translation."""

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from books.exports.base import Leaf, Options, leaves, translated_into
from books.exports.images import address_of, size_of
from books.exports.provenance import Making, how_made, makings, notice, plain_note, sentence
from books.exports.tei_text import TEI, Element, blocks, tei
from books.exports.trees import fit
from books.exports.zipping import Drain
from books.languages import name_of
from books.models import Book, Kind, PageText
from books.ways import key_of
from sourcebatch.lib.clock import now


class Tei:
    """Valid against `tei_all`. Texts are in `ab`: where a paragraph ends is not known at the end of a page."""

    name = "tei"
    label = "TEI P5"
    extension = "xml"
    mime = "application/tei+xml"
    order = 50
    public = True

    def write(self, book: Book, options: Options) -> Iterator[bytes]:
        """The document in pieces: a pass over the pages for the scans, and one for each text."""
        drain = Drain()
        makes = makings(book, options)
        with etree.xmlfile(drain, encoding="utf-8") as out:
            out.write_declaration()
            with out.element(f"{{{TEI}}}TEI", nsmap={None: TEI}):
                out.write(_header(book, options, makes))
                yield drain.take()
                yield from _facsimile(out, drain, book, options)
                with out.element(f"{{{TEI}}}text"), out.element(f"{{{TEI}}}body"):
                    yield from _divisions(out, drain, book, options, makes)
        yield drain.take()


def _divisions(
    out: Any, drain: Drain, book: Book, options: Options, makes: Sequence[Making]
) -> Iterator[bytes]:
    ids = {make.key: f"#making-{count}" for count, make in enumerate(makes, 1)}
    wanted: list[tuple[str, str]] = [(Kind.OCR, "")] if options.transcription else []
    wanted += [(Kind.TRANSLATION, code) for code in translated_into(book, options)]
    for kind, code in wanted or [(Kind.OCR, "")]:
        name = "translation" if kind == Kind.TRANSLATION else "transcription"
        language = code or book.language or "und"
        with out.element(f"{{{TEI}}}div", {"type": name, "n": code or language}):
            out.write(_language_note(name, code))
            for leaf in leaves(book, options):
                for element in _page(leaf, kind, code, ids, language):
                    out.write(element)
                out.flush()
                yield drain.take()


def _language_note(name: str, code: str) -> Element:
    words = f"Translation into {name_of(code)}." if code else "Transcription."
    return tei("note", words, type="editorial")


def _page(
    leaf: Leaf, kind: str, code: str, ids: dict[tuple[str, ...], str], language: str
) -> Iterator[Element]:
    """The page's beginning, its text, and a note on how that was made."""
    yield tei("pb", n=_number(leaf), facs=f"#page-{leaf.page.number}")
    text = next((one for one in leaf.texts if (one.kind, one.target_language) == (kind, code)), None)
    if text is None:
        yield tei("note", "Blank page." if leaf.page.blank else "No text.", type="editorial")
        return
    for block in blocks(text.data):
        block.set("{http://www.w3.org/XML/1998/namespace}lang", _language(text, language))
        block.set("resp", ids[key_of(text)])
        yield block
    yield tei(
        "note", fit(sentence(text, stale=leaf.is_stale(text))), type="provenance", resp=ids[key_of(text)]
    )


def _language(text: PageText, language: str) -> str:
    return text.target_language if text.kind == Kind.TRANSLATION else text.language or language


def _number(leaf: Leaf) -> str:
    """What the library calls the page, else its number; without the spaces that TEI does not have there."""
    return fit(leaf.page.label).strip() or str(leaf.page.number)


def _facsimile(out: Any, drain: Drain, book: Book, options: Options) -> Iterator[bytes]:
    """A surface for every page. TEI wants at least one: a book without pages has no facsimile."""
    pages = leaves(book, options)
    first = next(pages, None)
    if first is None:
        return
    with out.element(f"{{{TEI}}}facsimile"):
        out.write(_surface(first, options))
        for leaf in pages:
            out.write(_surface(leaf, options))
            if leaf.page.number % 100 == 0:
                out.flush()
                yield drain.take()


def _surface(leaf: Leaf, options: Options) -> Element:
    surface = tei("surface", id=f"page-{leaf.page.number}", n=str(leaf.page.number))
    width, height = size_of(leaf.page)
    size = {"width": f"{width}px", "height": f"{height}px"} if width else {}
    surface.append(tei("graphic", url=address_of(leaf.page, options.address), **size))
    return surface


# --- The header ----------------------------------------------------------------------------------------------------


def _header(book: Book, options: Options, makes: Sequence[Making]) -> Element:
    header = tei("teiHeader")
    file = _in(header, "fileDesc")
    title = _in(file, "titleStmt")
    _in(title, "title", book.title)
    if book.author:
        _in(title, "author", book.author)
    for count, make in enumerate(makes, 1):
        _responsible(title, make, f"making-{count}")
    _publication(_in(file, "publicationStmt"), book, options)
    _source(_in(_in(file, "sourceDesc"), "bibl"), book)
    _encoding(_in(header, "encodingDesc"), book, options)
    _languages(_in(header, "profileDesc"), book, makes)
    return header


def _responsible(title: Element, make: Making, name: str) -> None:
    """Who or what made so many texts: elements of the body point here by `resp`."""
    statement = tei("respStmt", id=name)
    _in(statement, "resp", make.sentence)
    _in(statement, "name", make.maker)
    title.append(statement)


def _publication(statement: Element, book: Book, options: Options) -> None:
    _in(statement, "publisher", "Made by Sourcebatch")
    statement.append(tei("date", when=f"{now():%Y-%m-%d}"))
    availability = _in(statement, "availability")
    address = (
        book.rights if book.rights.startswith(("http://", "https://")) and " " not in book.rights else ""
    )
    licence = tei("licence", fit(plain_note(book.rights)) or "Not stated.", target=fit(address))
    availability.append(licence)
    if book.attribution:
        _in(availability, "p", plain_note(book.attribution))
    _in(availability, "p", notice(options))


def _source(bibl: Element, book: Book) -> None:
    _in(bibl, "title", book.title)
    if book.author:
        _in(bibl, "author", book.author)
    if book.year is not None:
        # Years before Christ have a minus and, like all of TEI's, four digits.
        bibl.append(tei("date", str(book.year), when=f"{'-' if book.year < 0 else ''}{abs(book.year):04}"))
    if book.source_id:
        _in(bibl, "idno", book.source_id)
    if book.source_url:
        _in(bibl, "idno", book.source_url, type="source")


def _encoding(description: Element, book: Book, options: Options) -> None:
    project = _in(description, "projectDesc")
    for line in [*how_made(book, options), notice(options)]:
        _in(project, "p", line)
    editorial = _in(description, "editorialDecl")
    _in(editorial, "p", "Lines are those of the page; ab is a block of text that may go on overleaf.")


def _languages(profile: Element, book: Book, makes: Sequence[Making]) -> None:
    usage = _in(profile, "langUsage")
    for code in sorted({book.language or "und", *(make.target_language for make in makes)} - {""}):
        usage.append(tei("language", name_of("" if code == "und" else code), ident=code))


def _in(parent: Element, name: str, text: str = "", **attributes: str) -> Element:
    child = tei(name, fit(text), **attributes)
    parent.append(child)
    return child


EXPORTER = Tei()
