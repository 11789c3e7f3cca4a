"""Sweeps: the treasury's own transfers, of USDT or of TRX, to a key's fixed destination. Built and re-read here.

In the signer's journal a sweep stands under a label of its own: `sweep:<currency>:<the key's address>`. No payout may
be called so, and what stands under it counts for no cap.
"""

from __future__ import annotations

from typing import Final

from payouts.tron import addresses
from payouts.tron.answers import BlockHeader
from payouts.tron.encoding import (
    DecodeError,
    RawData,
    TransferContract,
    TriggerSmartContract,
    decode_raw_data,
    decode_usdt_transfer,
    ref_block,
    txid,
)
from payouts.tron.transfer import IntentMismatch, TransferIntent, check_transfer

USDT: Final = "usdt"
TRX: Final = "trx"
_PREFIX: Final = "sweep:"


def is_sweep(payout_id: str) -> bool:
    """Whether the journal's line of this label is a sweep's."""
    return payout_id.startswith(_PREFIX)


def build_trx(
    *,
    owner: str,
    recipient: str,
    amount: int,
    reference: BlockHeader,
    expiration_ms: int,
    timestamp_ms: int,
) -> bytes:
    """The raw_data bytes of a transfer of `amount` sun. Raises `InvalidAddress`, or ValueError for a bad number."""
    if amount <= 0 or expiration_ms <= 0 or timestamp_ms <= 0:
        raise ValueError("Amount, expiration and timestamp must be positive.")
    ref_block_bytes, ref_block_hash = ref_block(reference.number, reference.block_id)
    return RawData(
        ref_block_bytes=ref_block_bytes,
        ref_block_hash=ref_block_hash,
        expiration=expiration_ms,
        timestamp=timestamp_ms,
        contract=TransferContract(
            owner_address=addresses.decode(owner), to_address=addresses.decode(recipient), amount=amount
        ),
    ).encode()


def read_sweep(raw_data: bytes) -> TransferIntent:
    """What the bytes of a sweep do, as an intent. `contract` is empty for TRX, whose amount is in sun.

    Raises `IntentMismatch` for bytes that are neither a plain USDT transfer nor a plain transfer of TRX.
    """
    try:
        decoded = decode_raw_data(raw_data)
        call = decoded.contract
        if isinstance(call, TransferContract):
            currency, contract, recipient, amount = (
                TRX, "", addresses.encode(call.to_address), call.amount,
            )  # fmt: skip
        elif isinstance(call, TriggerSmartContract):
            transfer = decode_usdt_transfer(call.data)
            currency, contract = USDT, addresses.encode(call.contract_address)
            recipient, amount = transfer.recipient, transfer.amount
        else:
            raise IntentMismatch("type", "The transaction is no transfer.")
    except DecodeError as error:
        raise IntentMismatch("encoding", f"The bytes aren't a plain transfer: {error}.") from None
    owner = addresses.encode(call.owner_address)
    intent = TransferIntent(
        payout_id=f"{_PREFIX}{currency}:{owner}",
        # Of the bytes: a database that was restored can't give it to other bytes.
        attempt_id=f"{_PREFIX}{txid(raw_data)}",
        owner=owner,
        recipient=recipient,
        amount=amount,
        contract=contract,
        fee_limit_sun=decoded.fee_limit,
        expiration_ms=decoded.expiration,
        raw_data=raw_data,
        permission_id=decoded.permission_id,
    )
    if currency == USDT:
        check_transfer(raw_data, intent)
    elif decoded.data or decoded.fee_limit or decoded.encode() != raw_data:
        raise IntentMismatch("encoding", "The bytes do something beside the transfer.")
    return intent
