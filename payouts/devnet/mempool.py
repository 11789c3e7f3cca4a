"""The pool of pending transactions, in the order they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from payouts.devnet.transactions import Outcome, SignedTransaction

PENDING_LIFE_MS: Final = 60_000  # node.pendingTransactionTimeout: whatever the expiration


@dataclass
class Pending:
    """A pooled transaction. `held_by` is the node that keeps it to itself: no producer has it then."""

    transaction: SignedTransaction
    received_ms: int
    outcome: Outcome
    held_by: int | None = None
    # Not before this block: how a reorganisation brings a transaction back later.
    not_before: int = 0


class Mempool:
    """Pending transactions by id."""

    def __init__(self) -> None:
        self._pending: dict[str, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, pending: Pending) -> None:
        self._pending[pending.transaction.txid] = pending

    def get(self, txid: str) -> Pending | None:
        return self._pending.get(txid)

    def seen_by(self, node: int, txid: str) -> Pending | None:
        """The pending transaction as one node knows it."""
        pending = self._pending.get(txid)
        if pending is None or pending.held_by not in (None, node):
            return None
        return pending

    def all_seen_by(self, node: int) -> list[Pending]:
        return [pending for pending in self._pending.values() if pending.held_by in (None, node)]

    def remove(self, txid: str) -> Pending | None:
        return self._pending.pop(txid, None)

    def all(self) -> list[Pending]:
        return list(self._pending.values())

    def drop_old(self, now_ms: int) -> None:
        """Forget what has waited longer than a node keeps it."""
        self._pending = {
            txid: pending
            for txid, pending in self._pending.items()
            if now_ms - pending.received_ms <= PENDING_LIFE_MS
        }

    def __bool__(self) -> bool:
        return any(pending.held_by is None for pending in self._pending.values())
