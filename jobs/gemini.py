"""The only door to Gemini: our words in, our words out, errors translated, nothing paid without a reservation.

The SDK costs 67 MB and most of a second to import, so it is imported by the calls that need it. Reading calls are
retried by the SDK; calls that make or cost something are never repeated here: the lifecycle decides that.
"""

import hashlib
import io
import json
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

logger = logging.getLogger(__name__)
_client_lock = threading.Lock()
_clients: "dict[tuple[str, str, bool, int], genai.Client]" = {}

SUCCEEDED = "JOB_STATE_SUCCEEDED"
PARTIALLY = "JOB_STATE_PARTIALLY_SUCCEEDED"
FAILED = "JOB_STATE_FAILED"
CANCELLED = "JOB_STATE_CANCELLED"
EXPIRED = "JOB_STATE_EXPIRED"
FORBIDDEN = 403
STAND_IN_KEY = "local-stand-in"
# Our own table of ends: the SDK's `done` forgets PARTIALLY_SUCCEEDED. A state not listed here means: wait.
WITH_RESULTS = frozenset({SUCCEEDED, PARTIALLY})
WITHOUT_RESULTS = frozenset({FAILED, CANCELLED, EXPIRED})
_BATCH_NAME = re.compile(r"batches/[\w.-]*[\w-]")


class GeminiError(Exception):
    """One sentence about what Gemini answered; `may_have_happened` says whether the call may have been carried out."""

    may_have_happened = False

    def __init__(self, sentence: str, *, retry_after: float = 60, code: int = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after
        self.code = code


class Unreachable(GeminiError):
    """No answer, or a server error: try again later. The call may have been carried out all the same."""

    may_have_happened = True


class NotConnected(GeminiError):
    """No connection was made, so nothing happened: try again later."""


class QuotaExceeded(GeminiError):
    """429: Gemini wants us to wait `retry_after` seconds."""


class KeyRefused(GeminiError):
    """The key is missing, wrong, or not allowed to see this."""


class NotFound(GeminiError):
    """404: there is no such batch, file or model for this key."""


class BadRequest(GeminiError):
    """Gemini refuses what was sent; sending it again would change nothing."""


@dataclass(frozen=True)
class Reservation:
    """Proof that the money for a paid call has been set aside; made by `jobs.lifecycle.spending` alone.

    `micro_usd` is in millionths of a US dollar, `day` the day it counts for, as 2026-11-23.
    """

    micro_usd: int
    day: str


@dataclass(frozen=True)
class RemoteFile:
    """A file kept at Gemini. `bytes` may be 0 when Gemini does not say."""

    name: str
    state: str
    bytes: int = 0


@dataclass(frozen=True)
class RemoteBatch:
    """A batch as Gemini describes it; inline answers come with it, file answers are named by `result_file`."""

    name: str
    display_name: str
    state: str
    model: str = ""
    create_time: str = ""
    end_time: str = ""
    result_file: str = ""
    inline_results: tuple[dict[str, Any], ...] | None = None

    @property
    def has_results(self) -> bool:
        """Whether there is anything to collect."""
        return bool(self.result_file) or self.inline_results is not None


def fingerprint() -> str:
    """16 hexadecimal digits that identify the key in use without telling it; empty without a key."""
    key = settings.GEMINI_API_KEY
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def is_stand_in() -> bool:
    """Whether the local stand-in answers: `make run` gives it a key that no key of Google's can be."""
    return str(settings.GEMINI_API_KEY) == STAND_IN_KEY


def without_key(text: str) -> str:
    """The text with the key left out, should Gemini quote it: nobody may read it in a log, an error or a page."""
    key = settings.GEMINI_API_KEY
    return text.replace(key, "[key]") if key else text


# --- Files -----------------------------------------------------------------------------------------------------


def upload(source: io.IOBase, *, name: str, display_name: str) -> RemoteFile:
    """Send a batch file as `files/<name>`; `source` is a seekable binary stream, read in chunks of 8 MB."""
    with _translated("upload a batch file"):
        config = {"mime_type": "jsonl", "display_name": display_name, "name": name}
        return _file(_writing().files.upload(file=source, config=cast(Any, config)))


def get_file(name: str) -> RemoteFile:
    """What Gemini knows of a file; raises NotFound."""
    with _translated("look up a file"):
        return _file(_reading().files.get(name=name))


def list_files() -> Iterator[RemoteFile]:
    """All files of this key, page by page."""
    with _translated("list files"):
        for file in _reading().files.list(config={"page_size": 100}):
            yield _file(file)


def delete_file(name: str) -> None:
    """Delete a file; one that is gone already, or that Gemini will not delete by name, is left to expire."""
    try:
        with _translated("delete a file"):
            _reading().files.delete(name=name)
    except (NotFound, BadRequest) as refused:
        # Long names of result files were answered with 400 though they can be downloaded: they go after 48 hours.
        logger.info("File %s was not deleted: %s", name, refused.sentence)
    except KeyRefused as refused:
        # Google answers 403 for files that never existed or are gone; a key that is wrong is answered otherwise.
        if refused.code != FORBIDDEN:
            raise
        logger.info("File %s was not there to delete: %s", name, refused.sentence)


def download(name: str, destination: Path) -> None:
    """Stream a result file to disk; memory does not grow with it."""
    with _translated("download results"):
        _reading().files.download(file=name, destination=destination)


# --- Batches ---------------------------------------------------------------------------------------------------


def create_from_file(model: str, file_name: str, display_name: str, paid: Reservation) -> RemoteBatch:
    """Start a batch over an uploaded file. Called once: after an error look for `display_name` before repeating."""
    with _translated("start a batch", model):
        return _created(
            _writing().batches.create(model=model, src=file_name, config={"display_name": display_name})
        )


def create_inline(
    model: str, lines: Sequence[Mapping[str, Any]], display_name: str, paid: Reservation
) -> RemoteBatch:
    """Start a small batch whose requests travel in the call itself (below 20 MB)."""
    from google.genai import types

    requests = [_inlined(line) for line in lines]
    with _translated("start a batch", model):
        source = types.BatchJobSource(inlined_requests=requests)
        return _created(
            _writing().batches.create(model=model, src=source, config={"display_name": display_name})
        )


def get_batch(name: str) -> RemoteBatch:
    """The present state of a batch; raises NotFound when this key has no such batch."""
    with _translated("look up a batch"):
        return _batch(_reading().batches.get(name=name))


def list_batches() -> Iterator[RemoteBatch]:
    """Every batch that this key can see, paged through to the end."""
    with _translated("list batches"):
        for batch in _reading().batches.list(config={"page_size": 100}):
            yield _batch(batch)


def find_batch(display_name: str) -> RemoteBatch | None:
    """The batch of that display name, if Gemini has one."""
    return next((batch for batch in list_batches() if batch.display_name == display_name), None)


def cancel_batch(name: str) -> None:
    """Ask Gemini to stop a batch; one that has ended already is fine."""
    try:
        with _translated("cancel a batch"):
            _reading().batches.cancel(name=name)
    except (NotFound, BadRequest) as refused:
        logger.info("Batch %s could not be cancelled any more: %s", name, refused.sentence)


# --- Realtime and models -----------------------------------------------------------------------------------------


def generate(model: str, request: Mapping[str, Any], paid: Reservation) -> dict[str, Any]:
    """One request now, at full price. `request` as in a batch line; the answer as in a result line, without key."""
    from google.genai import types

    inlined = types.InlinedRequest.model_validate_json(_inlined_json(request))
    with _translated("read one page", model):
        response = _writing().models.generate_content(
            model=model, contents=cast(Any, inlined.contents), config=inlined.config
        )
    return {"response": response.model_dump(mode="json", by_alias=True, exclude_none=True)}


def model_names() -> list[str]:
    """The models this key may use, without their `models/` prefix."""
    with _translated("list models"):
        return [(model.name or "").removeprefix("models/") for model in _reading().models.list()]


# --- Inside ----------------------------------------------------------------------------------------------------


def _inlined(line: Mapping[str, Any]) -> "types.InlinedRequest":
    from google.genai import types

    request = types.InlinedRequest.model_validate_json(_inlined_json(line["request"]))
    request.metadata = {"key": str(line["key"])}
    return request


def _inlined_json(request: Mapping[str, Any]) -> str:
    """A REST request in the shape of the SDK's InlinedRequest; JSON, because only there base64 becomes bytes."""
    config = dict(request.get("generationConfig") or {})
    if "systemInstruction" in request:
        config["systemInstruction"] = request["systemInstruction"]
    return json.dumps({"contents": request["contents"], "config": config})


def _file(file: Any) -> RemoteFile:
    state = getattr(file.state, "value", file.state) or ""
    return RemoteFile(name=file.name or "", state=str(state), bytes=int(file.size_bytes or 0))


def _batch(batch: Any) -> RemoteBatch:
    state = str(getattr(batch.state, "value", batch.state) or "JOB_STATE_UNSPECIFIED")
    dest = batch.dest
    inline = dest.inlined_responses if dest else None
    return RemoteBatch(
        name=batch.name or "",
        display_name=batch.display_name or "",
        # The SDK hands states it does not know through as Gemini spells them.
        state=state.replace("BATCH_STATE_", "JOB_STATE_"),
        model=(batch.model or "").removeprefix("models/"),
        create_time=batch.create_time.isoformat() if batch.create_time else "",
        end_time=batch.end_time.isoformat() if batch.end_time else "",
        result_file=(dest.file_name or "") if dest else "",
        inline_results=None if inline is None else tuple(_inline_result(one) for one in inline),
    )


def _created(batch: Any) -> RemoteBatch:
    """A batch just made. An answer that does not name it is none: what became of the call must be looked for."""
    made = _batch(batch)
    if not _BATCH_NAME.fullmatch(made.name):
        raise ValueError(f"it names no batch but {made.name[:60]!r}")
    return made


def _inline_result(one: Any) -> dict[str, Any]:
    """An inline answer in the shape of a line of a result file, so that one parser reads both."""
    result = one.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**result, "key": (one.metadata or {}).get("key", "")}


def _reading() -> "genai.Client":
    return _client(settings.GEMINI_API_KEY, settings.GEMINI_BASE_URL, retried=True)


def _writing() -> "genai.Client":
    return _client(settings.GEMINI_API_KEY, settings.GEMINI_BASE_URL, retried=False)


def _client(key: str, base_url: str, *, retried: bool) -> "genai.Client":
    if not key:
        raise KeyRefused("There is no Gemini key: set GEMINI_API_KEY (or GEMINI_API_KEY_FILE) and restart.")
    # A process that was forked must not share its parent's connections.
    wanted = (key, base_url, retried, os.getpid())
    with _client_lock:
        if wanted not in _clients:
            _clients[wanted] = _made_client(key, base_url, retried)
        return _clients[wanted]


def close() -> None:
    """Close the connections to Gemini; the next call opens new ones."""
    with _client_lock:
        while _clients:
            _clients.popitem()[1].close()


def _made_client(key: str, base_url: str, retried: bool) -> "genai.Client":
    from google import genai
    from google.genai import types

    # A state that the SDK does not know is no accident to be warned of: our own table says what follows.
    warnings.filterwarnings("ignore", message=r".* is not a valid \w+$", category=UserWarning)
    retry = types.HttpRetryOptions(attempts=3, initial_delay=0.5, max_delay=8.0) if retried else None
    return genai.Client(
        api_key=key,
        http_options=types.HttpOptions(
            base_url=base_url,
            api_version="v1beta",
            timeout=settings.GEMINI_TIMEOUT * 1000,
            retry_options=retry,
        ),
    )


@contextmanager
def _translated(doing: str, model: str = "") -> Iterator[None]:
    """Turn what the SDK and its transport raise into our own errors, each one sentence and without the key."""
    import httpx2
    from google.genai import errors

    try:
        yield
    except errors.APIError as error:
        raise _api_error(error, doing, model) from None
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise NotConnected(f"Gemini could not be reached to {doing} ({_clean(error)}).") from None
    except (httpx2.HTTPError, ConnectionError, TimeoutError) as error:
        raise Unreachable(
            f"The connection to Gemini broke while trying to {doing} ({_clean(error)})."
        ) from None
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        # The SDK raises these when an upload is cut short or an answer is not what the protocol says.
        raise Unreachable(
            f"Gemini's answer made no sense while trying to {doing} ({_clean(error)})."
        ) from None


def _api_error(error: Any, doing: str, model: str) -> GeminiError:
    code, message = int(error.code or 0), _clean(error.message or error.status or "")
    said = f"(Gemini answered {code}: {message})"
    if code in (401, 403) or "api key" in message.lower():
        return KeyRefused(f"Gemini refuses the key for this: check GEMINI_API_KEY {said}.", code=code)
    if code == 404:
        what = f"the model {model}" if model else "what was asked for"
        return NotFound(f"Gemini does not know {what} {said}.")
    if code == 429:
        return QuotaExceeded(f"Gemini's quota is used up for now {said}.", retry_after=_retry_after(error))
    if code == 408 or code >= 500:
        return Unreachable(
            f"Gemini failed while trying to {doing} {said}.", retry_after=_retry_after(error, 30)
        )
    return BadRequest(f"Gemini refuses to {doing} {said}.")


def _retry_after(error: Any, default: float = 60.0) -> float:
    """Seconds from RetryInfo in the error's details, within reason."""
    details = error.details if isinstance(error.details, dict) else {}
    for detail in (details.get("error") or {}).get("details") or []:
        delay = str(detail.get("retryDelay", "")) if isinstance(detail, dict) else ""
        try:
            return min(max(float(delay.removesuffix("s")), 1.0), 3600.0)
        except ValueError:
            continue
    return default


def _clean(error: object) -> str:
    """An error's text on one line, short, and certainly without the key."""
    text = " ".join(str(error).split()) or type(error).__name__
    return without_key(text)[:300]
