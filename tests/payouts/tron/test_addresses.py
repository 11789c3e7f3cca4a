from __future__ import annotations

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.tron import addresses
from payouts.tron.addresses import InvalidAddress
from payouts.tron.networks import NETWORKS
from tests.payouts.tron.vectors import INVALID_ADDRESSES, KEYS

CONTRACT = NETWORKS["mainnet"].usdt_contract
TREASURY = KEYS["payer"]["base58"]
ZERO = base58.b58encode_check(b"\x41" + bytes(20)).decode()
WRONG_VERSION = base58.b58encode_check(b"\x42" + bytes(range(20))).decode()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_text_and_bytes_are_two_forms_of_one_address(key: dict[str, str]) -> None:
    raw = addresses.decode(key["base58"])
    assert raw.hex() == key["hex"]
    assert addresses.encode(raw) == key["base58"]
    assert addresses.from_topic(addresses.to_topic(raw)) == raw
    assert addresses.from_evm(addresses.to_evm(raw)) == raw


@pytest.mark.parametrize("text", INVALID_ADDRESSES)
def test_the_known_bad_addresses_are_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        addresses.decode(text)
    assert not addresses.is_valid(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TREASURY.lower(), "alphabet"),
        (TREASURY[:-1] + "N", "checksum"),
        (TREASURY[:-1], "length"),
        (TREASURY + "1", "length"),
        (f" {TREASURY}", "length"),
        (f" {TREASURY[1:]}", "alphabet"),
        (TREASURY[:-1] + "\n", "alphabet"),
        (TREASURY[:-1] + "\0", "alphabet"),
        (TREASURY.replace("T", "\u0422", 1), "alphabet"),
        (WRONG_VERSION, "version"),
        (KEYS["payer"]["hex"], "hex"),
        ("0x" + KEYS["payer"]["hex"][2:], "hex"),
        ("T" * 34, "checksum"),
        ("1" * 34, "checksum"),
        ("z" * 34, "checksum"),
        ("", "length"),
        ("T" * 10_000, "length"),
        (None, "type"),
        (b"T" * 34, "type"),
        (41, "type"),
        ("\ud800" * 34, "alphabet"),
    ],
)
def test_a_refusal_names_its_reason(text: str, code: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        addresses.decode(text)
    assert refusal.value.code == code
    assert str(refusal.value).endswith(".")


@given(st.text(max_size=60))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    assert not addresses.is_valid(text)


@given(st.text(alphabet=base58.BITCOIN_ALPHABET.decode(), min_size=34, max_size=34))
def test_no_34_base58_characters_raise_anything_but_a_refusal(text: str) -> None:
    assert not addresses.is_valid(text)


@given(st.binary(min_size=20, max_size=20))
def test_every_address_survives_the_way_to_text_and_back(evm: bytes) -> None:
    raw = addresses.from_evm(evm)
    text = addresses.encode(raw)
    assert len(text) == 34
    assert text.startswith("T")
    assert addresses.decode(text) == raw


@given(
    st.binary(min_size=20, max_size=20), st.integers(0, 33), st.sampled_from(base58.BITCOIN_ALPHABET.decode())
)
def test_one_changed_character_is_noticed(evm: bytes, at: int, character: str) -> None:
    text = addresses.encode(addresses.from_evm(evm))
    changed = text[:at] + character + text[at + 1 :]
    assert addresses.is_valid(changed) is (changed == text)


@pytest.mark.parametrize(
    ("text", "code"), [(ZERO, "zero_address"), (CONTRACT, "contract"), (TREASURY, "treasury")]
)
def test_a_payout_to_nobody_or_to_ourselves_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        addresses.check_recipient(text, contract=CONTRACT, treasury=TREASURY)
    assert refusal.value.code == code


def test_a_payout_to_somebody_else_is_accepted() -> None:
    alice = KEYS["alice"]["base58"]
    assert addresses.check_recipient(alice, contract=CONTRACT, treasury=TREASURY) == alice


@pytest.mark.parametrize("word", [bytes(31), bytes(33), b"\1" + bytes(31)])
def test_a_topic_that_is_no_address_is_refused(word: bytes) -> None:
    with pytest.raises(InvalidAddress):
        addresses.from_topic(word)


@pytest.mark.parametrize("raw", [b"", bytes(20), b"\x42" + bytes(20), b"\x41" + bytes(21)])
def test_only_21_bytes_with_trons_version_are_an_address(raw: bytes) -> None:
    with pytest.raises(InvalidAddress):
        addresses.encode(raw)
