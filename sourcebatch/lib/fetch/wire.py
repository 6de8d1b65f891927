"""The HTTP client: one shared session whose connections refuse inner addresses and obey deadlines.

requests-hardened resolves a host once, refuses inner addresses and connects to exactly the address that it
looked at, on every hop: a name that answers differently the second time gains nothing. Ours adds the hosts
that the settings allow, a stricter look at IPv6, larger pools and deadlines.
"""

import ipaddress
import os
import threading
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.conf import settings
from requests import RequestException
from requests.adapters import HTTPAdapter
from requests_hardened import Config, HTTPSession  # type: ignore[import-untyped]
from requests_hardened.ip_filter import InvalidIPAddress  # type: ignore[import-untyped]
from requests_hardened.ip_filter_adapter import IPFilterAdapter  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sourcebatch.lib.fetch.deadline import watch
from sourcebatch.lib.fetch.urls import Place

__all__ = ["InvalidIPAddress", "RequestException", "session"]

HOSTS_KEPT = 50
CONNECTIONS_KEPT = 64
_OUTER_IPV6 = ipaddress.ip_network("2000::/3")


class _Connection(HTTPConnection):
    """A connection that tells the deadline about its socket, when it is made and when it is used again."""

    def _new_conn(self) -> Any:
        sock = super()._new_conn()
        watch(sock)
        return sock

    def getresponse(self) -> Any:
        watch(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    """The same with TLS; the socket is watched before the handshake, which can drip as well."""

    def _new_conn(self) -> Any:
        sock = super()._new_conn()
        watch(sock)
        return sock

    def getresponse(self) -> Any:
        watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(IPFilterAdapter):  # type: ignore[misc]
    """Refuses inner addresses, except at the hosts that the settings allow."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(HOSTS_KEPT, CONNECTIONS_KEPT, block=False)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        plain = HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        if _is_allowed(plain[0]):
            return plain
        attributes = super().build_connection_pool_key_attributes(request, verify, cert)
        _refuse_odd_ipv6(attributes[0]["host"])
        return attributes


def _is_allowed(params: Any) -> bool:
    """Whether the settings name this host, as the client itself has parsed it."""
    port = params["port"] or (443 if params["scheme"] == "https" else 80)
    place = Place(params["scheme"], params["host"].strip("[]").lower(), port)
    return place.is_among(settings.FETCH_ALLOWED_HOSTS)


def _refuse_odd_ipv6(host: str) -> None:
    """Only global unicast is outside; the library knows site-local and translated addresses as neither."""
    address = ipaddress.ip_address(host.strip("[]"))
    if not address.is_global or (address.version == 6 and address not in _OUTER_IPV6):
        raise InvalidIPAddress(address)


def _user_agent() -> str:
    """Who we are and whom to write to, as libraries ask of robots."""
    contact = settings.FETCH_CONTACT or "no contact configured"
    return f"Sourcebatch/1.0 (page images for transcription; {contact})"


def _new_session() -> HTTPSession:
    config = Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=(10.0, 20.0),
    )
    made = HTTPSession(config)
    # No proxies, .netrc passwords or cookies: an address gets what a stranger would get.
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.mount("http://", _Adapter(is_https_proto=False))
    made.mount("https://", _Adapter(is_https_proto=True))
    return made


class _Shared:
    """The session of this process, made when it is first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: requests.Session | None = None


def session() -> requests.Session:
    """The shared session; its connections are kept alive and used again by all threads."""
    with _shared.lock:
        if _shared.session is None:
            _shared.session = _new_session()
        return _shared.session


def headers(accept: str) -> dict[str, str]:
    """What we say with every request. Images are compressed already: their servers need not try again."""
    encoding = "identity" if accept.startswith("image/") else "gzip"
    return {"User-Agent": _user_agent(), "Accept": accept, "Accept-Encoding": encoding}


def _start_afresh() -> None:
    """A forked child must not share its parent's connections."""
    global _shared
    _shared = _Shared()


_shared = _Shared()
os.register_at_fork(after_in_child=_start_afresh)
