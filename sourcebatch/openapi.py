"""The OpenAPI 3.1 document of the JSON API, made from the same declarations that the views run by."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from pydantic import BaseModel, TypeAdapter

from sourcebatch.lib.http import Call, Caller, ErrorAnswer, FileAnswer, Route, answer, call

VERSION = "1.0"
REFERENCE = "#/components/schemas/{model}"
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
# What every call may answer besides its own: by scope, then by what it takes.
COMMON = {"public": (), "read": (401, 403), "operate": (401, 403)}
HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    503: {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds.", "required": True}},
}


def routes() -> Iterator[tuple[str, str, Call]]:
    """Every call of the API: its address with `{ids}`, its method, itself."""
    for path, found in _walk(get_resolver().url_patterns, "/"):
        for method, one in found.calls.items():
            yield path, method, one


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Route]]:
    for pattern in patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver) and path.startswith("/api/"):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and isinstance(pattern.callback, Route):
            yield path, pattern.callback


@call({200: dict[str, Any]}, scope="public")
def show_document(caller: Caller) -> HttpResponse:
    """Show this document."""
    return answer(document())


def document() -> dict[str, Any]:
    """The whole document."""
    found = list(routes())
    schemas, components = _schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, one in found:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sourcebatch", "version": VERSION, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


ABOUT = (
    "Books, their pages and texts; jobs that transcribe and translate them. Bodies are JSON objects; "
    "unknown fields are ignored, wrong types refused. Every answer from 400 on is an object with `error`, "
    "one sentence. Tokens are made in the admin or by `manage.py create_token`. A member of staff who is "
    "logged in may call too, then with Django's CSRF token."
)
Schemas = dict[tuple[Any, str], dict[str, Any]]


def _schemas(found: list[tuple[str, str, Call]]) -> tuple[Schemas, dict[str, Any]]:
    """The schema of every shape, and the definitions they refer to."""
    bodies = {one.body for _, _, one in found if one.body}
    told = (shape for _, _, one in found for shape in one.answers.values())
    shapes = {repr(shape): shape for shape in told if shape and not isinstance(shape, FileAnswer)}
    wanted: list[Any] = [(body, "validation", TypeAdapter(body)) for body in bodies]
    wanted += [(key, "serialization", TypeAdapter(shape)) for key, shape in shapes.items()]
    wanted.append((repr(ErrorAnswer), "serialization", TypeAdapter(ErrorAnswer)))
    made, definitions = TypeAdapter.json_schemas(wanted, ref_template=REFERENCE)
    return {(key, mode): schema for (key, mode), schema in made.items()}, definitions.get("$defs", {})


def _operation(path: str, method: str, one: Call, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = (one.view.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": one.view.__name__,
        "summary": summary,
        "tags": [path.split("/")[2]],
        "parameters": [*_path_parameters(path), *_query_parameters(one.query)],
        "responses": _responses(path, one, schemas),
        "security": [] if one.scope == "public" else [{"token": []}],
    }
    if more.strip():
        operation["description"] = " ".join(f"{summary} {more}".split())
    if one.body:
        schema = schemas[one.body, "validation"]
        operation["requestBody"] = {
            "required": any(field.is_required() for field in one.body.model_fields.values()),
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1}
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    properties = query.model_json_schema()["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _responses(path: str, one: Call, schemas: Schemas) -> dict[str, Any]:
    own: dict[int, Any] = dict(one.answers)
    errors = [*COMMON[one.scope], *([400] if one.body or one.query else []), *([413] if one.body else [])]
    if one.scope != "public":
        errors.append(503)
    for status in errors:
        own.setdefault(status, None)
    return {str(status): _response(status, own[status], schemas) for status in sorted(own)}


def _response(status: int, shape: Any, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": _content(shape, schemas) if shape else ERROR,
    }
    if status in HEADERS:
        found["headers"] = HEADERS[status]
    return found


def _content(shape: Any, schemas: Schemas) -> dict[str, Any]:
    if isinstance(shape, FileAnswer):
        # An empty schema: a file is of its format, which no JSON schema can tell.
        return {media: {} for media in shape.media}
    return {"application/json": {"schema": schemas[repr(shape), "serialization"]}}
