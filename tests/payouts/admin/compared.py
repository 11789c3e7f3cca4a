"""Runs and cases as reconciliation leaves them, for the pages that show them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lucid_payments import clock
from payouts import ledger
from payouts.models import Attempt, ReconciliationCase, ReconciliationRun
from payouts.models.ledger import Currency
from tests.payouts.admin import world

USDT = 1_000_000
STOLEN = "5e" * 32
NOWHERE = "0d" * 32


def run(state: str = "clean", **changes: Any) -> ReconciliationRun:
    """A run that compared all that was new."""
    now = clock.now()
    fields: dict[str, Any] = {
        "trigger": "hourly", "actor_label": "schedule", "started_at": now - timedelta(seconds=4),
        "from_block": 69_998_881,
        "to_block": 70_000_082, "to_block_id": "cd" * 32, "rows_from": 0, "rows_to": 10**9, "rows_checked_to": 10**9,
        "blocks_checked_to": 70_000_082, "chain_usdt": 24_993 * USDT, "books_usdt": 24_993 * USDT,
        "chain_trx": 1_200 * USDT, "books_trx": 1_200 * USDT, "transactions_checked": 117, "node_calls": 164,
        "blocks_read": 77, "zero_value_logs": 3, **changes,
    }  # fmt: skip
    if state in ("clean", "differences", "inconclusive"):
        fields.setdefault("ended_at", now)
    return ReconciliationRun.objects.create(state=state, **fields)


def stolen(of: ReconciliationRun, **changes: Any) -> ReconciliationCase:
    """Seven USDT went to a stranger, and 13.5 TRX burned."""
    fields: dict[str, Any] = {
        "kind": "unknown_outgoing", "txid": STOLEN, "block_number": 70_000_011, "block_id": "ab" * 32,
        "block_time": clock.now(), "chain_usdt": 7 * USDT, "chain_trx": 13_500_000, "currency": "USDT",
        "difference": -7 * USDT,
        "chain": {
            "result": "SUCCESS", "fee": 13_500_000, "trx_out": 0, "trx_staked": 0, "trx_recipient": "",
            "made_by_treasury": True,
            "transfers": [
                {"log_index": 0, "from": world.RECIPIENT, "to": world.OTHER_RECIPIENT, "amount": 7 * USDT}
            ],
        }, **changes,
    }  # fmt: skip
    return ReconciliationCase.objects.create(run=of, **fields)


def fee_differs(of: ReconciliationRun, attempt: Attempt) -> ReconciliationCase:
    """The books have a hundred sun more than were burned."""
    return ReconciliationCase.objects.create(
        run=of, kind="fee_differs", txid=attempt.txid, block_number=attempt.block_number, block_id="ab" * 32,
        block_time=clock.now(), chain_usdt=attempt.amount, chain_trx=(attempt.fee or 0) - 100, currency="TRX",
        difference=100,
        chain={
            "result": "SUCCESS", "fee": (attempt.fee or 0) - 100, "trx_out": 0, "trx_staked": 0,
            "trx_recipient": "", "made_by_treasury": True,
            "transfers": [
                {"log_index": 0, "from": world.RECIPIENT, "to": attempt.recipient_address, "amount": attempt.amount}
            ],
        },
        books={"payout_id": attempt.payout.payout_id, "attempt": attempt.number, "usdt": attempt.amount,
               "trx": attempt.fee, "rows": [1, 2]},
    )  # fmt: skip


def missing(of: ReconciliationRun) -> ReconciliationCase:
    """Three USDT are booked as gone by a transaction that no node knows."""
    ledger.correct(-3 * USDT, currency=Currency.USDT, txid=NOWHERE, note="=1+1")
    return ReconciliationCase.objects.create(
        run=of, kind="missing_on_chain", txid=NOWHERE, currency="USDT", difference=3 * USDT,
        books={"usdt": 3 * USDT, "trx": 0, "recipient": world.RECIPIENT},
    )  # fmt: skip


def balance(of: ReconciliationRun) -> ReconciliationCase:
    """Two USDT are gone, and no block says how."""
    return ReconciliationCase.objects.create(
        run=of, kind="balance_differs", block_number=70_000_082, block_id="cd" * 32, currency="USDT",
        difference=-2 * USDT, chain={"balance": 24_991 * USDT}, books={"balance": 24_993 * USDT},
    )  # fmt: skip
