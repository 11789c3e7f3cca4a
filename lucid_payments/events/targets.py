"""Where a webhook may go: public addresses by https, and onion services; nothing of this machine or its network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.contrib.socks import SOCKSProxyManager

MAX_LENGTH: Final = 500
CONNECT_SECONDS: Final = 10.0


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
    if literal is not None and not literal.is_global:
        raise TargetRefused("Private, loopback and link-local addresses aren't called.")
    if literal is None and "." not in host:
        raise TargetRefused("Give a full host name.")


def pool() -> urllib3.PoolManager:
    """What makes the requests: through Tor, which resolves names, where it is configured; else to checked addresses."""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=CONNECT_SECONDS)
    if settings.TOR_PROXY:
        return SOCKSProxyManager(settings.TOR_PROXY, timeout=timeout)
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


def _connect(host: str, port: int) -> socket.socket:
    """A connection to an address that was checked itself: a name that resolves anew after a check can't get past it."""
    error: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not settings.WEBHOOK_PRIVATE_TARGETS and not ipaddress.ip_address(address[0]).is_global:
            raise TargetRefused("The name resolves to a private, loopback or link-local address.")
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect(address)
        except OSError as failed:
            connection.close()
            error = failed
        else:
            return connection
    raise error


class _CheckedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _CheckedSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _CheckedPool(HTTPConnectionPool):
    ConnectionCls: Any = _CheckedConnection


class _CheckedSecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _CheckedSecureConnection
