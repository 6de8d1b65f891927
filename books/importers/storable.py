"""Text that every database and every page of HTML can take, from sources that hold anything."""

from dataclasses import replace

from books.importers.base import ImportedBook, ImportedPage
from sourcebatch.lib.http.bodies import clean


def storable(book: ImportedBook) -> ImportedBook:
    """The same book with NUL and halves of surrogate pairs replaced by U+FFFD."""
    return replace(
        book,
        title=clean(book.title),
        author=clean(book.author),
        language=clean(book.language),
        source_id=clean(book.source_id),
        source_url=clean(book.source_url),
        rights=clean(book.rights),
        attribution=clean(book.attribution),
        metadata=tuple((clean(label), clean(value)) for label, value in book.metadata),
        pages=tuple(map(_storable_page, book.pages)),
        oddities=tuple(map(clean, book.oddities)),
    )


def _storable_page(page: ImportedPage) -> ImportedPage:
    texts = (page.canvas_id, page.label, page.image_url, page.file_name)
    plain = all(text.isascii() and "\0" not in text for text in texts)
    # Nearly all pages are: they need no copy. A service is read from JSON of the library's, so it is always looked at.
    cleaned = page.service and clean(page.service)
    if plain and cleaned == page.service:
        return page
    canvas_id, label, image_url, file_name = map(clean, texts)
    return replace(
        page,
        canvas_id=canvas_id,
        label=label,
        image_url=image_url,
        file_name=file_name,
        service=cleaned or {},
        oddities=tuple(map(clean, page.oddities)),
    )
