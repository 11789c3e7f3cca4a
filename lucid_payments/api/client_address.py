"""Who is calling, where no token says so."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final

from django.conf import settings
from django.http import HttpRequest

GATEWAY_TOKEN_HEADER: Final = "X-Lucid-Gateway-Token"  # noqa: S105
CLIENT_HEADER: Final = "X-Lucid-Client"
# Behind a Unix socket there is no peer address; all who come without the gateway share one.
LOCAL: Final = "local"
# Tor names a circuit by an address under this (HiddenServiceExportCircuitID); any other address is a peer's.
CIRCUITS: Final = ipaddress.IPv6Network("fc00:dead:beef:4dad::/64")


def client_of(request: HttpRequest) -> str:
    """The peer or Tor circuit as the gateway names it, believed with its token alone; else the peer."""
    named = _named(request)
    return f"gateway:{named}" if named else request.META.get("REMOTE_ADDR") or LOCAL


def circuit_of(request: HttpRequest) -> str:
    """The Tor circuit as the gateway names it; empty without the gateway's token, and for who came to its TCP door.

    A peer's address there, this machine's own above all, stands for many callers.
    """
    named = _named(request)
    try:
        address = ipaddress.ip_address(named)
    except ValueError:
        return named
    return named if address in CIRCUITS else ""


def _named(request: HttpRequest) -> str:
    return request.headers.get(CLIENT_HEADER, "").strip()[:64] if is_from_gateway(request) else ""


def is_from_gateway(request: HttpRequest) -> bool:
    """Whether it shows the gateway's token, or the one before it: the gateway takes a new one up after us."""
    given = request.headers.get(GATEWAY_TOKEN_HEADER, "").encode()
    expected = [one for one in (settings.GATEWAY_TOKEN, *settings.GATEWAY_TOKENS_BEFORE) if one]
    return any(hmac.compare_digest(given, one.encode()) for one in expected)
