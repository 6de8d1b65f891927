"""The one door to outside URLs, against a server that misbehaves (I42, I43)."""

import gzip
import itertools
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from sourcebatch.lib import fetch as door
from sourcebatch.lib.fetch import FetchError, fetch, fetch_many, forget_hosts
from sourcebatch.lib.fetch.hosts import Manners, manners_for
from sourcebatch.lib.fetch.machine import machine_turn
from sourcebatch.lib.fetch.urls import place_of
from sourcebatch.lib.fetch.wire import InvalidIPAddress, session
from tests.support import pages
from tests.support.origin import Answer, Origin, gzip_bomb


def refusal(url: str, **kwargs: float) -> FetchError:
    """The error that fetching this address gives."""
    with pytest.raises(FetchError) as caught:
        fetch(url, **kwargs)  # type: ignore[arg-type]
    return caught.value


def test_it_fetches_a_page_with_its_type(origin: Origin) -> None:
    fetched = fetch(origin.page(7))
    assert fetched.body == pages.printed(7)
    assert (fetched.status, fetched.content_type, fetched.final_url) == (200, "image/jpeg", origin.page(7))


def test_it_says_who_asks_and_how_to_reach_them(origin: Origin, settings: Settings) -> None:
    settings.FETCH_CONTACT = "mailto:scans@library.example"
    fetch(origin.page(1))
    headers = origin.headers["/page/1.jpg"]
    assert "Sourcebatch" in headers["User-Agent"]
    assert "mailto:scans@library.example" in headers["User-Agent"]
    assert headers["Accept"] == "image/*"


def test_it_reuses_connections(origin: Origin) -> None:
    made: list[object] = []
    original = origin._server.get_request

    def counting() -> tuple[socket.socket, object]:
        made.append(1)
        return original()

    origin._server.get_request = counting  # type: ignore[method-assign]
    for number in range(1, 6):
        fetch(origin.page(number))
    assert len(made) == 1


@pytest.mark.parametrize(
    ("path", "status", "retryable"),
    [
        ("/bad/401", 401, False),
        ("/bad/403", 403, False),
        ("/bad/404", 404, False),
        ("/bad/429", 429, True),
        ("/bad/500", 500, True),
        ("/bad/503", 503, True),
    ],
)
def test_i42_it_reports_an_error_answer(
    origin: Origin, settings: Settings, path: str, status: int, retryable: bool
) -> None:
    settings.FETCH_RETRIES = 0
    error = refusal(origin.url + path)
    assert (error.status, error.retryable) == (status, retryable)
    assert f"answered {status} for {origin.url}{path}" in error.sentence


def test_it_tries_again_where_that_helps_and_not_where_it_does_not(
    origin: Origin, settings: Settings
) -> None:
    settings.FETCH_RETRIES = 2
    refusal(origin.url + "/bad/500")
    refusal(origin.url + "/bad/404")
    assert origin.requests["/bad/500"] == 3
    assert origin.requests["/bad/404"] == 1


def test_it_succeeds_when_a_later_try_does(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 3
    origin.answers["/flaky"] = Answer(b"", status=503)
    timer = threading.Timer(0.4, lambda: origin.answers.update({"/flaky": Answer(pages.printed(1))}))
    timer.start()
    assert fetch(origin.url + "/flaky").body == pages.printed(1)
    timer.join()


def test_it_waits_as_long_as_the_server_asks(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 1
    error = refusal(origin.url + "/bad/429")
    first, second = (when for when, _ in origin.times)
    assert error.retry_after == 1.0
    assert second - first >= 0.99


def test_a_long_pause_is_left_to_the_caller_and_kept_by_all(origin: Origin) -> None:
    assert refusal(origin.url + "/bad/429-long").retry_after == 3600.0
    error = refusal(origin.page(1))
    assert "asked for a pause" in error.sentence
    assert error.retry_after is not None
    assert 3500 < error.retry_after <= 3600
    assert origin.requests["/page/1.jpg"] == 0


@pytest.mark.parametrize("path", ["/bad/slow", "/bad/slow-header", "/bad/endless"])
def test_i42_a_drip_ends_in_time(origin: Origin, path: str) -> None:
    started = time.monotonic()
    error = refusal(origin.url + path, time_limit=1.0, max_bytes=10**12)
    assert time.monotonic() - started < 3
    assert "too slow" in error.sentence
    assert error.retryable


def test_the_time_limit_is_for_all_tries_together(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 10
    started = time.monotonic()
    refusal(origin.url + "/bad/slow", time_limit=0.5)
    assert time.monotonic() - started < 2
    assert origin.requests["/bad/slow"] == 1


def test_i42_what_breaks_off_is_not_taken_for_whole(origin: Origin) -> None:
    error = refusal(origin.url + "/bad/cut-off")
    assert "broke off" in error.sentence
    assert error.retryable
    assert origin.requests["/bad/cut-off"] == 2


@pytest.mark.parametrize("path", ["/bad/huge", "/bad/endless", "/bad/gzip-bomb"])
def test_i42_too_many_bytes_are_refused_without_filling_memory(origin: Origin, path: str) -> None:
    fetch(origin.page(1))
    gzip_bomb()
    tracemalloc.start()
    error = refusal(origin.url + path, max_bytes=5_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "larger than allowed" in error.sentence
    assert not error.retryable
    # The origin's own blocks are in this process too.
    assert peak < 25_000_000


def test_a_packed_answer_is_unpacked(origin: Origin) -> None:
    origin.answers["/m.json"] = Answer(
        gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )
    assert fetch(origin.url + "/m.json", accept="application/json").body == b'{"a": 1}'
    assert origin.headers["/m.json"]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_badly_packed_answer_is_refused(origin: Origin, encoding: str) -> None:
    origin.answers["/x"] = Answer(b"not packed at all", headers={"Content-Encoding": encoding})
    assert "badly packed" in refusal(origin.url + "/x").sentence


@pytest.mark.parametrize("path", ["/bad/loop", "/bad/ping"])
def test_i42_redirects_end(origin: Origin, path: str) -> None:
    assert "from one address to the next" in refusal(origin.url + path).sentence
    assert sum(origin.requests.values()) == 6


def test_it_follows_a_redirect(origin: Origin) -> None:
    origin.answers["/old"] = Answer(status=301, headers={"Location": "/page/3.jpg"})
    fetched = fetch(origin.url + "/old")
    assert (fetched.url, fetched.final_url) == (origin.url + "/old", origin.page(3))


@pytest.mark.parametrize("path", ["/bad/to-metadata", "/bad/to-private"])
def test_i43_a_redirect_to_the_inside_is_refused(origin: Origin, path: str) -> None:
    assert "is an inner address" in refusal(origin.url + path).sentence


def test_i43_a_redirect_to_a_file_is_refused(origin: Origin) -> None:
    assert "cannot be fetched" in refusal(origin.url + "/bad/to-file").sentence


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1",
        "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]", "[fc00::1]", "[fec0::1]",
        "[64:ff9b::7f00:1]", "[::ffff:0:127.0.0.1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_i43_inner_addresses_are_refused(origin: Origin, settings: Settings, host: str) -> None:
    settings.FETCH_ALLOWED_HOSTS = []
    port = origin.url.rpartition(":")[2]
    error = refusal(f"http://{host}:{port}/page/1.jpg")
    assert "is an inner address" in error.sentence or "cannot be fetched" in error.sentence
    assert "FETCH_ALLOWED_HOSTS" in error.sentence or "check the address" in error.sentence
    assert not origin.requests


def test_i43_the_same_host_is_fetched_when_allowed(origin: Origin, settings: Settings) -> None:
    settings.FETCH_ALLOWED_HOSTS = [origin.url.removeprefix("http://")]
    assert fetch(origin.page(1)).status == 200
    settings.FETCH_ALLOWED_HOSTS = ["127.0.0.1:1"]
    assert "is an inner address" in refusal(origin.page(1)).sentence


def test_i43_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is replaced, as no test can own a name server: an outer address first, loopback after."""
    answers = ["198.41.0.4", "127.0.0.1"]

    def fickle(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    request = requests.Request("GET", "http://rebind.example:8080/1.jpg").prepare()
    adapter = session().get_adapter("http://rebind.example:8080/")
    params, _ = adapter.build_connection_pool_key_attributes(request, True)  # type: ignore[attr-defined]
    # The connection is made to the address that was looked at, by number: there is no second look.
    assert (params["host"], request.headers["Host"]) == ("198.41.0.4", "rebind.example:8080")
    with pytest.raises(InvalidIPAddress):
        adapter.build_connection_pool_key_attributes(request, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("ftp://library.example/a.jpg", "https://"),
        ("file:///etc/passwd", "https://"),
        ("", "https://"),
        ("page.jpg", "https://"),
        ("http://", "https://"),
        ("http://user:hush@library.example/a.jpg", "user name or password"),
        ("http://library.example/a b.jpg", "spaces"),
        ("http://library.example/\n", "spaces"),
        ("http://[::1", "not an address"),
        ("http://library.example:99999/", "not an address"),
        ("http://" + "a" * 70 + ".example/", "cannot be fetched"),
        ("http://.example/", "cannot be fetched"),
        ("http://library.example/" + "a" * 5000, "too long"),
    ],
)
def test_addresses_that_are_none_are_refused_with_advice(url: str, part: str) -> None:
    error = refusal(url)
    assert part in error.sentence
    assert not error.retryable
    assert "hush" not in error.sentence


def test_secrets_in_addresses_are_not_told() -> None:
    url = "https://me:hush@images.example/a.jpg?token=hush&size=3&api_key=hush#hush"
    assert door.shown(url) == "https://images.example/a.jpg?token=***&size=3&api_key=***"


def test_a_host_that_does_not_exist_is_reported_as_unreached(settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    error = refusal("http://nowhere.invalid/1.jpg")
    assert "could not be reached" in error.sentence
    assert error.retryable


def test_a_closed_port_is_reported_as_unreached(origin: Origin) -> None:
    origin.stop()
    error = refusal(origin.page(1))
    assert "could not be reached" in error.sentence
    assert error.retryable


def test_a_host_rests_after_five_failures_in_a_row(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    settings.FETCH_HOST_REST = 1.0
    for _ in range(5):
        refusal(origin.url + "/bad/500")
    error = refusal(origin.page(1))
    assert "failed 5 times in a row" in error.sentence
    assert error.retryable
    assert origin.requests["/page/1.jpg"] == 0
    time.sleep(error.retry_after or 0)
    assert fetch(origin.page(1)).status == 200


def test_after_its_rest_one_more_failure_is_enough(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    settings.FETCH_HOST_REST = 0.2
    for _ in range(5):
        refusal(origin.url + "/bad/500")
    time.sleep(0.25)
    refusal(origin.url + "/bad/500")
    assert "rests" in refusal(origin.page(1)).sentence


def test_bad_pages_of_a_good_host_do_not_stop_it(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    for _ in range(4):
        refusal(origin.url + "/bad/500")
    refusal(origin.url + "/bad/404")
    refusal(origin.url + "/bad/500")
    assert fetch(origin.page(1)).status == 200


def test_an_outer_host_gets_one_request_at_a_time_and_pauses(origin: Origin, settings: Settings) -> None:
    settings.FETCH_HOST_CONCURRENCY = {"127.0.0.1": 1}
    settings.FETCH_HOST_INTERVAL = {"127.0.0.1": 0.2}
    list(fetch_many(origin.page(number) for number in range(1, 5)))
    times = [when for when, _ in origin.times]
    assert origin.most_at_once == 1
    assert all(later - earlier >= 0.19 for earlier, later in itertools.pairwise(times))


def test_the_manners_towards_strangers_and_towards_our_own(settings: Settings) -> None:
    settings.FETCH_ALLOWED_HOSTS = ["iiif.inner"]
    settings.FETCH_HOST_CONCURRENCY, settings.FETCH_HOST_INTERVAL = 1, 1.0
    stranger, ours = (
        manners_for(place_of("https://iiif.example/a")),
        manners_for(place_of("https://iiif.inner/a")),
    )
    assert (stranger.at_once, stranger.interval) == (1, 1.0)
    assert (ours.at_once, ours.interval) == (16, 0.0)
    assert manners_for(place_of("https://gallica.bnf.fr/ark:/1")).interval == 4.0


@pytest.mark.parametrize(
    "value",
    ["2, iiif.example=5, iiif.inner:8080=32", {"default": 2, "iiif.example": 5, "iiif.inner:8080": 32}],
)
def test_manners_can_be_set_for_single_hosts(settings: Settings, value: object) -> None:
    settings.FETCH_ALLOWED_HOSTS = ["iiif.inner"]
    settings.FETCH_HOST_CONCURRENCY = value
    at_once = [
        manners_for(place_of(url)).at_once
        for url in (
            "http://other.example/",
            "http://iiif.example/",
            "http://iiif.inner:8080/",
            "http://iiif.inner/",
        )
    ]
    assert at_once == [2, 5, 32, 16]


def test_processes_of_one_machine_share_a_turn(origin: Origin, settings: Settings) -> None:
    settings.FETCH_HOST_CONCURRENCY = {"127.0.0.1": 1}
    settings.FETCH_HOST_INTERVAL = {"127.0.0.1": 0.2}
    place, manners = place_of(origin.page(1)), Manners(1, 0.2)
    with machine_turn(place, manners, 1):
        assert "Too many requests wait" in refusal(origin.page(1), patience=0.1).sentence
    # The other process began just now, so this one waits for the interval first.
    started = time.monotonic()
    fetch(origin.page(1))
    assert time.monotonic() - started >= 0.1


def test_a_turn_that_does_not_come_is_given_up(origin: Origin, settings: Settings) -> None:
    settings.FETCH_HOST_CONCURRENCY = {"127.0.0.1": 1}
    origin.delay = 1.0
    thread = threading.Thread(target=fetch, args=(origin.page(1),))
    thread.start()
    while not origin.requests:
        time.sleep(0.01)
    error = refusal(origin.page(2), patience=0.1)
    thread.join()
    assert "Too many requests wait" in error.sentence
    assert error.retryable


def test_many_come_side_by_side(origin: Origin) -> None:
    origin.delay = 0.2
    got = dict(fetch_many(origin.page(number) for number in range(1, 33)))
    assert {url for url, result in got.items() if isinstance(result, door.Fetched)} == set(got)
    assert len(got) == 32
    assert 4 < origin.most_at_once <= 16


def test_i42_one_bad_page_never_stops_the_others(origin: Origin, settings: Settings) -> None:
    settings.FETCH_RETRIES = 0
    settings.FETCH_TIMEOUT = 1.0
    bad = [origin.url + path for path in ("/bad/404", "/bad/slow", "/bad/cut-off", "/bad/loop")]
    good = [origin.page(number) for number in range(1, 41)]
    got = dict(fetch_many([*bad, *good]))
    assert all(isinstance(got[url], FetchError) for url in bad)
    assert all(isinstance(got[url], door.Fetched) for url in good)


def test_addresses_are_read_only_as_fast_as_results_are_taken(origin: Origin) -> None:
    read: list[int] = []

    def addresses() -> Iterator[str]:
        for number in range(1, 201):
            read.append(number)
            yield origin.page(number % 10 + 1)

    results = fetch_many(addresses(), workers=4)
    next(results)
    assert len(read) <= 9
    results.close()  # type: ignore[attr-defined]


def test_as_done_starts_nothing_new_while_too_much_waits() -> None:
    started: list[int] = []

    def work(item: int) -> bytes:
        started.append(item)
        return bytes(1000)

    results = door.as_done(range(100), work, workers=4, size=len, max_bytes_waiting=500)
    first = next(results)
    assert len(first[1]) == 1000
    assert len(started) <= 5
    assert len(list(results)) == 99


def test_as_done_hands_on_what_the_work_raises() -> None:
    def work(item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError):
        list(door.as_done([1, 0, 2], work))


@pytest.fixture(autouse=True)
def fresh_hosts() -> Iterator[None]:
    forget_hosts()
    yield
    forget_hosts()


def test_a_setting_for_hosts_that_is_none_says_so(settings: Settings) -> None:
    settings.FETCH_HOST_CONCURRENCY = "many"
    with pytest.raises(ImproperlyConfigured, match=r"iiif\.inner=16"):
        manners_for(place_of("https://iiif.example/"))
