"""Blocks: header bytes, id, Merkle root and producer signature, as java-tron makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from payouts.devnet.producers import PRODUCER_COUNT, PRODUCER_KEYS, PRODUCERS, sign
from payouts.devnet.transactions import Included
from payouts.tron.encoding.wire import bytes_field, int_field

VERSION: Final = 32
GENESIS_PARENT: Final = bytes(32)


@dataclass
class Block:
    """A block; `timestamp` in ms. `branch` tells a replacement from the block it replaced."""

    number: int
    timestamp: int
    parent_id: bytes
    branch: int = 0
    transactions: list[Included] = field(default_factory=list)

    @property
    def _producer(self) -> int:
        # By number and not by time: a round stays healthy, and solid stays at head - 18, when slots are
        # skipped.
        return (self.number + self.branch) % PRODUCER_COUNT

    @property
    def producer(self) -> bytes:
        return PRODUCERS[self._producer]

    @cached_property
    def root(self) -> bytes:
        return merkle_root([included.transaction.encoded for included in self.transactions])

    @cached_property
    def header(self) -> bytes:
        return (
            int_field(1, self.timestamp)
            + bytes_field(2, self.root)
            + bytes_field(3, self.parent_id)
            + int_field(7, self.number)
            + bytes_field(9, self.producer)
            + int_field(10, VERSION)
        )

    @cached_property
    def id(self) -> bytes:
        return self.number.to_bytes(8) + hashlib.sha256(self.header).digest()[8:]

    @cached_property
    def signature(self) -> bytes:
        return sign(PRODUCER_KEYS[self._producer], hashlib.sha256(self.header).digest())


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """java-tron's tree: pairs are hashed together, an odd last one moves up as it is. Zeros for no leaves."""
    if not leaves:
        return bytes(32)
    level = [hashlib.sha256(leaf).digest() for leaf in leaves]
    while len(level) > 1:
        level = [
            hashlib.sha256(level[at] + level[at + 1]).digest() if at + 1 < len(level) else level[at]
            for at in range(0, len(level), 2)
        ]
    return level[0]
