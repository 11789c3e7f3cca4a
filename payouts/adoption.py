"""What the signer's journal tells and the database has lost: it becomes an attempt again. Used by `recovery`.

Reached through PayoutManager alone.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from lucid_payments import clock
from payouts import ledger, refusals, timeline
from payouts.execution import next_numbers
from payouts.headroom import claim_of
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.payout import Payout, PayoutStatus
from payouts.tron import addresses, encoding
from routers import limits


@transaction.atomic
def adopt_signature(attempt: Attempt, signed_transaction: bytes) -> bool:
    """The journal says that this prepared attempt was signed: so it is. False when it was withdrawn meanwhile."""
    now = clock.now()
    return bool(
        Attempt.objects.filter(pk=attempt.pk, state=AttemptState.PREPARED).update(
            state=AttemptState.SIGNED, signed_transaction=signed_transaction, signed_at=now, next_send_at=now
        )
    )


@transaction.atomic
def adopt_transaction(
    payout: Payout, *, raw_data: bytes, signed_transaction: bytes, expiration_ms: int
) -> bool:
    """The journal names a transaction for this scheduled payout that the database lost: it is its attempt again.

    Its money is reserved anew, and it counts in the windows of now: those it was released in may be as lost as it
    was. Where they are full it counts in none, for it is signed and can't wait. False, and nothing changes, when
    the payout has moved on, or another attempt was given the same expiration after a restore on a chain that stood.
    """
    locked = timeline.locked([payout.pk]).select_related("creator").get()
    if (
        locked.status != PayoutStatus.SCHEDULED
        or Attempt.objects.filter(expiration_ms=expiration_ms).exists()
    ):
        return False
    decoded = encoding.decode_raw_data(raw_data)
    now = clock.now()
    attempt = Attempt.objects.create(
        payout=locked,
        number=next_numbers([locked.pk])[locked.pk],
        state=AttemptState.SENT,
        txid=encoding.txid(raw_data),
        raw_data=raw_data,
        signed_transaction=signed_transaction,
        signed_at=now,
        first_sent_at=now,
        next_send_at=now,
        owner_address=addresses.encode(decoded.contract.owner_address),
        contract_address=refusals.usdt_contract(),
        recipient_address=locked.recipient_address,
        amount=locked.amount,
        fee_limit=decoded.fee_limit,
        expiration_ms=expiration_ms,
        reference_block=0,
        predicted_energy=0,
        predicted_fee=0,
        blacklist_clear_at=now,
        blacklist_clear_block=0,
        reservation=ledger.reserve([locked])[0],
        windows=_windows(locked, now),
    )
    step = timeline.Step(
        payout=locked, to=PayoutStatus.SENT, attempt=attempt, detail="found again in the signer's journal"
    )
    timeline.move([step], at=now)
    return True


def _windows(payout: Payout, now: datetime) -> list[int]:
    claim = claim_of(payout)
    room = limits.locked_room(now, [claim])
    if room.refusal(claim) is not None:
        return []
    taken = room.take(claim)
    limits.reserve(room)
    return taken
