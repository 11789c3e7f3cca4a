"""What nodes tell us, as frozen dataclasses that exist only if the answer was well-formed.

Each `parse_…` takes decoded JSON and raises `BadAnswer` for anything else than the shape java-tron gives.
Addresses in logs are 21 raw bytes: a block holds hundreds, and base58 is for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from payouts.tron import addresses
from payouts.tron.encoding import TRANSFER_TOPIC
from payouts.tron.errors import BadAnswer
from payouts.tron.reading import decode_hex as read_hex
from payouts.tron.reading import hex_bytes, integer, mapping, message, sequence, time_ms, word

SUCCESS: Final = "SUCCESS"
# A block holds at most 2 MB of transactions of at least about 150 bytes.
MAX_TRANSACTIONS: Final = 20_000
MAX_LOGS: Final = 20_000
# The energy market's size for a whole day; no single transaction can use more.
MAX_ENERGY: Final = 10**12


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """One block's place in the chain. Ids are lower-case hex, times UTC milliseconds."""

    number: int
    block_id: str
    parent_id: str
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class BlockTransaction:
    """A transaction inside a block. `raw_data` hashes to `txid`; None if the node gave no bytes to check."""

    txid: str
    raw_data: bytes | None
    contract_ret: str


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its transactions."""

    header: BlockHeader
    transactions: tuple[BlockTransaction, ...]


@dataclass(frozen=True, slots=True)
class TransferLog:
    """An ERC-20 style Transfer event. Addresses are 21 raw bytes, the amount is in the token's base units."""

    contract: bytes
    sender: bytes
    recipient: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class RawLog:
    """Any other event."""

    contract: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class TransactionInfo:
    """The outcome of a transaction that stands in a block. Fees in sun, times in UTC milliseconds."""

    txid: str
    block_number: int
    block_timestamp_ms: int
    result: str
    fee_sun: int
    energy_usage_total: int
    energy_fee_sun: int
    net_usage: int
    net_fee_sun: int
    logs: tuple[TransferLog | RawLog, ...]
    message: str

    @property
    def transfers(self) -> tuple[TransferLog, ...]:
        return tuple(log for log in self.logs if isinstance(log, TransferLog))


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A transaction by its id, with bytes that hash to it. A full node shows pending ones too."""

    txid: str
    raw_data: bytes
    signatures: tuple[bytes, ...]
    contract_ret: str


@dataclass(frozen=True, slots=True)
class TokenState:
    """The switches of the USDT contract. `maximum_fee` is in base units."""

    paused: bool
    deprecated: bool
    basis_points_rate: int
    maximum_fee: int

    @property
    def plain(self) -> bool:
        """Whether a transfer moves exactly its amount, by this contract itself."""
        return not (self.paused or self.deprecated or self.basis_points_rate)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A transfer tried on a node. Not `ok`: it would revert, and cost energy all the same."""

    ok: bool
    energy: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What an account has left today, in energy and bandwidth points."""

    energy_left: int
    staked_bandwidth_left: int
    free_bandwidth_left: int


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """Prices the network charges, in sun."""

    energy_price_sun: int
    bandwidth_price_sun: int
    max_fee_limit_sun: int
    multi_sign_fee_sun: int
    memo_fee_sun: int
    free_bandwidth: int


def parse_header(value: object) -> BlockHeader | None:
    """A block's header, or None for `{}`, java-tron's "no such block"."""
    block = mapping(value, "block")
    if not block:
        return None
    raw = mapping(mapping(block.get("block_header"), "block header").get("raw_data"), "header's raw data")
    number = integer(raw, "number", default=0)
    block_id = hex_bytes(block, "blockID", length=32)
    if int.from_bytes(block_id[:8]) != number:
        raise BadAnswer("BLOCK_ID", "The block's id doesn't carry its number.")
    parent_id = hex_bytes(raw, "parentHash", length=32)
    if number and int.from_bytes(parent_id[:8]) != number - 1:
        raise BadAnswer("PARENT_ID", "The block's parent isn't the block before it.")
    return BlockHeader(number, block_id.hex(), parent_id.hex(), time_ms(raw, "timestamp"))


def parse_block(value: object) -> Block | None:
    """A block with its transactions, each txid recomputed from the bytes; None for `{}`."""
    header = parse_header(value)
    if header is None:
        return None
    listed = sequence(mapping(value, "block").get("transactions"), "transactions", limit=MAX_TRANSACTIONS)
    return Block(header, tuple(_parse_block_transaction(item) for item in listed))


def _parse_block_transaction(value: object) -> BlockTransaction:
    source = mapping(value, "transaction")
    txid = hex_bytes(source, "txID", length=32)
    raw_data = _raw_data_of(source, txid) if "raw_data_hex" in source else None
    return BlockTransaction(txid.hex(), raw_data, _contract_ret(source))


def _raw_data_of(source: Mapping[str, Any], txid: bytes) -> bytes:
    raw_data = hex_bytes(source, "raw_data_hex")
    if hashlib.sha256(raw_data).digest() != txid:
        raise BadAnswer("TXID", "A transaction's bytes don't hash to its id.")
    return raw_data


def _contract_ret(source: Mapping[str, Any]) -> str:
    results = sequence(source.get("ret"), "ret", limit=10)
    return word(mapping(results[0], "ret"), "contractRet") if results else ""


def parse_transaction(value: object, txid: str) -> ChainTransaction | None:
    """The transaction asked for, its bytes hashing to `txid`; None for `{}`."""
    source = mapping(value, "transaction")
    if not source:
        return None
    if hex_bytes(source, "txID", length=32).hex() != txid:
        raise BadAnswer("TXID", "The node gave another transaction than the one asked for.")
    signatures = sequence(source.get("signature"), "signatures", limit=10)
    return ChainTransaction(
        txid,
        _raw_data_of(source, bytes.fromhex(txid)),
        tuple(read_hex(item, "signature", limit=200) for item in signatures),
        _contract_ret(source),
    )


def parse_infos(value: object, number: int) -> list[TransactionInfo]:
    """The outcomes of one block's transactions; every one must say it is of block `number`."""
    if value == {}:
        return []
    infos = [_parse_info(item) for item in sequence(value, "infos", limit=MAX_TRANSACTIONS)]
    if any(info.block_number != number for info in infos):
        raise BadAnswer("BLOCK_NUMBER", "An outcome belongs to another block than the one asked for.")
    if len({info.txid for info in infos}) != len(infos):
        raise BadAnswer("TWICE", "A transaction appears twice in one block.")
    return infos


def parse_info(value: object, txid: str) -> TransactionInfo | None:
    """The outcome of the transaction asked for; None for `{}`: not in a block that this node shows."""
    if not mapping(value, "info"):
        return None
    info = _parse_info(value)
    if info.txid != txid:
        raise BadAnswer("TXID", "The node gave the outcome of another transaction than the one asked for.")
    if not info.block_number:
        raise BadAnswer("BLOCK_NUMBER", "The outcome names no block.")
    return info


def _parse_info(value: object) -> TransactionInfo:
    source = mapping(value, "info")
    receipt = mapping(source.get("receipt", {}), "receipt")
    return TransactionInfo(
        txid=hex_bytes(source, "id", length=32).hex(),
        block_number=integer(source, "blockNumber", default=0),
        block_timestamp_ms=time_ms(source, "blockTimeStamp"),
        result=_result(source, receipt),
        fee_sun=integer(source, "fee", default=0),
        energy_usage_total=integer(receipt, "energy_usage_total", high=MAX_ENERGY, default=0),
        energy_fee_sun=integer(receipt, "energy_fee", default=0),
        net_usage=integer(receipt, "net_usage", default=0),
        net_fee_sun=integer(receipt, "net_fee", default=0),
        logs=tuple(_parse_log(item) for item in sequence(source.get("log"), "logs", limit=MAX_LOGS)),
        message=message(source, "resMessage"),
    )


def _result(source: Mapping[str, Any], receipt: Mapping[str, Any]) -> str:
    """The receipt's result. Transfers of TRX have none: there `FAILED` or its absence is all there is."""
    overall = word(source, "result")
    result = word(receipt, "result")
    if overall not in ("", "SUCESS", "FAILED"):
        raise BadAnswer("RESULT", "The outcome's result is neither absent nor FAILED.")
    if overall == "FAILED" and result == SUCCESS:
        raise BadAnswer("RESULT", "The outcome says both FAILED and SUCCESS.")
    if result:
        return result
    if overall == "FAILED":
        return "FAILED"
    # A contract call always has a result; DEFAULT is the enum's zero, which JSON leaves out.
    return "DEFAULT" if source.get("contract_address") else SUCCESS


def _parse_log(value: object) -> TransferLog | RawLog:
    source = mapping(value, "log")
    contract = addresses.from_evm(hex_bytes(source, "address", length=20))
    topics = tuple(
        read_hex(item, "topic", length=32) for item in sequence(source.get("topics"), "topics", limit=4)
    )
    data = hex_bytes(source, "data", default="")
    if len(topics) == 3 and topics[0] == TRANSFER_TOPIC and len(data) == 32:
        sender, recipient = topics[1], topics[2]
        if not any(sender[:12]) and not any(recipient[:12]):
            return TransferLog(
                contract,
                addresses.from_evm(sender[12:]),
                addresses.from_evm(recipient[12:]),
                int.from_bytes(data),
            )
    return RawLog(contract, topics, data)


def parse_resources(value: object) -> Resources:
    """`getaccountresource`; `{}` (an account never activated) has nothing."""
    source = mapping(value, "resources")

    def left(limit: str, used: str) -> int:
        return max(0, integer(source, limit, default=0) - integer(source, used, default=0))

    return Resources(
        left("EnergyLimit", "EnergyUsed"), left("NetLimit", "NetUsed"), left("freeNetLimit", "freeNetUsed")
    )


def parse_chain_parameters(value: object) -> ChainParameters:
    """`getchainparameters`. A missing price is refused: fees are never computed from a guess."""
    listed = sequence(mapping(value, "parameters").get("chainParameter"), "parameters", limit=1_000)
    items = [mapping(item, "parameter") for item in listed]
    named = {word(item, "key", limit=100): item for item in items}

    def price(key: str, *, low: int, high: int) -> int:
        return integer(named.get(key, {}), "value", low=low, high=high, default=0)

    return ChainParameters(
        energy_price_sun=price("getEnergyFee", low=1, high=100_000),
        bandwidth_price_sun=price("getTransactionFee", low=1, high=1_000_000),
        max_fee_limit_sun=price("getMaxFeeLimit", low=1_000_000, high=10**17),
        multi_sign_fee_sun=price("getMultiSignFee", low=0, high=10**12),
        memo_fee_sun=price("getMemoFee", low=0, high=10**12),
        free_bandwidth=price("getFreeNetLimit", low=0, high=100_000),
    )


def parse_balance(value: object) -> int:
    """`getaccount`: the balance in sun; 0 for an account that doesn't exist."""
    return integer(mapping(value, "account"), "balance", default=0)
