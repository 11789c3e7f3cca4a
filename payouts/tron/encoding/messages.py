"""The messages inside a TRON transaction, as frozen values with one canonical encoding each.

Decoding is strict: what is decoded encodes to the very bytes it came from, or `DecodeError` is raised. A
signer that re-reads the bytes it is about to sign can therefore rely on every byte having been looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Protocol, Self

from payouts.tron.encoding.wire import (
    DecodeError,
    Message,
    bytes_field,
    int_field,
    message_field,
)

TYPE_URL_PREFIX: Final = "type.googleapis.com/protocol."


class Resource(IntEnum):
    """What staked TRX yields."""

    BANDWIDTH = 0
    ENERGY = 1
    TRON_POWER = 2


class Contract(Protocol):
    """What every contract message offers. `TYPE` is java-tron's ContractType number."""

    TYPE: ClassVar[int]
    NAME: ClassVar[str]

    @property
    def owner_address(self) -> bytes: ...

    def encode(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TransferContract:
    """A transfer of TRX; `amount` in sun."""

    TYPE: ClassVar[int] = 1
    NAME: ClassVar[str] = "TransferContract"

    owner_address: bytes
    to_address: bytes
    amount: int

    def encode(self) -> bytes:
        return (
            bytes_field(1, self.owner_address) + bytes_field(2, self.to_address) + int_field(3, self.amount)
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        message = Message(cls.NAME, data)
        value = cls(message.octets(1), message.octets(2), message.integer(3))
        message.nothing_else()
        return value


@dataclass(frozen=True, slots=True)
class TriggerSmartContract:
    """A call of a smart contract; `call_value` in sun, `data` = selector and arguments."""

    TYPE: ClassVar[int] = 31
    NAME: ClassVar[str] = "TriggerSmartContract"

    owner_address: bytes
    contract_address: bytes
    data: bytes = b""
    call_value: int = 0
    call_token_value: int = 0
    token_id: int = 0

    def encode(self) -> bytes:
        return (
            bytes_field(1, self.owner_address)
            + bytes_field(2, self.contract_address)
            + int_field(3, self.call_value)
            + bytes_field(4, self.data)
            + int_field(5, self.call_token_value)
            + int_field(6, self.token_id)
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        message = Message(cls.NAME, data)
        value = cls(
            owner_address=message.octets(1),
            contract_address=message.octets(2),
            call_value=message.integer(3),
            data=message.octets(4),
            call_token_value=message.integer(5),
            token_id=message.integer(6),
        )
        message.nothing_else()
        return value


@dataclass(frozen=True, slots=True)
class FreezeBalanceV2:
    """Staking TRX (`frozen_balance` in sun) for bandwidth or energy."""

    TYPE: ClassVar[int] = 54
    NAME: ClassVar[str] = "FreezeBalanceV2Contract"

    owner_address: bytes
    frozen_balance: int
    resource: Resource = Resource.BANDWIDTH

    def encode(self) -> bytes:
        return (
            bytes_field(1, self.owner_address)
            + int_field(2, self.frozen_balance)
            + int_field(3, self.resource)
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        message = Message(cls.NAME, data)
        value = cls(message.octets(1), message.integer(2), _resource(message.integer(3)))
        message.nothing_else()
        return value


@dataclass(frozen=True, slots=True)
class DelegateResource:
    """Lending staked resources; `balance` in sun of stake, `lock_period` in blocks."""

    TYPE: ClassVar[int] = 57
    NAME: ClassVar[str] = "DelegateResourceContract"

    owner_address: bytes
    receiver_address: bytes
    balance: int
    resource: Resource = Resource.BANDWIDTH
    lock: bool = False
    lock_period: int = 0

    def encode(self) -> bytes:
        return (
            bytes_field(1, self.owner_address)
            + int_field(2, self.resource)
            + int_field(3, self.balance)
            + bytes_field(4, self.receiver_address)
            + int_field(5, int(self.lock))
            + int_field(6, self.lock_period)
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        message = Message(cls.NAME, data)
        value = cls(
            owner_address=message.octets(1),
            resource=_resource(message.integer(2)),
            balance=message.integer(3),
            receiver_address=message.octets(4),
            lock=bool(message.integer(5)),
            lock_period=message.integer(6),
        )
        message.nothing_else()
        return value


AnyContract = TransferContract | TriggerSmartContract | FreezeBalanceV2 | DelegateResource
CONTRACTS: Final[tuple[type[AnyContract], ...]] = (
    TransferContract,
    TriggerSmartContract,
    FreezeBalanceV2,
    DelegateResource,
)
_BY_TYPE: Final[dict[int, type[AnyContract]]] = {contract.TYPE: contract for contract in CONTRACTS}


@dataclass(frozen=True, slots=True)
class RawData:
    """What is signed. `expiration` and `timestamp` in ms of chain time, `fee_limit` in sun, `data` = memo."""

    ref_block_bytes: bytes
    ref_block_hash: bytes
    expiration: int
    timestamp: int
    contract: AnyContract
    fee_limit: int = 0
    data: bytes = b""
    permission_id: int = 0

    def encode(self) -> bytes:
        """The bytes whose SHA-256 is the transaction id."""
        return (
            bytes_field(1, self.ref_block_bytes)
            + bytes_field(4, self.ref_block_hash)
            + int_field(8, self.expiration)
            + bytes_field(10, self.data)
            + message_field(11, self._encode_contract())
            + int_field(14, self.timestamp)
            + int_field(18, self.fee_limit)
        )

    def _encode_contract(self) -> bytes:
        type_url = (TYPE_URL_PREFIX + self.contract.NAME).encode("ascii")
        packed = bytes_field(1, type_url) + bytes_field(2, self.contract.encode())
        return int_field(1, self.contract.TYPE) + message_field(2, packed) + int_field(5, self.permission_id)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as it travels: the signed bytes and their signatures (65 bytes each)."""

    raw_data: bytes
    signatures: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        return signed_transaction(self.raw_data, self.signatures)


def signed_transaction(raw_data: bytes, signatures: tuple[bytes, ...] | list[bytes]) -> bytes:
    """The bytes that `wallet/broadcasthex` takes, from encoded raw_data and signatures in their order."""
    return message_field(1, raw_data) + b"".join(message_field(2, signature) for signature in signatures)


def decode_raw_data(data: bytes) -> RawData:
    """Raises `DecodeError` unless `data` is exactly what `RawData.encode` would write."""
    message = Message("raw_data", data)
    contract = Message("Contract", message.octets(11))
    packed = Message("Any", contract.octets(2))
    contract_class = _BY_TYPE.get(contract.integer(1))
    if contract_class is None:
        raise DecodeError("Contract: a type this module doesn't know")
    value = RawData(
        ref_block_bytes=message.octets(1),
        ref_block_hash=message.octets(4),
        expiration=message.integer(8),
        data=message.octets(10),
        contract=contract_class.decode(packed.octets(2)),
        timestamp=message.integer(14),
        fee_limit=message.integer(18),
        permission_id=contract.integer(5),
    )
    for taken in (message, contract):
        taken.nothing_else()
    # Field order, padded numbers, default values written out and a wrong type_url all end here.
    if value.encode() != data:
        raise DecodeError("raw_data isn't in its canonical form")
    return value


def decode_transaction(data: bytes) -> Transaction:
    """The parts of a signed transaction. `ret` is refused: nobody signs it. Raises `DecodeError`."""
    message = Message("Transaction", data, repeated=frozenset({2}))
    value = Transaction(message.octets(1), tuple(message.all_octets(2)))
    message.nothing_else()
    if value.encode() != data:
        raise DecodeError("the transaction isn't in its canonical form")
    return value


def _resource(number: int) -> Resource:
    try:
        return Resource(number)
    except ValueError:
        raise DecodeError(f"resource {number} doesn't exist") from None
