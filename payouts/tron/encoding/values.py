"""Values that follow from a transaction's or a block's bytes."""

from __future__ import annotations

import hashlib
from typing import Final

from payouts.tron.encoding.wire import varint

SIGNATURE_LENGTH: Final = 65
# java-tron adds this for the result it will store beside the transaction (Constant.MAX_RESULT_SIZE_IN_TX).
_RESULT_ALLOWANCE: Final = 64


def txid(raw_data: bytes) -> str:
    """SHA-256 of the encoded raw_data, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(raw_data).hexdigest()


def bandwidth_points(raw_data: bytes, signatures: int) -> int:
    """The bandwidth a transaction costs with this many signatures: its size without `ret`, plus 64."""
    field = 1 + len(varint(len(raw_data))) + len(raw_data)
    return field + signatures * (1 + 1 + SIGNATURE_LENGTH) + _RESULT_ALLOWANCE


def ref_block(number: int, block_id: str) -> tuple[bytes, bytes]:
    """`ref_block_bytes` and `ref_block_hash` that refer to a block.

    Raises ValueError when the id isn't this number's: an id begins with its block's number, in 8 bytes.
    """
    raw = bytes.fromhex(block_id)
    if len(raw) != 32 or int.from_bytes(raw[:8]) != number:
        raise ValueError(f"{block_id} isn't the id of block {number}")
    return raw[6:8], raw[8:16]
