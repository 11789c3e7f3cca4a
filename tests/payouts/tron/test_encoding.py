from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.tron import addresses, encoding
from payouts.tron.encoding import (
    DecodeError,
    DelegateResource,
    FreezeBalanceV2,
    RawData,
    Resource,
    Transaction,
    TransferContract,
    TriggerSmartContract,
)
from payouts.tron.encoding.wire import message_field
from tests.payouts.tron.vectors import KEYS, VECTORS

every_vector = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
PLAIN = VECTORS["usdt_transfer_min_amount_1"]

amounts = st.integers(0, 2**63 - 1)
owners = st.binary(min_size=20, max_size=20).map(addresses.from_evm)
resources = st.sampled_from(Resource)
contracts = st.one_of(
    st.builds(TransferContract, owners, owners, st.integers(-(2**63), 2**63 - 1)),
    st.builds(TriggerSmartContract, owners, owners, st.binary(max_size=100), amounts, amounts, amounts),
    st.builds(FreezeBalanceV2, owners, amounts, resources),
    st.builds(DelegateResource, owners, owners, amounts, resources, st.booleans(), amounts),
)
raw_datas = st.builds(
    RawData,
    ref_block_bytes=st.binary(min_size=2, max_size=2),
    ref_block_hash=st.binary(min_size=8, max_size=8),
    expiration=amounts,
    timestamp=amounts,
    contract=contracts,
    fee_limit=amounts,
    data=st.text(max_size=50).map(str.encode),
    permission_id=st.integers(0, 9),
)


@every_vector
def test_the_json_form_encodes_to_the_vectors_bytes(vector: dict[str, Any]) -> None:
    raw = encoding.raw_data_from_json(vector["raw_data"])
    assert raw.encode().hex() == vector["raw_data_hex"]
    assert encoding.txid(raw.encode()) == vector["txID"]
    assert encoding.raw_data_to_json(raw) == vector["raw_data"]


@every_vector
def test_the_vectors_bytes_decode_and_encode_to_themselves(vector: dict[str, Any]) -> None:
    raw_data = bytes.fromhex(vector["raw_data_hex"])
    assert encoding.decode_raw_data(raw_data).encode() == raw_data


@every_vector
def test_signed_bytes_and_their_size_equal_the_vectors(vector: dict[str, Any]) -> None:
    raw_data = bytes.fromhex(vector["raw_data_hex"])
    signatures = [bytes.fromhex(signature) for signature in vector["signature"]]
    signed = encoding.signed_transaction(raw_data, signatures)
    assert signed.hex() == vector["signed_transaction_hex"]
    assert encoding.decode_transaction(signed) == Transaction(raw_data, tuple(signatures))
    assert encoding.bandwidth_points(raw_data, len(signatures)) == vector["bandwidth_points"]


@pytest.mark.parametrize("call", [vector["trc20"] for vector in VECTORS.values() if "trc20" in vector])
def test_the_call_data_equals_the_vectors(call: dict[str, str]) -> None:
    data = encoding.usdt_transfer_data(call["to"], int(call["amount"]))
    assert data.hex() == call["calldata"]
    transfer = encoding.decode_usdt_transfer(data)
    assert (transfer.recipient, transfer.amount) == (call["to"], int(call["amount"]))


@given(raw_datas)
def test_every_raw_data_survives_its_bytes(raw: RawData) -> None:
    assert encoding.decode_raw_data(raw.encode()) == raw


@given(raw_datas, st.booleans())
def test_every_raw_data_survives_its_json_form(raw: RawData, visible: bool) -> None:
    assert (
        encoding.raw_data_from_json(encoding.raw_data_to_json(raw, visible=visible), visible=visible) == raw
    )


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for decode in (encoding.decode_raw_data, encoding.decode_transaction, encoding.decode_usdt_transfer):
        try:
            decode(data)
        except DecodeError:
            continue


@given(raw_datas, st.data())
def test_one_changed_byte_is_refused_or_gives_another_value(raw: RawData, data: st.DataObject) -> None:
    changed = bytearray(raw.encode())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    with suppress(DecodeError):
        assert encoding.decode_raw_data(bytes(changed)) != raw


def test_a_padded_number_is_refused() -> None:
    canonical = bytes.fromhex(PLAIN["raw_data_hex"])
    assert canonical.endswith(bytes.fromhex("8087a70e"))
    with pytest.raises(DecodeError, match="canonical"):
        encoding.decode_raw_data(canonical[:-1] + bytes.fromhex("8e00"))


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("00", "cut off"),
        ("1a0101", "unknown field 3"),
        ("900101", "stands twice"),
        ("0d00000000", "wire type 5"),
        ("12", "cut off"),
        ("12ff01", "cut off"),
        ("12ffffffffffffffffff01", "cut off"),
        ("ffffffffffffffffffffff", "too long"),
    ],
)
def test_bytes_behind_the_message_are_refused(extra: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        encoding.decode_raw_data(bytes.fromhex(PLAIN["raw_data_hex"] + extra))


def test_a_default_value_written_out_is_refused() -> None:
    with pytest.raises(DecodeError, match="canonical"):
        encoding.decode_raw_data(bytes.fromhex(VECTORS["trx_transfer"]["raw_data_hex"] + "900100"))


def test_a_contract_type_that_differs_from_its_type_url_is_refused() -> None:
    transfer = VECTORS["trx_transfer"]["raw_data_hex"]
    with pytest.raises(DecodeError):
        encoding.decode_raw_data(bytes.fromhex(transfer.replace("67080112", "67081f12")))


def test_a_transaction_that_carries_its_own_result_is_refused() -> None:
    signed = bytes.fromhex(PLAIN["signed_transaction_hex"])
    with pytest.raises(DecodeError, match="unknown field 5"):
        encoding.decode_transaction(signed + message_field(5, b"\x18\x01"))


@pytest.mark.parametrize("amount", [0, -1, 1 << 256])
def test_no_call_is_made_for_an_impossible_amount(amount: int) -> None:
    with pytest.raises(ValueError, match="isn't an amount"):
        encoding.usdt_transfer_data(KEYS["alice"]["base58"], amount)


@pytest.mark.parametrize("change", ["selector", "padding", "longer", "shorter"])
def test_only_a_plain_transfer_call_is_read_as_one(change: str) -> None:
    data = encoding.usdt_transfer_data(KEYS["alice"]["base58"], 5)
    altered = {
        "selector": b"\x23" + data[1:],
        "padding": data[:4] + b"\x01" + data[5:],
        "longer": data + b"\0",
        "shorter": data[:-1],
    }[change]
    with pytest.raises(DecodeError):
        encoding.decode_usdt_transfer(altered)


def test_the_reference_to_a_block_is_cut_from_its_number_and_id() -> None:
    number = 0x0123_28C3
    block_id = number.to_bytes(8).hex() + "ce6d340282788569" + "00" * 16
    assert encoding.ref_block(number, block_id) == (bytes.fromhex("28c3"), bytes.fromhex("ce6d340282788569"))


@pytest.mark.parametrize("block_id", ["", "00" * 31, (8).to_bytes(8).hex() + "00" * 24])
def test_a_reference_to_an_id_of_another_block_is_refused(block_id: str) -> None:
    with pytest.raises(ValueError, match="isn't the id"):
        encoding.ref_block(7, block_id)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"contract": []},
        {"contract": [{"type": "VoteWitnessContract", "parameter": {"value": {}}}]},
        {"contract": [{"type": "TransferContract", "parameter": {"value": {"owner_address": "zz"}}}]},
        {"contract": [{"type": "TransferContract", "parameter": None}]},
        {"contract": "x", "expiration": 5},
    ],
)
def test_json_that_is_no_transaction_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        encoding.raw_data_from_json(value)
