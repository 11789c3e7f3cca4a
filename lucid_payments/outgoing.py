"""The one way out: Tor's SOCKS port, which looks names up itself, or no way at all.

Nodes, webhooks, lists and mail all ask here. In demo and test, where TOR_PROXY may be empty, they call directly.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from lucid_payments.onion import socks

# Names of ours, of nodes and of lists, as a SOCKS user name that needs no quoting in a URL.
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9.-]")


class NoWayOut(Exception):
    """Nothing may be called, because it couldn't go through Tor; the text says what is wrong."""


def proxy(purpose: str, at: str = "") -> str:
    """The proxy's URL for calls of one purpose, such as `webhooks`; empty where calls go directly (demo and test).

    The purpose is the SOCKS user name, and so what has another purpose goes by another circuit. `at` is used in place
    of TOR_PROXY where it is given. Raises NoWayOut.
    """
    found = at or settings.TOR_PROXY
    if not found and not settings.IS_LIVE:
        return ""
    wrong = wrong_with(found)
    if wrong:
        raise NoWayOut(wrong)
    where = urlsplit(found).netloc
    # Tor takes any password; without one the user name wouldn't be sent.
    return f"socks5h://{_NOT_IN_A_NAME.sub('-', purpose)}:lucid@{where}"


def is_open() -> bool:
    """Whether Tor answers, where calls go through it; of each address beyond it nothing is said."""
    return not settings.TOR_PROXY or socks.answers(settings.TOR_PROXY)


def wrong_with(url: str) -> str:
    """Why this proxy won't do, as a sentence; empty where it does."""
    parts = urlsplit(url)
    if not url:
        return "Outgoing calls don't go through Tor."
    if parts.scheme != "socks5h":
        return "The proxy isn't socks5h://: any other kind looks names up outside Tor, or isn't Tor."
    if parts.username is not None or parts.password is not None:
        return "The proxy has a user name: each purpose has one of its own, for a circuit of its own."
    try:
        address, port = ipaddress.ip_address(parts.hostname or ""), parts.port
    except ValueError:
        return "The proxy isn't given by address and port: looking its name up would be a DNS query."
    if port is None:
        return "The proxy has no port."
    if address.is_global:
        return "The proxy is on the internet: the way to it would be open to all."
    return ""
