"""The call that pays USDT: `transfer(address,uint256)`, amounts in base units (1 USDT = 1,000,000)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from payouts.tron import addresses
from payouts.tron.encoding.wire import DecodeError

TRANSFER_SELECTOR: Final = bytes.fromhex("a9059cbb")
# keccak256 of "Transfer(address,address,uint256)": the first topic of every token movement's log.
TRANSFER_TOPIC: Final = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")

_LENGTH: Final = 4 + 32 + 32


@dataclass(frozen=True, slots=True)
class UsdtTransfer:
    """What a transfer call asks for; `amount` in base units."""

    recipient: str
    amount: int


def usdt_transfer_data(recipient: str, amount: int) -> bytes:
    """Call data that sends `amount` base units. Raises `InvalidAddress`, or ValueError unless amount > 0."""
    if not 0 < amount < 1 << 256:
        raise ValueError(f"{amount} isn't an amount that can be transferred")
    return TRANSFER_SELECTOR + addresses.to_topic(addresses.decode(recipient)) + amount.to_bytes(32)


def decode_usdt_transfer(data: bytes) -> UsdtTransfer:
    """Recipient and amount of call data. Raises `DecodeError` for anything but a plain, unpadded transfer."""
    if len(data) != _LENGTH or data[:4] != TRANSFER_SELECTOR:
        raise DecodeError("the call isn't transfer(address,uint256)")
    try:
        recipient = addresses.encode(addresses.from_topic(data[4:36]))
    except addresses.InvalidAddress as error:
        raise DecodeError(str(error)) from None
    return UsdtTransfer(recipient, int.from_bytes(data[36:]))
