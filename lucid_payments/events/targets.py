"""Where a webhook may go: public addresses by https, and onion services; nothing of this machine or its network."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
    SOCKSProxyManager,
)

from lucid_payments import outgoing

MAX_LENGTH: Final = 500
CONNECT_SECONDS: Final = 10.0
# RFC 4291 and RFC 6052.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# For all of a request: each read alone may be in time while a receiver drips its answer for hours.
REQUEST_SECONDS: Final = 20.0


class TargetRefused(Exception):
    """The address isn't one that we call; the text says what would be."""


def check(url: str) -> None:
    """Raises TargetRefused for a URL that no webhook may have, as far as its text tells."""
    if len(url) > MAX_LENGTH or not url.isascii() or any(ord(character) <= 32 for character in url):
        raise TargetRefused(f"Give a URL of at most {MAX_LENGTH} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise TargetRefused("This isn't a URL.") from None
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise TargetRefused("Give a URL with a host, and without user name, password and fragment.")
    onion = host.endswith(".onion")
    if onion and not settings.TOR_PROXY:
        raise TargetRefused("Onion addresses are reached through Tor, which isn't configured here.")
    if settings.WEBHOOK_PRIVATE_TARGETS and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" and not (onion and parts.scheme == "http"):
        raise TargetRefused("Give an https:// URL, or http:// of an onion service.")
    literal = _address(host)
    if literal is not None and not _is_public(literal):
        raise TargetRefused("Private, loopback and link-local addresses aren't called.")
    if literal is None and "." not in host:
        raise TargetRefused("Give a full host name.")


class TimeLimit:
    """Cuts off the connections that were made under it, whatever they are doing, once the time is over."""

    def __init__(self) -> None:
        self._ends_at = time.monotonic() + REQUEST_SECONDS
        self._watched: list[socket.socket] = []
        self._over = threading.Event()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def left(self) -> float:
        """Seconds, above zero. Raises TimeoutError."""
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            self._over.set()
            raise TimeoutError
        return seconds

    def watch(self, connection: socket.socket) -> None:
        # TLS takes the socket over; what is done to its twin is done to the connection.
        self._watched.append(connection.dup())
        if self.is_over:
            self.cut()

    def cut(self) -> None:
        self._over.set()
        for twin in list(self._watched):
            # It may have ended by itself.
            with suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for twin in self._watched:
            twin.close()


_limit: ContextVar[TimeLimit] = ContextVar("_limit")


@contextmanager
def time_limit() -> Iterator[TimeLimit]:
    """Requests of this thread end within REQUEST_SECONDS, resolving the name apart, which the resolver limits."""
    limit = TimeLimit()
    timer = threading.Timer(limit.left(), limit.cut)
    timer.daemon = True
    token = _limit.set(limit)
    timer.start()
    try:
        yield limit
    finally:
        timer.cancel()
        timer.join()
        _limit.reset(token)
        limit.close()


def pool(purpose: str = "webhooks") -> urllib3.PoolManager:
    """What makes the requests: through Tor, which resolves names, where it is configured; else to checked addresses.

    Through Tor no address can be checked when connecting, and needn't be: Tor and its exits refuse private ones.
    Raises NoWayOut.
    """
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=CONNECT_SECONDS)
    if proxy := outgoing.proxy(purpose):
        manager: urllib3.PoolManager = SOCKSProxyManager(proxy, timeout=timeout)
        manager.pool_classes_by_scheme = {"http": _TorPool, "https": _SecureTorPool}
        return manager
    manager = urllib3.PoolManager(timeout=timeout)
    manager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedSecurePool}
    return manager


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # 127.1, 0x7f000001 and 2130706433 are all addresses to a resolver.
        return ipaddress.ip_address(socket.inet_aton(host))
    except OSError:
        return None


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Of IPv6 the one block that is given out, and of what stands for an IPv4 address NAT64's public ones alone."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _GLOBAL_UNICAST or address.sixtofour is not None:
            return False
    return address.is_global and not address.is_multicast


def _connect(host: str, port: int) -> socket.socket:
    """A connection to an address that was checked itself: a name that resolves anew after a check can't get past it."""
    error: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not settings.WEBHOOK_PRIVATE_TARGETS and not _is_public(ipaddress.ip_address(address[0])):
            raise TargetRefused("The name resolves to a private, loopback or link-local address.")
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(CONNECT_SECONDS, _limit.get().left()))
            connection.connect(address)
        except OSError as failed:
            connection.close()
            error = failed
        else:
            connection.settimeout(CONNECT_SECONDS)
            return connection
    raise error


class _Watched:
    """A connection that the time limit of its thread cuts off."""

    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]  # of urllib3's connection
        _limit.get().watch(connection)
        return connection


class _Checked:
    _dns_host: str
    port: int

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _CheckedConnection(_Watched, _Checked, HTTPConnection):
    pass


class _CheckedSecureConnection(_Watched, _Checked, HTTPSConnection):
    pass


class _TorConnection(_Watched, SOCKSConnection):
    pass


class _SecureTorConnection(_Watched, SOCKSHTTPSConnection):
    pass


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls: Any = _CheckedConnection


class _CheckedSecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _CheckedSecureConnection


class _TorPool(SOCKSHTTPConnectionPool):
    ConnectionCls: Any = _TorConnection


class _SecureTorPool(SOCKSHTTPSConnectionPool):
    ConnectionCls: Any = _SecureTorConnection
