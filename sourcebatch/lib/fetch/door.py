"""`fetch`: one resource from outside, within bounds, politely, with an error that a person can act on."""

import contextlib
import email.utils
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from sourcebatch.lib.fetch import body as bodies
from sourcebatch.lib.fetch import wire
from sourcebatch.lib.fetch.deadline import Deadline
from sourcebatch.lib.fetch.hosts import Host, HostBusy, HostResting, host_of, manners_for
from sourcebatch.lib.fetch.machine import machine_turn
from sourcebatch.lib.fetch.urls import BadAddress, Place, place_of, shown

MAX_REDIRECTS = 5
PATIENCE = 120.0
LONGEST_PAUSE = 30.0
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529}
_ADVICE = {
    400: "check the address of this page",
    401: "it needs a login at the library",
    403: "the library does not let us have it; ask there, or give another address",
    404: "check the address of this page",
    410: "the library has taken it away; look for its new address",
    429: "the library asks for fewer requests; it is tried again later",
}


@dataclass(frozen=True)
class Fetched:
    """What came: `url` was asked for, `final_url` answered; `content_type` is without parameters."""

    url: str
    final_url: str
    status: int
    content_type: str
    body: bytes


class FetchError(Exception):
    """Why nothing came. `retry_after` is in seconds; `status` is the last answer's, if there was one.

    `crowded`: the turn did not come, so many others wait for the host; neither it nor the address is at fault.
    """

    def __init__(
        self,
        sentence: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        blames_host: bool = False,
        host_was_not_asked: bool = False,
        crowded: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
        # Such failures count towards the host's rest; a plain 404 or a file that is too large do not.
        self.blames_host = blames_host
        self.host_was_not_asked = host_was_not_asked
        self.crowded = crowded


@dataclass
class _Errand:
    """One call of `fetch`: what it wants and the time it has left, counted only while it is on the wire."""

    url: str
    accept: str
    max_bytes: int
    seconds_left: float
    patience: float
    host: Host | None = None

    def note_end(self, error: FetchError | None) -> None:
        """Tell the last host's record how it ended; tries do not count singly: a bad page is one failure."""
        if self.host is None:
            return
        if error is not None and error.blames_host:
            self.host.failed(settings.FETCH_HOST_REST)
        elif error is None or not error.host_was_not_asked:
            self.host.answered()

    @contextlib.contextmanager
    def clock(self) -> Iterator[Deadline]:
        started = time.monotonic()
        try:
            with Deadline(max(self.seconds_left, 0.01)) as deadline:
                yield deadline
        finally:
            self.seconds_left -= time.monotonic() - started


def fetch(
    url: str,
    *,
    max_bytes: int | None = None,
    accept: str = "image/*",
    time_limit: float | None = None,
    patience: float = PATIENCE,
) -> Fetched:
    """Fetch `url` within `max_bytes` (packed and unpacked) and `time_limit` seconds on the wire in all tries.

    Waits up to `patience` seconds for its turn at the host. Raises FetchError, and nothing else, for whatever
    the outside does. Safe to call from many threads.
    """
    limit = settings.FETCH_TIMEOUT if time_limit is None else time_limit
    errand = _Errand(url, accept, max_bytes or settings.FETCH_MAX_BYTES, limit, patience)
    attempt = 0
    while True:
        try:
            fetched = _follow(errand)
            errand.note_end(None)
            return fetched
        except FetchError as error:
            pause = _pause_after(error, attempt)
            if pause is None or attempt >= settings.FETCH_RETRIES or errand.seconds_left <= 0:
                errand.note_end(error)
                raise
            time.sleep(pause)
            attempt += 1


def _pause_after(error: FetchError, attempt: int) -> float | None:
    """Seconds before the next try, with jitter; None where another try now would not help."""
    if not error.retryable or (error.retry_after or 0) > LONGEST_PAUSE:
        return None
    return error.retry_after or min(0.3 * 2.0**attempt, 5.0) * random.uniform(0.7, 1.3)  # noqa: S311


def _follow(errand: _Errand) -> Fetched:
    """One try: the address and the redirects behind it, each checked and each in its host's turn."""
    url = errand.url
    for _ in range(MAX_REDIRECTS + 1):
        answer = _one_hop(errand, url)
        if isinstance(answer, Fetched):
            return answer
        url = answer
    raise FetchError(f"{shown(errand.url)} leads from one address to the next without end: check it.")


def _one_hop(errand: _Errand, url: str) -> Fetched | str:
    """The resource, or the address that it has moved to."""
    try:
        place = place_of(url)
    except BadAddress as error:
        raise FetchError(str(error)) from error
    errand.host = host_of(place)
    with _turn(errand.host, place, errand):
        try:
            return _ask(errand, url, place)
        except FetchError as error:
            if error.retry_after:
                errand.host.pause(error.retry_after)
            raise


@contextlib.contextmanager
def _turn(host: Host, place: Place, errand: _Errand) -> Iterator[None]:
    """The host's turn, its refusals as our errors."""
    with contextlib.ExitStack() as stack:
        try:
            manners = manners_for(place)
            stack.enter_context(host.turn(manners, errand.patience))
            stack.enter_context(machine_turn(place, manners, errand.patience))
        except HostResting as rest:
            why = f"failed {rest.failures} times in a row" if rest.failures else "asked for a pause"
            raise FetchError(
                f"{place.name} {why} and rests for another {rest.seconds:.0f} s: this is tried again later.",
                retryable=True, retry_after=rest.seconds, host_was_not_asked=True,
            ) from None  # fmt: skip
        except HostBusy:
            raise FetchError(
                f"Too many requests wait for {place.name}: this is tried again later.",
                retryable=True, retry_after=60.0, host_was_not_asked=True, crowded=True,
            ) from None  # fmt: skip
        yield


def _ask(errand: _Errand, url: str, place: Place) -> Fetched | str:
    """Send the request and read the answer, within the errand's time."""
    with errand.clock() as deadline, _translated(url, place, deadline):
        with wire.session().get(
            url, headers=wire.headers(errand.accept), stream=True, allow_redirects=False,
            timeout=(min(10.0, deadline.left), min(20.0, deadline.left)),
        ) as response:  # fmt: skip
            if response.status_code in _REDIRECTS and response.headers.get("Location"):
                return urljoin(url, response.headers["Location"])
            if response.status_code != 200:
                raise _refusal(response, url, place)
            body = bodies.read(response, errand.max_bytes)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if deadline.expired:
            raise _too_slow(url, place)
        return Fetched(errand.url, url, response.status_code, kind, body)


def _refusal(response: requests.Response, url: str, place: Place) -> FetchError:
    """An answer other than 200 as an error."""
    status = response.status_code
    passing = status in _PASSING
    advice = _ADVICE.get(status, "it is tried again later" if passing else "check the address of this page")
    return FetchError(
        f"The image server {place.name} answered {status} for {shown(url)}: {advice}.",
        retryable=passing,
        retry_after=_retry_after(response.headers.get("Retry-After", "")) if passing else None,
        status=status,
        blames_host=passing,
    )


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header (a number or a date), between 0 and a day."""
    value = value.strip()
    if value.isdecimal():
        return min(float(value[:9]), 86400.0)
    try:
        when = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(when - time.time(), 0.0), 86400.0)


def _too_slow(url: str, place: Place) -> FetchError:
    return FetchError(
        f"{place.name} was too slow with {shown(url)}: it is tried again later.",
        retryable=True,
        blames_host=True,
    )


@contextlib.contextmanager
def _translated(url: str, place: Place, deadline: Deadline) -> Iterator[None]:
    """The client's errors in our words."""
    try:
        yield
    except FetchError:
        raise
    except Exception as error:
        if deadline.expired:
            raise _too_slow(url, place) from error
        for kinds, make in _SENTENCES:
            if isinstance(error, kinds):
                raise make(url, place) from error
        raise


def _inner(url: str, place: Place) -> FetchError:
    return FetchError(
        f"{place.name} is an inner address, so {shown(url)} was not fetched: "
        "if it is your own image server, add it to FETCH_ALLOWED_HOSTS."
    )


def _large(url: str, place: Place) -> FetchError:
    return FetchError(f"{shown(url)} is larger than allowed (FETCH_MAX_BYTES): ask for a smaller image.")


def _packed(url: str, place: Place) -> FetchError:
    return FetchError(f"{place.name} sent {shown(url)} badly packed: give another address.")


def _untrusted(url: str, place: Place) -> FetchError:
    return FetchError(
        f"The certificate of {place.name} is not valid: tell the library, or use another address."
    )


def _unusable(url: str, place: Place) -> FetchError:
    return FetchError(f"{shown(url)} cannot be fetched: check the address.")


def _unreached(url: str, place: Place) -> FetchError:
    return FetchError(
        f"{place.name} could not be reached for {shown(url)}: it is tried again later.",
        retryable=True,
        blames_host=True,
    )


def _broken_off(url: str, place: Place) -> FetchError:
    return FetchError(
        f"{place.name} broke off while sending {shown(url)}: it is tried again later.",
        retryable=True,
        blames_host=True,
    )


# The first that fits counts.
_SENTENCES: list[tuple[tuple[type[Exception], ...], Callable[[str, Place], FetchError]]] = [
    ((wire.InvalidIPAddress,), _inner),
    ((bodies.TooLarge,), _large),
    ((bodies.BadEncoding,), _packed),
    ((requests.exceptions.SSLError,), _untrusted),
    ((requests.Timeout,), _too_slow),
    ((requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError), _unusable),
    ((requests.exceptions.ChunkedEncodingError,), _broken_off),
    ((requests.ConnectionError,), _unreached),
    ((HTTPError, OSError), _broken_off),
    ((requests.RequestException, ValueError), _unusable),
]
