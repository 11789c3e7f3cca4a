"""Unsigned transactions as a node builds them: solid reference block, a minute to live from head time."""

from __future__ import annotations

from typing import Final

from payouts.devnet.node import View
from payouts.devnet.transactions import SignedTransaction
from payouts.tron import encoding
from payouts.tron.encoding import RawData, TriggerSmartContract
from payouts.tron.encoding.messages import AnyContract

LIFE_MS: Final = 60_000


def build(
    view: View, contract: AnyContract, *, fee_limit: int = 0, permission_id: int = 0, memo: bytes = b""
) -> SignedTransaction:
    solid = view.node.solid
    ref_block_bytes, ref_block_hash = encoding.ref_block(solid.number, solid.id.hex())
    raw = RawData(
        ref_block_bytes=ref_block_bytes,
        ref_block_hash=ref_block_hash,
        expiration=view.node.head.timestamp + LIFE_MS,
        timestamp=view.now_ms,
        contract=contract,
        fee_limit=fee_limit,
        permission_id=permission_id,
        data=memo,
    )
    return SignedTransaction.from_raw(raw)


def contract_call(
    view: View, owner: bytes, contract: bytes, data: bytes, *, fee_limit: int, permission_id: int = 0
) -> SignedTransaction:
    trigger = TriggerSmartContract(owner, contract, data)
    return build(view, trigger, fee_limit=fee_limit, permission_id=permission_id)
