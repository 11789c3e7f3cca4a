"""A payout as its readers see it: every field always there, null when unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from lucid_payments.money import to_decimal
from payouts.api import estimates, forecast
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.api.shown import Shown
from payouts.models import Attempt, Payout
from payouts.models.attempt import AttemptState
from payouts.models.payout import PayoutStatus, Priority, public_hold

# When payouts that wait may go, by primary key (`forecast.starts`).
Starts = Mapping[int, datetime | None]


def head_number() -> int:
    """The chain's latest block as the watcher last saw it; 0 before the first look."""
    return now_and_head()[1]


def now_and_head() -> tuple[datetime, int]:
    """The time (UTC) and the chain's latest block, both of one moment: what every answer counts from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lucid_now(), (SELECT head_number FROM payouts_chainstate WHERE id = 1)")
        now, head = cursor.fetchone()
    return now.astimezone(UTC), head or 0


def represent(shown: Shown, *, head: int, at: datetime, starts: Starts | None = None) -> dict[str, Any]:
    """The contract's fields. `head` is the latest block, `at` the time (UTC) that estimates count from.

    `starts` as `forecast.starts` says of all payouts of an answer together; without it, it is asked for this one.
    """
    payout, attempt = shown.payout, shown.attempt
    known = forecast.starts([payout], at) if starts is None else starts
    return {
        "payout_id": payout.payout_id,
        "status": payout.public_status,
        "recipient_address": payout.recipient_address,
        "amount_usdt": to_decimal(payout.amount),
        "reason": payout.reason,
        "router_type": payout.router_type,
        "priority": Priority(payout.priority).label,
        "batch_type": payout.batch_type,
        "session_id": payout.session_id,
        "node_id": payout.node_id,
        "batch_id": payout.batch.batch_id if payout.batch else None,
        "reference_id": payout.reference_id,
        "retry_of": payout.retry_of.payout_id if payout.retry_of else None,
        "custom_data": payout.custom_data,
        "txid": attempt.txid if attempt else None,
        "confirmations": confirmations(attempt, head),
        "block_number": attempt.block_number if attempt else None,
        "block_timestamp": attempt.block_timestamp if attempt else None,
        "fee_trx": to_decimal(attempt.fee) if attempt and attempt.fee is not None else None,
        "hold_reason": public_hold(payout.hold_reason),
        "failure": _failure(payout),
        "estimated_completion": estimates.completion(payout, attempt, at, known, head),
        "created_at": payout.created_at,
        "confirmed_at": payout.ended_at if payout.status == PayoutStatus.CONFIRMED else None,
        "request_id": payout.request_id or None,
    }


def confirmations(attempt: Attempt | None, head: int) -> int:
    """Blocks that stand on the transaction: up to 18 while the head may still change, 19 once it is solid."""
    if attempt is None or attempt.block_number is None:
        return 0
    if attempt.state in (AttemptState.SUCCEEDED, AttemptState.REVERTED):
        return REQUIRED_CONFIRMATIONS
    return max(1, min(REQUIRED_CONFIRMATIONS - 1, head - attempt.block_number + 1))


def _failure(payout: Payout) -> dict[str, Any] | None:
    if not payout.failure_code and not payout.failure_message:
        return None
    return {"code": payout.failure_code, "message": payout.failure_message}
