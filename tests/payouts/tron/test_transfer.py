"""Bytes that differ in anything from the intent are refused before they can be signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.tron import addresses
from payouts.tron.encoding import (
    DecodeError,
    TransferContract,
    TriggerSmartContract,
    decode_raw_data,
    usdt_transfer_data,
)
from payouts.tron.transfer import IntentMismatch, build_transfer, check_transfer
from tests.payouts.tron.intents import ALICE, BOB, CONTRACT, NOW_MS, PAYER, REFERENCE, intent
from tests.payouts.tron.vectors import VECTORS

HONEST = intent()
# Where the reference block and the timestamp stand: they carry no money and are the builder's choice.
FREE_FIELDS = ("ref_block_bytes", "ref_block_hash", "timestamp")


def raw(**changes: Any) -> bytes:
    """The honest transaction with fields changed; those of the call are prefixed `call_`."""
    decoded = decode_raw_data(HONEST.raw_data)
    inner = {name[5:]: value for name, value in changes.items() if name.startswith("call_")}
    outer = {name: value for name, value in changes.items() if not name.startswith("call_")}
    assert isinstance(decoded.contract, TriggerSmartContract)
    return replace(decoded, **{"contract": replace(decoded.contract, **inner)} | outer).encode()


def test_the_builders_own_bytes_pass() -> None:
    check_transfer(HONEST.raw_data, HONEST)


def test_a_permission_id_is_part_of_the_bytes() -> None:
    with_permission = intent(permission_id=2)
    check_transfer(with_permission.raw_data, with_permission)
    assert with_permission.txid != HONEST.txid


@pytest.mark.parametrize(
    ("field", "raw_data"),
    [
        ("recipient", raw(call_data=usdt_transfer_data(BOB, HONEST.amount))),
        ("amount", raw(call_data=usdt_transfer_data(ALICE, HONEST.amount + 1))),
        ("contract", raw(call_contract_address=addresses.decode(BOB))),
        ("owner", raw(call_owner_address=addresses.decode(BOB))),
        ("fee_limit", raw(fee_limit=HONEST.fee_limit_sun + 1)),
        ("fee_limit", raw(fee_limit=0)),
        ("expiration", raw(expiration=HONEST.expiration_ms + 1)),
        ("permission_id", raw(permission_id=2)),
        ("memo", raw(data=b"thanks")),
        ("call_value", raw(call_call_value=1)),
        ("call_token_value", raw(call_call_token_value=1)),
        ("token_id", raw(call_token_id=1_000_001)),
        ("encoding", raw(call_data=HONEST.raw_data[:68])),
        ("encoding", raw(call_data=b"")),
        ("encoding", raw(call_data=usdt_transfer_data(ALICE, HONEST.amount) + b"\0")),
        ("type", raw(contract=TransferContract(addresses.decode(PAYER), addresses.decode(ALICE), 1))),
        ("encoding", HONEST.raw_data + b"\x10\x01"),
        ("encoding", HONEST.raw_data[:-1]),
        ("encoding", b""),
    ],
)
def test_a_difference_is_named(field: str, raw_data: bytes) -> None:
    with pytest.raises(IntentMismatch) as refusal:
        check_transfer(raw_data, replace(HONEST, raw_data=raw_data))
    assert refusal.value.field == field


def test_bytes_beside_the_intents_own_are_refused_whatever_they_do() -> None:
    with pytest.raises(IntentMismatch) as refusal:
        check_transfer(intent(timestamp_ms=NOW_MS + 1).raw_data, HONEST)
    assert refusal.value.field == "raw_data"


@given(st.integers(0, len(HONEST.raw_data) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(position: int, flip: int) -> None:
    """Judged against the intent alone, as if the changed bytes were the ones stored beside it."""
    changed = bytearray(HONEST.raw_data)
    changed[position] ^= flip
    tampered = replace(HONEST, raw_data=bytes(changed))
    with pytest.raises(IntentMismatch):
        check_transfer(HONEST.raw_data, tampered)
    if only_free_fields_differ(bytes(changed)):
        return
    with pytest.raises(IntentMismatch):
        check_transfer(bytes(changed), tampered)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(IntentMismatch):
        check_transfer(noise, replace(HONEST, raw_data=noise))


@given(st.integers(0, len(HONEST.raw_data)), st.binary(min_size=1, max_size=20))
def test_inserted_bytes_are_refused(position: int, extra: bytes) -> None:
    longer = HONEST.raw_data[:position] + extra + HONEST.raw_data[position:]
    if only_free_fields_differ(longer):
        return
    with pytest.raises(IntentMismatch):
        check_transfer(longer, replace(HONEST, raw_data=longer))


def only_free_fields_differ(raw_data: bytes) -> bool:
    try:
        decoded = decode_raw_data(raw_data)
    except DecodeError:
        return False
    honest = decode_raw_data(HONEST.raw_data)
    return replace(decoded, **{name: getattr(honest, name) for name in FREE_FIELDS}) == honest


def test_equal_to_the_vector_of_two_other_implementations() -> None:
    vector = VECTORS["usdt_transfer_123456.789012"]
    wanted = decode_raw_data(bytes.fromhex(vector["raw_data_hex"]))
    assert isinstance(wanted.contract, TriggerSmartContract)
    number = int.from_bytes(b"\0\0\0\0\0\0" + wanted.ref_block_bytes)
    reference = replace(
        REFERENCE,
        number=number,
        block_id=number.to_bytes(8).hex() + wanted.ref_block_hash.hex() + "00" * 16,
    )
    built = build_transfer(
        owner=addresses.encode(wanted.contract.owner_address),
        recipient=addresses.encode(addresses.from_topic(wanted.contract.data[4:36])),
        amount=int.from_bytes(wanted.contract.data[36:]),
        contract=addresses.encode(wanted.contract.contract_address),
        reference=reference,
        expiration_ms=wanted.expiration,
        timestamp_ms=wanted.timestamp,
        fee_limit_sun=wanted.fee_limit,
    )
    assert built.hex() == vector["raw_data_hex"]


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"amount": -1}, {"fee_limit_sun": 0}, {"expiration_ms": 0}, {"permission_id": -1}],
)
def test_nonsense_is_not_built(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be positive|can be transferred"):
        intent(**change)


def test_the_contract_is_the_networks_own() -> None:
    assert HONEST.contract == CONTRACT
