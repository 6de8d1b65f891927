"""The JSON API's machinery: calls with their scopes, lenient bodies, errors as one sentence. Imports no app.

A view is a function of the caller, the validated body and query and the ids of its address; it returns
`answer(...)` or `stream(...)`, or raises `ApiError`. `@call(...)` says who may use it and what goes in and
out, `route(...)` puts calls on an address. The OpenAPI document is made from the same declarations.
"""

from sourcebatch.lib.http.bodies import Body, Query, Time, decode, validated
from sourcebatch.lib.http.calls import Call, Caller, FileAnswer, Route, call, route
from sourcebatch.lib.http.errors import (
    ApiError,
    ErrorAnswer,
    bad_request,
    not_found,
    nothing_here,
    permission_denied,
    server_error,
    unauthorised,
)
from sourcebatch.lib.http.replies import answer, stream

__all__ = [
    "ApiError", "Body", "Call", "Caller", "ErrorAnswer", "FileAnswer", "Query", "Route", "Time", "answer",
    "bad_request", "call", "decode", "not_found", "nothing_here", "permission_denied", "route", "server_error",
    "stream", "unauthorised", "validated",
]  # fmt: skip
