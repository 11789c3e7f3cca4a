"""Attempts as the worker would have left them, for what is only read here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from payouts.models import Attempt, LedgerAccount, LedgerTransfer, Payout

BLOCK_TIME = datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC)
UNSIGNED = ("prepared", "withdrawn")


def attempt_of(payout: Payout, state: str, **changes: Any) -> Attempt:
    """An attempt in `state`; a signed one has its bytes, and its txid is its number repeated."""
    number = payout.attempts.count() + 1
    debit, credit = LedgerAccount.objects.filter(currency="USDT").order_by("pk")[:2]
    reservation = LedgerTransfer.objects.create(
        kind="pending", debit=debit, credit=credit, amount=payout.amount, payout=payout
    )
    fields: dict[str, Any] = {
        "txid": f"{payout.pk:062x}{number:02x}",
        "raw_data": b"\n",
        "owner_address": payout.recipient_address,
        "contract_address": payout.recipient_address,
        "recipient_address": payout.recipient_address,
        "amount": payout.amount,
        "fee_limit": 30_000_000,
        "expiration_ms": 1_000_000 + payout.pk * 10 + number,
        "reference_block": 1,
        "predicted_energy": 1,
        "predicted_fee": 1,
        "blacklist_clear_at": BLOCK_TIME,
        "blacklist_clear_block": 1,
        "reservation": reservation,
        "windows": [],
        "signed_transaction": None if state in UNSIGNED else b"signed",
    }
    return Attempt.objects.create(payout=payout, number=number, state=state, **{**fields, **changes})
