"""A transaction on its way through the node, and what executing it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from payouts.tron import encoding
from payouts.tron.encoding import RawData


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction as received; its id is always computed from the bytes."""

    raw: RawData
    raw_data: bytes
    signatures: tuple[bytes, ...] = ()

    @classmethod
    def from_raw(cls, raw: RawData, signatures: tuple[bytes, ...] = ()) -> SignedTransaction:
        return cls(raw, raw.encode(), signatures)

    @classmethod
    def from_bytes(cls, data: bytes) -> SignedTransaction:
        """Raises `DecodeError` for bytes that are no transaction this node knows."""
        transaction = encoding.decode_transaction(data)
        return cls(
            encoding.decode_raw_data(transaction.raw_data), transaction.raw_data, transaction.signatures
        )

    @cached_property
    def txid(self) -> str:
        return encoding.txid(self.raw_data)

    @cached_property
    def encoded(self) -> bytes:
        return encoding.signed_transaction(self.raw_data, self.signatures)

    @property
    def owner(self) -> str:
        """The payer's address in hexadecimal, as the state's keys have it."""
        return self.raw.contract.owner_address.hex()


@dataclass(frozen=True)
class Log:
    """An event of a contract; `address` is the 20-byte form."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What a transaction did: fees in sun, energy and bandwidth in units."""

    contract_ret: str
    fee: int = 0
    net_usage: int = 0
    net_fee: int = 0
    energy_usage: int = 0
    energy_fee: int = 0
    energy_usage_total: int = 0
    energy_penalty: int = 0
    contract_result: bytes = b""
    contract_address: str = ""
    logs: tuple[Log, ...] = ()
    message: str = ""

    @property
    def failed(self) -> bool:
        return self.contract_ret != "SUCCESS"


@dataclass
class Included:
    """A transaction in a block."""

    transaction: SignedTransaction
    outcome: Outcome
    rendered: dict[Any, dict[str, Any]] = field(default_factory=dict)
