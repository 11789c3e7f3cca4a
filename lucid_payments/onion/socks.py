"""Asking tor itself, over its SOCKS port: whether it answers, and whether it reaches an onion service."""

from __future__ import annotations

import socket
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

_NO_AUTHENTICATION: Final = b"\x05\x01\x00"
_BY_NAME: Final = b"\x05\x01\x00\x03"
SHORTEST_REPLY: Final = 10


class Reach(StrEnum):
    """What tor said of an onion service; the last ones by `ExtendedErrors` (tor's proposal 304)."""

    REACHED = "reached"
    KEY_MISSING = "key missing"
    KEY_WRONG = "key wrong or revoked"
    NOT_FOUND = "no such service is published"
    NOT_REACHED = "not reached"


_REPLIES: Final = {
    0x00: Reach.REACHED,
    0xF0: Reach.NOT_FOUND,
    0xF4: Reach.KEY_MISSING,
    0xF5: Reach.KEY_WRONG,
}


def answers(proxy: str, seconds: float = 1.0) -> bool:
    """Whether a SOCKS server, and not just an open port, is at `proxy`: `socks5h://host:port`, or `unix:/path`."""
    try:
        with _greeted(proxy, seconds):
            return True
    except OSError:
        return False


def reach(proxy: str, host: str, port: int = 80, seconds: float = 60.0) -> Reach:
    """Try to connect to `host` through `proxy`. Nothing is sent; no name is looked up here."""
    try:
        with _greeted(proxy, seconds) as tor:
            name = host.encode("ascii")
            tor.sendall(_BY_NAME + bytes([len(name)]) + name + port.to_bytes(2, "big"))
            reply = _exactly(tor, SHORTEST_REPLY)
    except OSError:
        return Reach.NOT_REACHED
    return _REPLIES.get(reply[1], Reach.NOT_REACHED)


def _greeted(proxy: str, seconds: float) -> socket.socket:
    """A connection whose greeting was answered. Raises OSError."""
    connected = _connected(proxy, seconds)
    try:
        connected.sendall(_NO_AUTHENTICATION)
        if _exactly(connected, 2) != b"\x05\x00":
            raise OSError("this is no SOCKS server")
    except BaseException:
        connected.close()
        raise
    return connected


def _connected(proxy: str, seconds: float) -> socket.socket:
    where = urlsplit(proxy)
    if where.scheme != "unix":
        return socket.create_connection((where.hostname or "", where.port or 9050), timeout=seconds)
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(seconds)
        connected.connect(where.path)
    except BaseException:
        connected.close()
        raise
    return connected


def _exactly(connected: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connected.recv(size - len(found))
        if not part:
            raise ConnectionResetError("the proxy hung up")
        found += part
    return found
