"""What comes in: bodies decoded leniently and validated strictly, queries validated."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sourcebatch.lib.http.errors import ApiError

MAX_ERRORS = 20
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC."""


class Body(BaseModel):
    """A request's body: a wrong type is an error, an unknown field is nobody's business."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Query(BaseModel):
    """What stands behind the question mark, all of it optional."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body, `{}` for none. Invalid UTF-8 becomes U+FFFD, as does what no database keeps."""
    text = raw.decode("utf-8-sig", errors="replace")
    if not text.strip():
        return {}
    try:
        # strict=False: a line break inside a string, as from a shell script's title, is accepted.
        found = clean(json.loads(text, strict=False, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise ApiError(400, 'The body is not JSON: send an object such as {"title": "..."}.') from None
    if not isinstance(found, dict):
        raise ApiError(400, 'The body must be a JSON object, such as {"title": "..."}.')
    return found


def clean(value: Any) -> Any:
    """The same with NUL and lone surrogates, which PostgreSQL and UTF-8 refuse, replaced by U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() and "\0" not in value else _storable(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def validated(model: type[Model], data: dict[str, Any]) -> Model:
    """The data as `model`; raises 400 with every field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ApiError:
    errors: dict[str, list[str]] = {}
    for wrong in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_ERRORS]:
        field = ".".join(str(part) for part in wrong["loc"]) or "body"
        errors.setdefault(field, []).append(wrong["msg"].removeprefix("Value error, "))
    field, sentences = next(iter(errors.items()))
    others = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return ApiError(400, f"{field}: {sentences[0].rstrip('.')}.{others}", errors=errors)
