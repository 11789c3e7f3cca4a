"""A Merkle tree as RFC 9162 defines it (section 2.1), over SHA-256: what a settled run publishes one hash of.

Leaves and nodes are hashed under different first bytes, so that a node can't be passed off as a leaf. It knows
neither Django nor money; `verify.py` checks what this makes and shares no line with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

HASH_BYTES: Final = 32
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf's content."""
    return hashlib.sha256(_LEAF + content).digest()


class Tree:
    """The tree over these leaves' hashes, in their order; a changed order is another tree."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Raises ValueError for what isn't a SHA-256 hash."""
        if any(len(leaf) != HASH_BYTES for leaf in leaves):
            raise ValueError("A leaf's hash has 32 bytes.")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_above(self._levels[-1]))

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The tree's hash; the hash of nothing for a tree without leaves."""
        top = self._levels[-1]
        return top[0] if top else hashlib.sha256(b"").digest()

    def path(self, index: int) -> list[bytes]:
        """The inclusion proof of the leaf at `index` (from 0): what it meets on its way up, the lowest first.

        Raises IndexError for a leaf that isn't there.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"There is no leaf {index} among {len(self)}.")
        met = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            # The last of an odd number goes up alone.
            if sibling < len(level):
                met.append(level[sibling])
            index >>= 1
        return met


def _above(level: Sequence[bytes]) -> list[bytes]:
    paired = [
        hashlib.sha256(_NODE + level[place] + level[place + 1]).digest()
        for place in range(0, len(level) - 1, 2)
    ]
    return [*paired, level[-1]] if len(level) % 2 else paired
