"""TRON addresses: base58check text, 21 raw bytes, and the 20-byte form the EVM uses.

tronpy's own checks throw IndexError on garbage and accept version byte 0x42 and hexadecimal text, so none of
them stands between a person's input and a payment: this module does.
"""

from __future__ import annotations

from typing import Final

import base58

VERSION: Final = 0x41
TEXT_LENGTH: Final = 34
RAW_LENGTH: Final = 21
EVM_LENGTH: Final = 20

_ALPHABET: Final = frozenset(base58.BITCOIN_ALPHABET.decode("ascii"))
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class InvalidAddress(ValueError):
    """An address that must not be paid. `code` is for machines, the message is a sentence for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def encode(raw: bytes) -> str:
    """Base58check text of a 21-byte address. Raises `InvalidAddress` for another length or version byte."""
    _require_raw(raw)
    return base58.b58encode_check(raw).decode("ascii")


def decode(text: str) -> bytes:
    """The 21 bytes of a base58check address; the one reader of addresses that people or APIs give us.

    Raises `InvalidAddress` with code `type`, `length`, `hex`, `alphabet`, `checksum` or `version`, and
    nothing else, for whatever is passed.
    """
    if not isinstance(text, str):
        raise InvalidAddress("type", "The address must be text.")
    if _looks_like_hex(text):
        raise InvalidAddress("hex", "The address is hexadecimal; give its base58 form, which starts with T.")
    if len(text) != TEXT_LENGTH:
        raise InvalidAddress("length", f"A TRON address has {TEXT_LENGTH} characters; this has {len(text)}.")
    # The library strips surrounding white space, so the alphabet is checked here and not left to it.
    if not _ALPHABET.issuperset(text):
        raise InvalidAddress("alphabet", "The address holds a character that base58 doesn't have.")
    try:
        raw = base58.b58decode_check(text)
    except ValueError:
        raise InvalidAddress(
            "checksum", "The address's checksum is wrong: a character was mistyped."
        ) from None
    _require_raw(raw)
    return raw


def is_valid(text: object) -> bool:
    """Whether `decode` would accept this."""
    try:
        decode(text)  # type: ignore[arg-type]
    except InvalidAddress:
        return False
    return True


def check_recipient(text: str, *, contract: str, treasury: str) -> str:
    """The address, if a payout may go to it.

    Raises `InvalidAddress`, beside `decode`'s codes, with `zero_address` (tokens sent there revert),
    `contract` (the USDT contract itself keeps for ever what it is sent) or `treasury` (a payout to
    ourselves).
    """
    raw = decode(text)
    if not any(raw[1:]):
        raise InvalidAddress("zero_address", "The address is the zero address, which nobody owns.")
    if text == contract:
        raise InvalidAddress("contract", "The address is the USDT contract itself; what it is sent is lost.")
    if text == treasury:
        raise InvalidAddress("treasury", "The address is our own treasury.")
    return text


def to_evm(raw: bytes) -> bytes:
    """The 20 bytes that logs and call data carry. Raises `InvalidAddress` for what is no address."""
    _require_raw(raw)
    return raw[1:]


def from_evm(evm: bytes) -> bytes:
    """The 21-byte address of a 20-byte EVM one. Raises `InvalidAddress` for another length."""
    if len(evm) != EVM_LENGTH:
        raise InvalidAddress("length", f"An EVM address has {EVM_LENGTH} bytes; this has {len(evm)}.")
    return bytes([VERSION]) + evm


def to_topic(raw: bytes) -> bytes:
    """The 32-byte log topic, or call-data word, that names this address."""
    return bytes(32 - EVM_LENGTH) + to_evm(raw)


def from_topic(word: bytes) -> bytes:
    """The 21-byte address in a 32-byte topic. Raises `InvalidAddress` unless its first 12 bytes are zero."""
    if len(word) != 32 or any(word[:12]):
        raise InvalidAddress("topic", "The word isn't an address: 32 bytes, the first 12 of them zero.")
    return from_evm(word[12:])


def _require_raw(raw: bytes) -> None:
    if len(raw) != RAW_LENGTH:
        raise InvalidAddress("length", f"A TRON address has {RAW_LENGTH} bytes; this has {len(raw)}.")
    if raw[0] != VERSION:
        raise InvalidAddress("version", f"The address has version byte 0x{raw[0]:02x}; TRON's is 0x41.")


def _looks_like_hex(text: str) -> bool:
    digits = text.removeprefix("0x").removeprefix("0X")
    return len(digits) in (2 * EVM_LENGTH, 2 * RAW_LENGTH) and _HEX.issuperset(digits)
