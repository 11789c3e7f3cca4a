"""In demo and test, our clock follows the devnet's: stepping the chain by a month steps the limits, too."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings

from lucid_payments import clock, outgoing
from payouts.devnet.client import DevnetControl

log = logging.getLogger(__name__)
# Differences below this are the time the question took.
TOLERANCE = timedelta(seconds=1)


def follow() -> None:
    """Set lucid_now() to the devnet's clock. A devnet that is away changes nothing."""
    try:
        devnet = DevnetControl(settings.TRON_NODES[0]["url"], proxy=outgoing.proxy("devnet-clock"))
        told = devnet.state()["clock"]
    except OSError as error:
        log.warning("the devnet's clock can't be read", extra={"error": type(error).__name__})
        return
    at = clock.from_ms(told["now_ms"])
    if told["mode"] == "manual":
        if clock.now() != at:
            clock.freeze(at)
    elif abs(at - clock.now()) > TOLERANCE:
        clock.shift(timedelta(milliseconds=told["offset_ms"]))
