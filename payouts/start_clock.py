"""A machine without a battery for its clock wakes up in the past: worker and signer don't start before it is right.

What runs is watched by the gates (two readings more than 60 seconds off the chain's head stop everything). This is for
the minutes before the first reading: whoever has seen a block of ten o'clock isn't to believe that it is nine.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection

from lucid_payments import clock
from payouts.models.chain import ChainState

log = logging.getLogger(__name__)

# As far as the gates let a clock be off.
TOLERATED: Final = timedelta(seconds=60)


def problem() -> str:
    """One sentence where the clock is behind the newest block that was ever read; else, or without a database, none."""
    try:
        state = ChainState.objects.filter(pk=1).first()
        now = clock.now()
    except DatabaseError:
        return ""
    if state is None or not state.head_time_ms:
        return ""
    seen = clock.from_ms(state.head_time_ms)
    if now >= seen - TOLERATED:
        return ""
    return (
        f"This machine's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but a block of {seen:%Y-%m-%d %H:%M:%S} has been "
        "read: set the clock (docs/containers.md), then start again."
    )


def refuse_the_past(**kwargs: object) -> None:
    """Celery's `worker_init`: ends the process where the clock is behind. The demo's clock is its test chain's."""
    if not settings.IS_LIVE:
        return
    found = problem()
    # The processes that Celery forks open their own.
    connection.close()
    if found:
        log.critical(found)
        raise SystemExit(found)
