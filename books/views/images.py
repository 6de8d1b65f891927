"""Page images and thumbnails, quick enough for lists of a hundred."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from books.images import ImageError
from books.models import Page
from books.page_images import image_bytes, image_version, thumbnail_bytes, thumbnail_version
from books.views.access import is_public, seen_page

YEAR = 31_536_000
DAY = 86_400
PLACEHOLDER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="180" height="240" viewBox="0 0 180 240">'
    '<rect width="180" height="240" fill="#d8d4cc"/>'
    '<path d="M54 76h72v88H54z M54 142l22-24 16 16 12-12 22 22" fill="none" stroke="#8f897e"'
    ' stroke-width="5"/></svg>'
)


@require_safe
def image(request: HttpRequest, page_id: str) -> HttpResponse:
    """The page's image, the very bytes that a model reads; or one sentence on why there is none."""
    page = seen_page(request, page_id)
    try:
        return _answer(request, page, image_bytes, image_version)
    except ImageError as error:
        return _failure(HttpResponse(error.sentence, "text/plain; charset=utf-8", 502), error)


@require_safe
def thumbnail(request: HttpRequest, page_id: str) -> HttpResponse:
    """A small image of the page, or a grey picture frame where there is none (yet)."""
    page = seen_page(request, page_id)
    try:
        return _answer(request, page, thumbnail_bytes, thumbnail_version)
    except ImageError as error:
        return _failure(HttpResponse(PLACEHOLDER, "image/svg+xml"), error)


def _answer(
    request: HttpRequest, page: Page, bytes_of: Callable[[Page], bytes], version_of: Callable[[Page], str]
) -> HttpResponse:
    """304 for who has it, else the JPEG; kept for ever by who asked for this very version."""
    response = get_conditional_response(request, etag=quote_etag(version_of(page)))
    if response is None:
        response = HttpResponse(bytes_of(page), "image/jpeg")
    # Asked for only now: the first reading of an image tells its hash.
    version = version_of(page)
    response["ETag"] = quote_etag(version)
    whose = f"public, s-maxage={DAY}" if is_public(page) else "private"
    for_ever = request.GET.get("v") == version
    response["Cache-Control"] = f"{whose}, max-age={YEAR}, immutable" if for_ever else f"{whose}, no-cache"
    return response


def _failure(response: HttpResponse, error: ImageError) -> HttpResponse:
    """Not to be kept: the image may be there in a minute."""
    response["Cache-Control"] = "no-store"
    response["X-Image-Error"] = error.sentence.encode("ascii", "replace").decode().replace("\n", " ")[:300]
    if error.retryable and response.status_code == 502:
        response.status_code = 503
        response["Retry-After"] = str(int(error.retry_after or 60))
    return response
