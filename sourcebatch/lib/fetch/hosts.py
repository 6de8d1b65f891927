"""Manners towards each host: how many requests at once, how far apart, and when to leave it alone.

Outer hosts get one request at a time and one a second; hosts that the settings allow are the library's own
and get sixteen at once. A host that asks for a pause gets it, one that fails five times in a row rests.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sourcebatch.lib.fetch.urls import Place

FAILURES_BEFORE_REST = 5
OWN_AT_ONCE = 16
# Hosts known to want more room than the default: seconds between requests.
KNOWN_INTERVALS = {"gallica.bnf.fr": 4.0}


@dataclass(frozen=True)
class Manners:
    """At most `at_once` requests in flight, their starts `interval` seconds apart."""

    at_once: int
    interval: float


class HostResting(Exception):
    """The host failed repeatedly, or asked for a pause that is longer than the caller can wait."""

    def __init__(self, seconds: float, *, failures: int) -> None:
        self.seconds = seconds
        self.failures = failures
        super().__init__(f"rests for {seconds:.0f} s")


class HostBusy(Exception):
    """The turn did not come in the time the caller can wait."""


def manners_for(place: Place) -> Manners:
    """The settings' word for this host: its own entry, or the default for outer or allowed hosts."""
    own = place.is_among(settings.FETCH_ALLOWED_HOSTS)
    interval = 0.0 if own else KNOWN_INTERVALS.get(place.host, 1.0)
    at_once = _setting("FETCH_HOST_CONCURRENCY", place, OWN_AT_ONCE if own else 1, own=own)
    return Manners(max(int(at_once), 1), max(_setting("FETCH_HOST_INTERVAL", place, interval, own=own), 0.0))


def _setting(name: str, place: Place, default: float, *, own: bool) -> float:
    """A number is for all outer hosts; `host=number` or `host:port=number` is for one, own or outer."""
    for_one, for_outer = _parsed(getattr(settings, name, None))
    for key in (f"{place.host}:{place.port}", place.host):
        if key in for_one:
            return for_one[key]
    if for_outer is None or own:
        return default
    known = name == "FETCH_HOST_INTERVAL" and place.host in KNOWN_INTERVALS
    return max(for_outer, default) if known else for_outer


def _parsed(value: float | str | Mapping[str, float] | None) -> tuple[Mapping[str, float], float | None]:
    """Numbers for single hosts, and the one for all others: from a number, a mapping, or `1, iiif.inner=32`."""
    if isinstance(value, str):
        pairs = [entry.rpartition("=") for entry in value.split(",") if entry.strip()]
        try:
            value = {host.strip().lower() or "default": float(number) for host, _, number in pairs}
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{value!r} is no setting for hosts: write a number, or `1, iiif.inner=16`."
            ) from error
    if isinstance(value, Mapping):
        return value, value.get("default")
    return {}, value


class Host:
    """One host as this process sees it. All times are of the monotonic clock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._in_flight = 0
        self._next_start = 0.0
        self._failures = 0
        self._rests_until = 0.0

    @contextlib.contextmanager
    def turn(self, manners: Manners, patience: float) -> Iterator[None]:
        """Wait for a turn, at most `patience` seconds, and hold it. Raises HostBusy or HostResting."""
        self._enter(manners, time.monotonic() + patience)
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify()

    def _enter(self, manners: Manners, until: float) -> None:
        with self._changed:
            while (wait := self._wait(manners, until)) is None or wait > 0:
                left = until - time.monotonic()
                if left <= 0:
                    raise HostBusy
                self._changed.wait(left if wait is None else min(wait, left))
            self._in_flight += 1
            self._next_start = time.monotonic() + manners.interval

    def _wait(self, manners: Manners, until: float) -> float | None:
        """Seconds until the next start; None while all places are taken. Refuses where it is hopeless."""
        now = time.monotonic()
        if self._rests_until > now:
            raise HostResting(self._rests_until - now, failures=self._failures)
        if self._next_start > until:
            raise HostResting(self._next_start - now, failures=0)
        return None if self._in_flight >= manners.at_once else self._next_start - now

    def pause(self, seconds: float) -> None:
        """No new request for so many seconds: the host asked for it, or it failed just now."""
        with self._changed:
            self._next_start = max(self._next_start, time.monotonic() + seconds)

    def answered(self) -> None:
        """It works: whatever it said, it said it in time."""
        with self._changed:
            self._failures = 0

    def failed(self, rest: float) -> None:
        """It did not answer, or with an error of its own. After the fifth time in a row it rests."""
        with self._changed:
            self._failures += 1
            if self._failures >= FAILURES_BEFORE_REST:
                self._rests_until = time.monotonic() + rest
                self._changed.notify_all()


class _Known:
    """The hosts met so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, int], Host] = {}

    def get(self, place: Place) -> Host:
        with self._lock:
            return self._hosts.setdefault((place.host, place.port), Host())


def host_of(place: Place) -> Host:
    """What this process knows of the host."""
    return _known.get(place)


def forget_hosts() -> None:
    """Start with every host afresh: for tests, and after a fork."""
    global _known
    _known = _Known()


_known = _Known()
_after_fork: Callable[[], None] = forget_hosts
os.register_at_fork(after_in_child=_after_fork)
