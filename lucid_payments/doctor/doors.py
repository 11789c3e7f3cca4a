"""The ways in and out: Tor, the onion services and their fences."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from lucid_payments.onion import services, socks
from lucid_payments.onion.services import OnionRefused

SUBJECT = "Doors"


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
