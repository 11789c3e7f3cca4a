"""One listed address: read, folded, or quarantined with the reason."""

from __future__ import annotations

import pytest

from kyc.models import AddressForm
from kyc.screening import rows
from tests.kyc.screening.lists import bitcoin, homoglyph, key_of, tron, twin

ADDRESS = tron("a")


def mistyped(address: str) -> str:
    last = address[-1]
    return address[:-1] + ("2" if last != "2" else "3")


@pytest.mark.parametrize("ticker", ["TRX", "USDT", "XBT", "", "ETH"])
def test_a_tron_address_is_one_under_any_ticker(ticker: str) -> None:
    assert rows.read(f" {ADDRESS}\t", ticker) == rows.ListedAddress(
        ADDRESS, AddressForm.TRON, key_of("a"), False
    )


def test_hexadecimal_of_tron_is_the_same_address() -> None:
    assert rows.read("41" + key_of("a").hex().upper()).text == ADDRESS


@pytest.mark.parametrize("text", [twin("a"), twin("a").lower(), "0X" + key_of("a").hex().upper()])
def test_a_0x_address_shares_its_key(text: str) -> None:
    assert rows.read(text, "ETH") == rows.ListedAddress(
        "0x" + key_of("a").hex(), AddressForm.EVM, key_of("a"), False
    )


def test_cyrillic_look_alikes_are_folded_and_it_is_remembered() -> None:
    seen = homoglyph(ADDRESS)
    assert seen != ADDRESS
    assert rows.read(seen, "USDT") == rows.ListedAddress(ADDRESS, AddressForm.TRON, key_of("a"), True)


@pytest.mark.parametrize(
    "text",
    [
        bitcoin("a"),
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
)
def test_another_chain_s_address_is_kept_when_its_checksum_is_right(text: str) -> None:
    assert rows.read(text, "XBT") == rows.ListedAddress(text, AddressForm.OTHER, None, False)


def test_another_chain_s_address_without_a_checksum_counts_under_its_ticker_alone() -> None:
    monero = "4" + "8" * 94
    assert rows.read(monero, "XMR").form == AddressForm.OTHER
    with pytest.raises(rows.Unreadable):
        rows.read(monero, "XBT")


@pytest.mark.parametrize(
    ("text", "ticker"),
    [
        ("", "TRX"),
        (mistyped(ADDRESS), "TRX"),
        (mistyped(ADDRESS), "XMR"),
        (ADDRESS[:-1], "ETH"),
        (mistyped(bitcoin("a")), "XBT"),
        (ADDRESS.replace("T", "Τ", 1), "TRX"),  # Greek
        (ADDRESS[:5] + "\u200b" + ADDRESS[5:], "TRX"),
        (ADDRESS[:5] + " " + ADDRESS[5:], "TRX"),
        (ADDRESS[:5] + "\ufffd" + ADDRESS[6:], "XMR"),
        ("0x" + "1" * 39, "ETH"),
        ("0x" + twin("a")[2:].swapcase(), "ETH"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "XBT"),
        (homoglyph(ADDRESS).replace(ADDRESS[-1], "1"), "TRX"),
        ("T" * 5000, "TRX"),
    ],
)
def test_the_rest_is_quarantined_with_a_sentence(text: str, ticker: str) -> None:
    with pytest.raises(rows.Unreadable, match=r"\.$"):
        rows.read(text, ticker)
