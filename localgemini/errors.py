"""Refusals in the shape that Google answers with."""

from __future__ import annotations

from typing import Any

STATUS_BY_CODE = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TYPE = "type.googleapis.com/google.rpc."


class GoogleError(Exception):
    """An answer other than 200: HTTP code, Google's status word, a message, optional details."""

    def __init__(
        self, code: int, message: str, status: str | None = None, details: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or STATUS_BY_CODE.get(code, "UNKNOWN")
        self.details = details or []

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}


class BadRequest(GoogleError):
    """A request that can never succeed: HTTP 400 when asked directly, code 3 in a batch's result line."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def unknown_field(name: str, where: str) -> BadRequest:
    return BadRequest(
        f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
    )


def retry_info(seconds: float) -> dict[str, Any]:
    """The detail by which Google says how long to wait."""
    return {"@type": TYPE + "RetryInfo", "retryDelay": f"{seconds:g}s"}


def invalid_key() -> GoogleError:
    detail = {"@type": TYPE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return GoogleError(400, "API key not valid. Please pass a valid API key.", details=[detail])


def no_key() -> GoogleError:
    return GoogleError(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def key_in_url() -> GoogleError:
    return GoogleError(400, "The API key came in the URL. Send it in the header x-goog-api-key.")


def unknown_file(file_id: str, code: int) -> GoogleError:
    """Google answers 403 for a file that does not exist, without saying which of the two it is."""
    return GoogleError(code, f"You do not have permission to access the File {file_id} or it may not exist.")


def unknown_batch(name: str) -> GoogleError:
    return GoogleError(404, f"Requested entity was not found: {name}.")


def unknown_model(name: str, version: str = "v1beta") -> GoogleError:
    return GoogleError(
        404,
        f"models/{name} is not found for API version {version}, or is not supported for this method. "
        "Call ModelService.ListModels to see the list of available models and their supported methods.",
    )


def exhausted(message: str, seconds: float = 30.0) -> GoogleError:
    return GoogleError(429, message, details=[retry_info(seconds)])
