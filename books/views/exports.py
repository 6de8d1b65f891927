"""Downloads of public books, for everybody. Staff have the action *Export* in the admin."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from books.downloads import download
from books.exports import ExportRefused, Options, exporter, exporters
from books.exports.options import ExportQuery
from books.views.access import public_book


def _options(request: HttpRequest) -> Options:
    """What the address asks for. Raises ExportRefused."""
    try:
        asked = ExportQuery.model_validate(request.GET.dict())
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ExportRefused(
            _("This address asks for something that there is not: check “%s”.") % field
        ) from None
    return asked.options(fetch=False, address=request.build_absolute_uri("/").rstrip("/"))


@require_safe
def public(request: HttpRequest, book_id: str) -> HttpResponse:
    """What a public book can be downloaded as."""
    book = public_book(book_id)
    context = {"book": book, "formats": [one for one in exporters().values() if one.public]}
    answer = render(request, "reading/public/downloads.html", context)
    patch_cache_control(answer, public=True, max_age=60)
    return answer


@require_safe
def public_file(request: HttpRequest, book_id: str, name: str) -> HttpResponseBase:
    """A public book as a file. Scans that are not stored here are named, not fetched: strangers start no work."""
    book = public_book(book_id)
    try:
        _refuse_internal(name)
        answer = download(book, name, _options(request))
    except ExportRefused as refused:
        return HttpResponse(refused.sentence, "text/plain; charset=utf-8", 404)
    # Manifests are read by viewers on other sites.
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _refuse_internal(name: str) -> None:
    """What names people or shows hidden pages is not for everybody. Raises ExportRefused."""
    if not exporter(name).public:
        raise ExportRefused(_("This format is for the library's own archive: choose another one."))
