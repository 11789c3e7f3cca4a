"""When a payout will probably be confirmed: a promise to nobody, but a client's best polling hint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from payouts.models import Attempt, Payout
from payouts.models.payout import ENDED, HoldReason, PayoutStatus

# Accepted to broadcast, and 19 blocks of 3 seconds.
TO_BROADCAST: Final = timedelta(seconds=60)
TO_CONFIRM: Final = timedelta(seconds=57)

# These end by themselves; every other hold waits for a person, or for something nobody can date.
_PASSING: Final = frozenset({HoldReason.SLOT, HoldReason.IN_FLIGHT, HoldReason.RETRY})


def completion(
    payout: Payout, attempt: Attempt | None, at: datetime, starts: Mapping[int, datetime | None]
) -> datetime | None:
    """The estimate (UTC) as of `at`; None while a person is awaited, and once the payout has ended.

    `starts`: when those that a limit holds may go (`forecast.starts`).
    """
    if payout.status in ENDED or payout.status in (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.MANUAL):
        return None
    if attempt is not None and attempt.block_timestamp is not None:
        return max(attempt.block_timestamp + TO_CONFIRM, at)
    if payout.status in (PayoutStatus.RELEASED, PayoutStatus.SENT):
        return at + TO_CONFIRM
    start = starts[payout.pk] if payout.pk in starts else _start(payout, at)
    return None if start is None else start + TO_BROADCAST + TO_CONFIRM


def _start(payout: Payout, at: datetime) -> datetime | None:
    if payout.hold_reason is None or payout.hold_reason in _PASSING:
        return max(payout.due_at, at)
    return None
