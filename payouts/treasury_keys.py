"""Which addresses are the treasury's: the one that pays, by the settings and the last rotation, and those before it.

A process knows one address by TREASURY_ADDRESS and, around a rotation, another by TREASURY_OTHER_ADDRESS. Which of the
two pays stands in the database, so that all processes change over in one commit; whoever owns the database can choose
among these two and no third.
"""

from __future__ import annotations

from django.conf import settings

from payouts.models.rotation import TreasuryRotation


def configured() -> frozenset[str]:
    """The addresses that this process was told of."""
    return frozenset({settings.TREASURY_ADDRESS, settings.TREASURY_OTHER_ADDRESS} - {""})


def current() -> str:
    """The address that pays. One that this process wasn't told of is answered too: `problem` says so."""
    last = TreasuryRotation.objects.order_by("pk").last()
    return last.new_address if last is not None else settings.TREASURY_ADDRESS


def held() -> list[str]:
    """Every address whose money is the treasury's: the paying one first, then those before it.

    Those that were left stay in it for ever: whatever comes to them is ours, and told of.
    """
    rows = list(TreasuryRotation.objects.order_by("-pk"))
    if not rows:
        return [settings.TREASURY_ADDRESS]
    return [rows[0].new_address, *(row.old_address for row in rows)]


def problem() -> str:
    """Why this process can't go on with the address that pays; empty when it can."""
    if current() in configured():
        return ""
    return (
        f"The treasury pays from {current()} since its rotation, and this process was told of another: "
        "set TREASURY_ADDRESS to it and start anew."
    )
