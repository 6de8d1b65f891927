"""The OpenAPI document, held against the views: schemathesis calls each of them with good and bad input."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from books.importers import archive_org
from sourcebatch.openapi import document
from tests.api.conftest import Api, BookMaker
from tests.api.test_jobs import create, ids_of
from tests.support.localgemini import LocalGemini
from tests.support.origin import Origin

EXAMPLES = int(os.environ.get("API_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, ignored_auth,
]  # fmt: skip


def test_anybody_may_read_the_document(anybody: Api) -> None:
    said = anybody.get("/api/openapi.json")
    assert said.status == 200
    assert said.json == document()
    assert said.json["openapi"].startswith("3.1")


def test_it_holds_every_call_of_the_contract() -> None:
    calls = {
        f"{method.upper()} {path}" for path, methods in document()["paths"].items() for method in methods
    }
    verbs = {
        f"POST /api/jobs/{{job_id}}/{verb}"
        for verb in ("process", "cancel", "reset", "retry", "pause", "resume")
    }
    assert calls == verbs | {
        "GET /api/books", "POST /api/books", "POST /api/books/import", "GET /api/books/{book_id}",
        "GET /api/books/{book_id}/export/{format}", "GET /api/books/{book_id}/glossary",
        "PUT /api/books/{book_id}/glossary", "GET /api/jobs", "POST /api/jobs",
        "GET /api/jobs/{job_id}", "GET /api/jobs/{job_id}/pages", "GET /api/batch-jobs", "POST /api/process/ocr",
        "POST /api/process/translate", "GET /api/openapi.json",
    }  # fmt: skip


def test_every_call_says_in_a_sentence_what_it_does() -> None:
    for methods in document()["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            assert operation["responses"]


def _calls() -> list[tuple[str, str, GenerationMode]]:
    """Each call with good input, and with bad input where it takes any."""
    found: list[tuple[str, str, GenerationMode]] = []
    for path, methods in document()["paths"].items():
        for method, one in methods.items():
            found.append((path, method.upper(), GenerationMode.POSITIVE))
            if "requestBody" in one or any(parameter["in"] == "query" for parameter in one["parameters"]):
                found.append((path, method.upper(), GenerationMode.NEGATIVE))
    return found


@pytest.fixture
def schema(db: None, at_gemini: LocalGemini) -> Iterator[Any]:
    """The document as schemathesis reads it, with our WSGI application behind it in the test's transaction."""
    ends = (signals.request_started, signals.request_finished)
    application = get_wsgi_application()

    def inside(environ: Any, start_response: Any) -> Any:
        # Django's own test client connects these again after each of its calls.
        for signal in ends:
            signal.disconnect(close_old_connections)
        return application(environ, start_response)

    yield schemathesis.openapi.from_wsgi("/api/openapi.json", inside)
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("path", "method", "mode"), _calls())
def test_no_input_leads_to_a_crash_or_an_answer_that_is_not_in_the_document(
    schema: Any,
    operator: Api,
    make_book: BookMaker,
    origin: Origin,
    path: str,
    method: str,
    mode: GenerationMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nobody outside is asked for the identifiers that come up here.
    monkeypatch.setattr(archive_org, "MANIFEST", origin.url + "/iiif/{}/manifest.json")
    operation = schema[path][method]
    book = make_book(2, images=origin)
    known = {
        "book_id": book.pk, "job_id": create(operator, book), "page_ids": ids_of(book), "format": "txt",
    }  # fmt: skip

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Case[Any]) -> None:
        _go_where_something_is(case, known)
        if mode is GenerationMode.POSITIVE:
            _name_pages_that_exist(case, known)
        case.call_and_validate(headers={"Authorization": f"Bearer {operator.token}"}, checks=_checks(case))

    call()


def _checks(case: Case[Any]) -> list[Any]:
    """A wrong body must be refused; unknown parameters and headers are nobody's business."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    wrong = body is not None and body.mode is GenerationMode.NEGATIVE
    return [*CHECKS, negative_data_rejection] if wrong else CHECKS


def _go_where_something_is(case: Case[Any], known: dict[str, Any]) -> None:
    """Every other call goes to a book or job that exists, or all would end in 404."""
    for name, value in (case.path_parameters or {}).items():
        if len(str(value)) % 2:
            case.path_parameters[name] = known[name]


def _name_pages_that_exist(case: Case[Any], known: dict[str, Any]) -> None:
    """The same for bodies with page ids, which would all end in 400."""
    body: Any = case.body
    page_ids = body.get("page_ids") if isinstance(body, dict) else None
    if isinstance(page_ids, list) and len(page_ids) % 2:
        body.update({name: known[name] for name in ("book_id", "page_ids") if name in body})
        body.pop("language", None)
        body.pop("target_language", None)


def test_an_answer_that_is_not_in_the_document_is_noticed(schema: Any, operator: Api) -> None:
    said = schema["/api/books"]["GET"].Case().call(headers={"Authorization": f"Bearer {operator.token}"})
    poorer = document()
    del poorer["paths"]["/api/books"]["get"]["responses"]["200"]
    case = schemathesis.openapi.from_dict(poorer)["/api/books"]["GET"].Case()
    with pytest.raises(FailureGroup, match="Undocumented"):
        case.validate_response(said, checks=[status_code_conformance])
