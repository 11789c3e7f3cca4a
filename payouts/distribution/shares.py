"""Who gets how much of a pool, in whole base units: integers alone, and the same for any order of the input.

Pure functions: no database, no clock. `docs/distribution.md` publishes example figures, which the tests compute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Final

# contract.md: one credit for each session relayed, or for each 5 MB begun, whichever is more.
MEGABYTES_PER_CREDIT: Final = 5
_SHORTEST_CREDITED: Final = Decimal(MEGABYTES_PER_CREDIT)
_WHOLE: Final = Decimal(1)


class NothingToShareBy(ValueError):
    """There is a pool and nobody has a credit."""


def credits_of(sessions: int, megabytes: Decimal) -> int:
    """`max(sessions, ceil(megabytes / 5))` of a whole period; never below 0, also where corrections exceed the work."""
    by_amount = (megabytes / _SHORTEST_CREDITED).quantize(_WHOLE, rounding=ROUND_CEILING)
    return max(sessions, int(by_amount), 0)


def order_hash(seed: bytes, recipient: str) -> bytes:
    """SHA-256(seed ‖ recipient): decides ties between equal remainders, and the order of payment.

    `seed` is the id (32 bytes) of the first solid block after the cut-off, which nobody knew while the work was done;
    `recipient` a name as `recipient_name` gives it.
    """
    return hashlib.sha256(seed + recipient.encode()).digest()


def recipient_name(kind: str, recipient: str) -> str:
    """`node:` or `user:` and the id: a node and a user with the same id are two."""
    return f"{kind}:{recipient}"


def shares(pool: int, credited: Mapping[str, int], seed: bytes) -> dict[str, int]:
    """Base units of `pool` for each recipient by its credits; they add up to `pool` exactly.

    Each gets the whole part of `pool * credits / all credits`; the base units left over go one each to the largest
    remainders, of equal ones to the lower order hash. Raises NothingToShareBy for a pool without a credit.
    """
    if pool < 0 or any(count < 0 for count in credited.values()):
        raise ValueError("A pool and credits are never negative.")
    total = sum(credited.values())
    if total == 0:
        if pool:
            raise NothingToShareBy("Nobody has a credit.")
        return dict.fromkeys(credited, 0)
    given, remainders = {}, []
    for recipient, count in credited.items():
        given[recipient], remainder = divmod(pool * count, total)
        if remainder:
            remainders.append((-remainder, order_hash(seed, recipient), recipient))
    left_over = pool - sum(given.values())
    for _, _, recipient in sorted(remainders)[:left_over]:
        given[recipient] += 1
    return given


def split(amount: int, most: int, *, least: int) -> int:
    """The first of the equal chunks of at most `most` base units that `amount` needs; the others follow from what is
    left. None is below `least`: equal chunks differ by one base unit, and are more than half of `most`.

    Raises ValueError where `amount` is below `least`, or `most` below twice that.
    """
    if amount < least or most < 2 * least:
        raise ValueError("Too little for a payout of its own.")
    count = -(-amount // most)
    return -(-amount // count)
