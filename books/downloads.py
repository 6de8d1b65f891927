"""A book's export as an answer to a browser or a script: a file that is sent while it is made."""

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from books.exports import Options, export, exporter, file_name
from books.models import Book


def download(book: Book, name: str, options: Options) -> StreamingHttpResponse:
    """The book in a format, to be saved as a file and kept by nobody on the way. Raises ExportRefused."""
    answer = StreamingHttpResponse(export(book, name, options), content_type=exporter(name).mime)
    answer["Content-Disposition"] = str(content_disposition_header(True, file_name(book, name)))
    answer["Cache-Control"] = "no-store"
    return answer
