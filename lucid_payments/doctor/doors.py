"""The ways in and out: Tor, the onion services and their fences, the gateway and the web behind it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from lucid_payments.gateway import configuration, folder, issuers
from lucid_payments.onion import services, socks
from lucid_payments.onion.services import OnionRefused

SUBJECT = "Doors"
GATEWAY: Final = Path("/etc/lucid/gateway")
# Tor says so which circuit comes; from this one nobody does.
PROXY_LINE: Final = b"PROXY TCP6 fc00:dead:beef:4dad::1 ::1 1 80\r\n"
LIVE: Final = "/api/payment/health/live"
SECONDS: Final = 5


@check(SUBJECT, running=True)
def tor() -> Iterator[Finding]:
    """The signer has no network, and doesn't ask."""
    if not settings.TOR_PROXY or settings.SIGNER_JOURNAL_FILE:
        return
    if socks.answers(settings.TOR_PROXY, seconds=3):
        yield right(f"Tor answers at {settings.TOR_PROXY}.")
    else:
        yield wrong(
            f"Tor doesn't answer at {settings.TOR_PROXY}: no node can be asked, and nothing is paid.",
            "systemctl status lucid-tor lucid-socks; journalctl -u lucid-tor.",
        )


@check(SUBJECT, running=True)
def onions() -> Iterator[Finding]:
    try:
        found = [(one, one.address(), one.is_exposed()) for one in services.every()]
    except OnionRefused:
        return
    for one, address, exposed in found:
        if exposed:
            yield wrong(
                f"The onion service {one.name} is open to everybody.",
                f"`manage.py onion fence {one.name}` at once, then restart tor.",
            )
        elif not address:
            yield look(
                f"The onion service {one.name} has no address yet.", "Start tor: systemctl start lucid-tor."
            )
        elif one.name in (services.API, services.ADMIN) and address not in settings.ALLOWED_HOSTS:
            yield wrong(
                f"ALLOWED_HOSTS doesn't name {address}: the {one.name} service answers 400 to everybody.",
                "Add it in /etc/lucid/common.env, then restart the web.",
            )
        else:
            fenced = f", fenced, for {len(one.clients()) - 1} clients" if one.is_fenced else ""
            yield right(f"{one.name}: {address}{fenced}.")


@check(SUBJECT)
def gateway_folder() -> Iterator[Finding]:
    """Whether HAProxy has today's settings and token keys; who may not read its folder doesn't ask."""
    if not os.access(GATEWAY, os.R_OK) or not os.access(settings.JWT_KEYS_DIR, os.R_OK):
        return
    try:
        believed, problems = issuers.believed()
        behind = folder.differences(folder.wanted(configuration.configured(), believed, GATEWAY), GATEWAY)
    except ImproperlyConfigured as error:
        yield wrong(str(error), "Then `manage.py gateway write`.")
        return
    for problem in problems:
        yield look(problem, "docs/issuers.md shows a whole entry.")
    if behind:
        yield wrong(
            f"{GATEWAY} is behind in {', '.join(behind)}: the gateway may refuse good tokens.",
            "`lucid root gateway write --group haproxy`, then systemctl reload lucid-gateway.",
        )
    else:
        yield right(
            f"The gateway knows the settings and {sum(len(one.keys) for one in believed)} token keys."
        )


@check(SUBJECT, running=True)
def gateway() -> Iterator[Finding]:
    """Asked as Tor asks it; what answers is the web behind it."""
    if not os.access(settings.GATEWAY_API_SOCKET, os.W_OK):
        # Who sees the folder, and no socket in it, sees that nobody listens.
        if os.access(Path(settings.GATEWAY_API_SOCKET).parent, os.R_OK):
            yield wrong(
                "The gateway doesn't listen.", "systemctl status lucid-gateway; journalctl -u lucid-gateway."
            )
        return
    try:
        status = _ask(settings.GATEWAY_API_SOCKET, PROXY_LINE)
    except OSError as error:
        yield wrong(f"The gateway doesn't answer: {error}.", "systemctl status lucid-gateway.")
        return
    if status == 200:
        yield right("The gateway answers, and the web behind it.")
    else:
        yield wrong(
            f"The gateway answers {status}: it doesn't reach the web.",
            "systemctl status lucid-web; journalctl -u lucid-web.",
        )


def _ask(at: str, before: bytes = b"") -> int:
    """The status with which a socket answers whether the service lives. Raises OSError."""
    host = next((one for one in settings.ALLOWED_HOSTS if one != "*"), "localhost").removeprefix(".")
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(SECONDS)
        link.connect(at)
        link.sendall(before + f"GET {LIVE} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        line = link.recv(64).split()
    if len(line) < 2 or not line[1].isdigit():
        raise OSError("it closed without an answer")
    return int(line[1])
