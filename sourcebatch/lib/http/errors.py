"""Everything that can go wrong, as `{"error": sentence}`: never HTML, never a stack trace."""

import logging
from collections.abc import Mapping
from typing import Any, NotRequired

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from typing_extensions import TypedDict

from sourcebatch.lib.http.replies import answer
from sourcebatch.lib.ids import new_id

logger = logging.getLogger("sourcebatch.api")


class ErrorAnswer(TypedDict):
    """What every answer from 400 on looks like."""

    error: str
    errors: NotRequired[dict[str, list[str]]]


class ApiError(Exception):
    """An answer from 400 on: one sentence a person can act on, and whatever else belongs to it."""

    def __init__(
        self, status: int, sentence: str, /, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers
        self.more = more

    def response(self) -> HttpResponse:
        """The answer itself."""
        return answer({"error": self.sentence} | self.more, self.status, self.headers)


def unauthorised(sentence: str) -> ApiError:
    """401, with the header that says how to do better."""
    return ApiError(401, sentence, headers={"WWW-Authenticate": 'Bearer realm="sourcebatch"'})


def unexpected(request: HttpRequest) -> HttpResponse:
    """500 for an exception that is being handled: written to the log under a number that the answer names."""
    number = new_id()[-8:]
    logger.exception("error %s at %s %s", number, request.method, request.path)
    return answer({"error": f"Something went wrong on the server; its log tells more under {number}."}, 500)


@csrf_exempt
def nothing_here(request: HttpRequest, path: str = "") -> HttpResponse:
    """404 for addresses that do not exist under /api."""
    slash = " Addresses have no slash at the end." if request.path.endswith("/") else ""
    sentence = "There is nothing at this address; /api/openapi.json lists those there are."
    return answer({"error": sentence + slash}, 404)


def _for_the_api(request: HttpRequest) -> bool:
    return request.path_info == "/api" or request.path_info.startswith("/api/")


# The project's handlers for what goes wrong outside of views (a wrong Host header, say): JSON under /api/.
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """handler400"""
    if not _for_the_api(request):
        return defaults.bad_request(request, exception)
    return answer({"error": "The request is not understood: look at its headers and its address."}, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """handler403"""
    if not _for_the_api(request):
        return defaults.permission_denied(request, exception)
    return answer({"error": "You may not do that."}, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """handler404"""
    return nothing_here(request) if _for_the_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """handler500"""
    return unexpected(request) if _for_the_api(request) else defaults.server_error(request)
