"""Reading one listed address: look-alike letters folded, its checksum verified, its 20 bytes kept.

A row is what it says or it is quarantined: an address with a wrong letter would be looked for in vain, and silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import base58
from Crypto.Hash import keccak

from kyc.models import AddressForm
from payouts.tron import addresses

# Cyrillic capitals and small letters that look like Latin ones, pair by pair.
_CYRILLIC: Final = "АВЕКМНОРСТУХЅІЈҮԌԚԜавеікморѕстухјһԁԛԝѵ"
_LATIN: Final = "ABEKMHOPCTYXSIJYGQWabeikmopsctyxjhdqwv"
_FOLD: Final = str.maketrans(dict(zip(_CYRILLIC, _LATIN, strict=True)))
_HEX: Final = frozenset("0123456789abcdefABCDEF")
# Tickers under which the addresses that we pay to have been listed.
_OURS: Final = frozenset({"", "TRX", "USDT", "XBT"})
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class ListedAddress:
    """`text` in plain letters; `key` is None where no TRON address can share it."""

    text: str
    form: AddressForm
    key: bytes | None
    folded: bool


class Unreadable(ValueError):
    """This isn't an address; the sentence says what it is instead."""


def read(raw: str, ticker: str = "") -> ListedAddress:
    """The address that a list's row names, whatever the ticker beside it. Raises Unreadable."""
    text = raw.strip()
    if not text or len(text) > LONGEST:
        raise Unreadable("The row holds no address." if not text else "The row is too long for an address.")
    plain = text.translate(_FOLD)
    folded = plain != text
    if not plain.isascii() or not plain.isprintable() or " " in plain:
        raise Unreadable("It holds a letter that isn't plain, and that looks like no plain one.")
    found = _tron(plain) or _evm(plain)
    if found is not None:
        form, value, key = found
        return ListedAddress(value, form, key, folded)
    if _looks_like_ours(plain):
        raise Unreadable(_why(plain))
    if _has_checksum(plain) or (ticker not in _OURS and not folded):
        return ListedAddress(plain, AddressForm.OTHER, None, folded)
    raise Unreadable("It is no TRON and no 0x address, and no checksum shows what else it is.")


def _tron(text: str) -> tuple[AddressForm, str, bytes] | None:
    if len(text) == 2 * addresses.RAW_LENGTH and text.startswith("41") and _HEX.issuperset(text):
        raw = bytes.fromhex(text)
        return AddressForm.TRON, addresses.encode(raw), addresses.to_evm(raw)
    try:
        return AddressForm.TRON, text, addresses.to_evm(addresses.decode(text))
    except addresses.InvalidAddress:
        return None


def _evm(text: str) -> tuple[AddressForm, str, bytes] | None:
    digits = text[2:] if text[:2] in ("0x", "0X") else ""
    if len(digits) != 2 * addresses.EVM_LENGTH or not _HEX.issuperset(digits):
        return None
    mixed = digits not in (digits.lower(), digits.upper())
    if mixed and digits != _checksummed(digits.lower()):
        raise Unreadable("The 0x address's capitals (EIP-55) are wrong: a character was mistyped.")
    return AddressForm.EVM, "0x" + digits.lower(), bytes.fromhex(digits)


def _checksummed(digits: str) -> str:
    """EIP-55: a letter is a capital where the hash's digit is 8 or more."""
    told = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "".join(
        letter.upper() if int(digit, 16) >= 8 else letter for letter, digit in zip(digits, told, strict=False)
    )


def _looks_like_ours(text: str) -> bool:
    return (text[0] in "Tt" and 30 <= len(text) <= 40) or text[:2] in ("0x", "0X")


def _why(text: str) -> str:
    if text[:2] in ("0x", "0X"):
        return "It begins like a 0x address and isn't one."
    try:
        addresses.decode(text)
    except addresses.InvalidAddress as error:
        return str(error)
    return "It isn't an address."


def _has_checksum(text: str) -> bool:
    """Whether it is right by the checksum of base58check (Bitcoin and its kin) or of bech32 and bech32m."""
    try:
        base58.b58decode_check(text)
    except ValueError:
        return _is_bech32(text)
    return True


def _is_bech32(text: str) -> bool:
    """BIP 173 and BIP 350."""
    lower = text.lower()
    prefix, mark, data = lower.rpartition("1")
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    if (
        not mark
        or not prefix
        or len(data) < 6
        or text not in (lower, text.upper())
        or set(data) - set(alphabet)
    ):
        return False
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = 1
    for value in values + [alphabet.index(c) for c in data]:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if (top >> bit) & 1 else 0
    return checksum in (1, 0x2BC830A3)
