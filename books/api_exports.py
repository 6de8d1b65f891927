"""`GET /api/books/{id}/export/{format}`: a book as a file."""

from django.contrib.admin.models import CHANGE
from django.http import StreamingHttpResponse

from books.api import api_actor
from books.downloads import download
from books.exports import ExportRefused, exporter, exporters
from books.exports.options import ExportQuery
from books.models import Book
from sourcebatch.lib.adminlog import record
from sourcebatch.lib.http import ApiError, Caller, FileAnswer, call

FILES = FileAnswer(tuple(dict.fromkeys(one.mime for one in exporters().values())))


@call({200: FILES, 404: None}, query=ExportQuery)
def export_book(caller: Caller, query: ExportQuery, book_id: str, format: str) -> StreamingHttpResponse:
    """Send a book as a file in one of the export formats.

    Formats are txt, markdown, jsonl, csv, tei, alto, hocr, epub, pdf, searchable-pdf, iiif, zip and bagit. Hidden
    pages are left out. Page images that are not stored here are fetched from their library while the file is sent. A
    BagIt bag has the record of hidden pages and of who wrote what: it needs a token of scope operate, or a person.
    """
    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        raise ApiError(404, "There is no book of that id: look at /api/books for those there are.")
    try:
        _refuse_internal(caller, format)
        answer = download(book, format, query.options(fetch=True))
    except ExportRefused as refused:
        raise ApiError(404, refused.sentence) from refused
    record(api_actor(caller), [book], CHANGE, f"Exported as {format}")
    return answer


def _refuse_internal(caller: Caller, format: str) -> None:
    """Raises 403 where a token that may only read asks for what names people; ExportRefused for no format."""
    if not exporter(format).public and not caller.by_session and not caller.may("books.change_book"):
        raise ApiError(403, f"{caller.name} may only read: {format} needs a token of scope operate.")
