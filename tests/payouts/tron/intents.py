"""A transfer like any payout's, for tests to vary."""

from __future__ import annotations

from typing import Any

from payouts.tron.answers import BlockHeader
from payouts.tron.networks import NETWORKS
from payouts.tron.transfer import TransferIntent, build_transfer
from tests.payouts.tron.scripted_node import block_id
from tests.payouts.tron.vectors import KEYS

CONTRACT = NETWORKS["devnet"].usdt_contract
PAYER = KEYS["payer"]["base58"]
ALICE = KEYS["alice"]["base58"]
BOB = KEYS["bob"]["base58"]
NOW_MS = 1_777_447_200_000
REFERENCE = BlockHeader(1000, block_id(1000), block_id(999), NOW_MS - 57_000)


def intent(*, timestamp_ms: int = NOW_MS, **changes: Any) -> TransferIntent:
    """An intent whose bytes do what it says; `raw_data` given in `changes` stays as it is."""
    fields: dict[str, Any] = {
        "payout_id": "payout-1",
        "attempt_id": "attempt-1",
        "owner": PAYER,
        "recipient": ALICE,
        "amount": 5_500_000,
        "contract": CONTRACT,
        "fee_limit_sun": 16_000_000,
        "expiration_ms": NOW_MS + 180_000,
        "permission_id": 0,
    } | changes
    if "raw_data" not in fields:
        built = {name: fields[name] for name in _BUILT}
        fields["raw_data"] = build_transfer(reference=REFERENCE, timestamp_ms=timestamp_ms, **built)
    return TransferIntent(**fields)


_BUILT = ("owner", "recipient", "amount", "contract", "fee_limit_sun", "expiration_ms", "permission_id")
