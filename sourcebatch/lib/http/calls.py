"""Calls: who may use them, what goes in, what comes out; and the addresses they stand at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLPattern, path
from django.utils.module_loading import import_string
from pydantic import BaseModel

from sourcebatch.lib.http.bodies import clean, decode, validated
from sourcebatch.lib.http.errors import ApiError, logger, unexpected
from sourcebatch.lib.http.replies import answer

Scope = Literal["public", "read", "operate"]
View = Callable[..., HttpResponseBase]
SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Caller:
    """Who calls: a script by its token or a person by their session; `may` asks for a permission."""

    name: str
    may: Callable[[str], bool]
    by_session: bool = False


@dataclass(frozen=True)
class FileAnswer:
    """Stands for a shape where an answer is a file: its possible media types."""

    media: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """One call of the API. `permission` is what a person needs; `answers` maps a status to its shape."""

    view: View
    scope: Scope
    permission: str
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answers: Mapping[int, Any]


def call(
    answers: Mapping[int, Any], *, scope: Scope = "read", permission: str = "",
    body: type[BaseModel] | None = None, query: type[BaseModel] | None = None,
) -> Callable[[View], Call]:  # fmt: skip
    """Declare a view as a call: `view(caller, [body], [query], **ids)`."""
    return lambda view: Call(view, scope, permission, body, query, answers)


class Route:
    """The calls of one address by method. Whatever goes wrong inside is answered in JSON."""

    # Tokens need no CSRF protection; sessions get it in `_admit`.
    csrf_exempt = True

    def __init__(self, calls: Mapping[str, Call]) -> None:
        self.calls = calls

    def __call__(self, request: HttpRequest, **ids: str) -> HttpResponseBase:
        try:
            return self._answer(request, ids)
        except ApiError as error:
            return error.response()
        except RequestDataTooBig:
            limit = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) // 1_048_576
            return answer({"error": f"The body is larger than {limit} MB: send less at once."}, 413)
        except (SuspiciousOperation, BadRequest, UnreadablePostError):
            return answer({"error": "The request could not be read: send it again."}, 400)
        except OperationalError:
            logger.exception("the database failed at %s %s", request.method, request.path)
            sentence = "The database does not answer now: try again in a few seconds."
            return answer({"error": sentence, "retryable": True}, 503, {"Retry-After": "5"})
        except Exception:
            return unexpected(request)

    def _answer(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponseBase:
        found = self.calls.get("GET" if request.method == "HEAD" else str(request.method))
        if found is None:
            allowed = ", ".join(self.calls)
            raise ApiError(405, f"This address answers {allowed} only.", headers={"Allow": allowed})
        caller = _admit(request, found)
        if any("\0" in value for value in ids.values()):
            raise ApiError(404, "There is nothing of that id: look at the list for those there are.")
        arguments: dict[str, Any] = dict(ids)
        if found.query:
            arguments["query"] = validated(found.query, clean(request.GET.dict()))
        if found.body:
            arguments["body"] = validated(found.body, decode(request.body))
        return found.view(caller, **arguments)


def _admit(request: HttpRequest, wanted: Call) -> Caller:
    """Who calls, if they may. Raises 401 or 403."""
    if wanted.scope == "public":
        return Caller("", lambda permission: False)
    caller: Caller = import_string(settings.API_AUTHENTICATOR)(request)
    if caller.by_session and request.method not in SAFE:
        _check_csrf(request)
    # What a token may read is its scope; what a person may read is their role.
    if (caller.by_session or wanted.scope == "operate") and not caller.may(wanted.permission):
        raise ApiError(403, _refusal(caller))
    return caller


def _refusal(caller: Caller) -> str:
    if caller.by_session:
        return f"{caller.name} has no role that may do this: an administrator can give one."
    return f"{caller.name} may only read: that needs a token of scope operate."


def _check_csrf(request: HttpRequest) -> None:
    _ = request.body  # read first: looking for a form's CSRF field would use up the stream
    refused = CsrfViewMiddleware(lambda later: answer({})).process_view(request, _plain_view, (), {})
    if refused is not None:
        raise ApiError(403, "The CSRF token is missing or wrong: reload the page, or use an API token.")


def _plain_view(request: HttpRequest) -> HttpResponseBase:
    """Stands for a view that wants CSRF protection."""
    return answer({})


def route(pattern: str, **calls: Call) -> URLPattern:
    """An address and its calls by lower-case method: `route("books", get=list_books, post=save_book)`."""
    return path(pattern, Route({method.upper(): found for method, found in calls.items()}))
