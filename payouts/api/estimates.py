"""When a payout will probably be confirmed: a promise to nobody, but a client's best polling hint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from payouts.models import Attempt, Payout
from payouts.models.payout import ENDED, PayoutStatus

BLOCK: Final = timedelta(seconds=3)
# docs/bench.md: released, signed and sent within a second or two of each other's sweeps, then the next block.
TO_BLOCK: Final = 2 * BLOCK
REQUIRED_CONFIRMATIONS: Final = 19


def completion(
    payout: Payout, attempt: Attempt | None, at: datetime, starts: Mapping[int, datetime | None], head: int
) -> datetime | None:
    """The estimate (UTC) as of `at`; None while a person is awaited, and once the payout has ended.

    `starts`: when those that wait may go (`forecast.starts`); `head`: the number of the chain's latest block.
    """
    if payout.status in ENDED or payout.status in (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.MANUAL):
        return None
    if attempt is not None and attempt.block_number is not None:
        # By blocks and not by time: a slot that stayed empty brings nothing nearer.
        return at + BLOCK * max(1, REQUIRED_CONFIRMATIONS - (head - attempt.block_number))
    if payout.status in (PayoutStatus.RELEASED, PayoutStatus.SENT):
        sent_at = attempt.first_sent_at if attempt is not None else None
        included_at = at + TO_BLOCK if sent_at is None else max(sent_at, at) + BLOCK
    else:
        start = starts.get(payout.pk)
        if start is None:
            return None
        included_at = start + TO_BLOCK
    return included_at + BLOCK * REQUIRED_CONFIRMATIONS
