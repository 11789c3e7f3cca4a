"""The one transaction this system sends: a USDT transfer, built here and re-read before it is signed."""

from __future__ import annotations

from dataclasses import dataclass, field

from payouts.tron import addresses
from payouts.tron.answers import BlockHeader
from payouts.tron.encoding import (
    DecodeError,
    RawData,
    TriggerSmartContract,
    decode_raw_data,
    decode_usdt_transfer,
    ref_block,
    txid,
    usdt_transfer_data,
)


class IntentMismatch(Exception):
    """The bytes don't do what was intended. `field` names the first thing that differs."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field, sentence)
        self.field = field
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class TransferIntent:
    """What one attempt of a payout is meant to do, and the bytes that are said to do it.

    `amount` in USDT base units, `fee_limit_sun` in sun, `expiration_ms` in UTC milliseconds of chain time;
    `owner`, `recipient` and `contract` are base58check text.
    """

    payout_id: str
    attempt_id: str
    owner: str
    recipient: str
    amount: int
    contract: str
    fee_limit_sun: int
    expiration_ms: int
    raw_data: bytes = field(repr=False)
    permission_id: int = 0

    @property
    def txid(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return txid(self.raw_data)


def build_transfer(
    *,
    owner: str,
    recipient: str,
    amount: int,
    contract: str,
    reference: BlockHeader,
    expiration_ms: int,
    timestamp_ms: int,
    fee_limit_sun: int,
    permission_id: int = 0,
) -> bytes:
    """The raw_data bytes of a transfer of `amount` base units.

    `reference` must be a solid block: the transaction dies with a reference block that a fork replaces.
    Raises `InvalidAddress`, or ValueError for a number out of range.
    """
    if fee_limit_sun <= 0 or expiration_ms <= 0 or timestamp_ms <= 0 or permission_id < 0:
        raise ValueError("Fee limit, expiration and timestamp must be positive, the permission not negative.")
    ref_block_bytes, ref_block_hash = ref_block(reference.number, reference.block_id)
    return RawData(
        ref_block_bytes=ref_block_bytes,
        ref_block_hash=ref_block_hash,
        expiration=expiration_ms,
        timestamp=timestamp_ms,
        contract=TriggerSmartContract(
            owner_address=addresses.decode(owner),
            contract_address=addresses.decode(contract),
            data=usdt_transfer_data(recipient, amount),
        ),
        fee_limit=fee_limit_sun,
        permission_id=permission_id,
    ).encode()


def check_transfer(raw_data: bytes, intent: TransferIntent) -> None:
    """Raises `IntentMismatch` unless the bytes do exactly what `intent` says and nothing beside it.

    `timestamp` and the reference block are free: the network doesn't check the first, and a wrong second only
    makes the transaction fail.
    """
    if raw_data != intent.raw_data:
        raise IntentMismatch("raw_data", "The bytes aren't the intent's own.")
    try:
        decoded = decode_raw_data(raw_data)
        call = decoded.contract
        if not isinstance(call, TriggerSmartContract):
            raise IntentMismatch("type", "The transaction isn't a contract call.")
        transfer = decode_usdt_transfer(call.data)
    except DecodeError as error:
        raise IntentMismatch("encoding", f"The bytes aren't a plain USDT transfer: {error}.") from None
    _same("contract", call.contract_address, addresses.decode(intent.contract))
    _same("owner", call.owner_address, addresses.decode(intent.owner))
    _same("recipient", transfer.recipient, intent.recipient)
    _same("amount", transfer.amount, intent.amount)
    _same("fee_limit", decoded.fee_limit, intent.fee_limit_sun)
    _same("expiration", decoded.expiration, intent.expiration_ms)
    _same("permission_id", decoded.permission_id, intent.permission_id)
    _same("memo", decoded.data, b"")
    _same("call_value", call.call_value, 0)
    _same("call_token_value", call.call_token_value, 0)
    _same("token_id", call.token_id, 0)
    # Strict decoding has promised this already; signing doesn't rest on another module's promise.
    _same("encoding", decoded.encode(), raw_data)


def _same(field: str, actual: object, intended: object) -> None:
    if actual != intended:
        raise IntentMismatch(field, f"The transaction's {field} isn't the intended one.")
