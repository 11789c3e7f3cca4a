"""One branch of the chain: its blocks, its state, its pool of pending transactions, and what is solid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from payouts.devnet import execution
from payouts.devnet.accounts import ValidationError
from payouts.devnet.blocks import GENESIS_PARENT, Block
from payouts.devnet.execution import ExecutionError
from payouts.devnet.mempool import Mempool, Pending
from payouts.devnet.resources import ResourceError
from payouts.devnet.state import PastState, Reader, State, Undo
from payouts.devnet.transactions import Included, Outcome, SignedTransaction

SOLID_LAG: Final = 18  # 19 of 27 producers have built on a block when 18 follow it
TAPOS_WINDOW: Final = 65_536
GENESIS_BLOCKS: Final = 200
# How far below the solid block older views still read; the rest of the undo layers is dropped.
_KEPT_LAYERS: Final = 64

# Why a node refuses a transaction, or a producer leaves it out.
Refusal = (ValidationError, ExecutionError, ResourceError)


class Chain:
    """A branch. Every method expects the devnet's lock to be held.

    The state always carries the pending transactions' effects on top of the head block's, as a full node's
    does.
    """

    def __init__(self, slot_ms: int) -> None:
        self.slot_ms = slot_ms
        self.state = State()
        self.blocks: list[Block] = []
        self.included: dict[str, int] = {}
        self.numbers: dict[bytes, int] = {}
        self.undo: dict[int, Undo] = {}
        self.pool = Mempool()
        self.solid = 0
        self.stalled = False
        # Off only to take transactions that were made for another chain: published test vectors.
        self.check_tapos = True
        self.branch = 0
        self.forced: dict[str, str] = {}
        self.state.begin()

    @classmethod
    def new(cls, now_ms: int, slot_ms: int) -> Chain:
        """A chain that has been running for a while, so that there are solid blocks from the start."""
        chain = cls(slot_ms)
        head_ms = now_ms - now_ms % slot_ms
        start = head_ms - (GENESIS_BLOCKS - 1) * slot_ms
        with chain.without_pool():
            execution.genesis(chain.state, start)
        for number in range(GENESIS_BLOCKS):
            chain.produce(start + number * slot_ms)
        return chain

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    def next_slot(self, now_ms: int) -> int:
        """The first slot after the head that isn't in the past."""
        at_least = max(now_ms, self.head.timestamp + self.slot_ms)
        return -(-at_least // self.slot_ms) * self.slot_ms

    def block(self, number: int) -> Block | None:
        return self.blocks[number] if 0 <= number < len(self.blocks) else None

    def lookup(self, txid: str) -> tuple[Block, Included] | None:
        """The block that holds a transaction."""
        number = self.included.get(txid)
        if number is None:
            return None
        block = self.blocks[number]
        return block, next(item for item in block.transactions if item.transaction.txid == txid)

    def state_at(self, number: int) -> Reader:
        """The state after a block; at the head, with the pending transactions' effects."""
        if number >= self.head.number:
            return self.state
        newer = [self.undo[later] for later in range(number + 1, self.head.number + 1) if later in self.undo]
        return PastState(self.state, [*newer, self.state.top_layer()])

    def knows_ref_block(self, transaction: SignedTransaction, head: int) -> bool:
        """TAPOS: the reference is the newest block, up to `head`, whose number ends in these two bytes."""
        low = int.from_bytes(transaction.raw.ref_block_bytes)
        number = head - (head - low) % TAPOS_WINDOW
        block = self.block(number)
        known = block is not None and block.id[8:16] == transaction.raw.ref_block_hash
        return known or not self.check_tapos

    def accept(self, transaction: SignedTransaction, now_ms: int, held_by: int | None = None) -> Outcome:
        """Execute on top of the pool and keep it pending. Raises one of `Refusal`."""
        outcome = execution.execute(
            self.state, transaction, self.head.timestamp, forced=self.forced.get(transaction.txid)
        )
        self.pool.add(Pending(transaction, now_ms, outcome, held_by))
        return outcome

    @contextmanager
    def without_pool(self) -> Iterator[None]:
        """The head block's own state; afterwards the pool is executed on what it became, in its order."""
        self.state.undo()
        try:
            yield
        finally:
            self.state.begin()
            self._rerun_pool()

    def _rerun_pool(self) -> None:
        for pending in self.pool.all():
            txid = pending.transaction.txid
            try:
                pending.outcome = execution.execute(
                    self.state, pending.transaction, self.head.timestamp, forced=self.forced.get(txid)
                )
            except Refusal:
                self.pool.remove(txid)

    def produce(self, timestamp: int) -> Block:
        """Append a block of that time, with what is pending and still valid in it."""
        parent = self.blocks[-1] if self.blocks else None
        parent_id = parent.id if parent else GENESIS_PARENT
        block = Block(len(self.blocks), timestamp, parent_id, self.branch)
        self.pool.drop_old(timestamp)
        with self.without_pool():
            self.state.begin()
            if parent:
                block.transactions = [
                    item for pending in self.pool.all() if (item := self._include(pending, block, parent))
                ]
            self._append(block, self.state.seal())
        return block

    def _include(self, pending: Pending, block: Block, parent: Block) -> Included | None:
        transaction = pending.transaction
        if pending.held_by is not None or block.number < pending.not_before:
            return None
        self.pool.remove(transaction.txid)
        # A producer needs the expiration to reach the next slot after its parent.
        if transaction.raw.expiration < parent.timestamp + self.slot_ms:
            return None
        if not self.knows_ref_block(transaction, parent.number):
            return None
        try:
            outcome = execution.execute(
                self.state, transaction, block.timestamp, forced=self.forced.get(transaction.txid)
            )
        except Refusal:
            return None
        return Included(transaction, outcome)

    def _append(self, block: Block, undo: Undo) -> None:
        self.restore(block)
        self.undo[block.number] = undo
        self.advance_solid()

    def restore(self, block: Block) -> None:
        """Append a block whose effects the state already holds."""
        self.blocks.append(block)
        self.numbers[block.id] = block.number
        for item in block.transactions:
            self.included[item.transaction.txid] = block.number

    def advance_solid(self) -> None:
        """Solidify what enough producers have built on; the solid block never goes back."""
        if not self.stalled:
            self.solid = max(self.solid, self.head.number - SOLID_LAG)
        for number in range(self.solid - _KEPT_LAYERS, -1, -1):
            if self.undo.pop(number, None) is None:
                break

    def pop_head(self) -> Block:
        """Take the head block back; its transactions are handed to the caller with it."""
        with self.without_pool():
            block = self.blocks.pop()
            self.state.revert(self.undo.pop(block.number))
            del self.numbers[block.id]
            for item in block.transactions:
                del self.included[item.transaction.txid]
        return block
