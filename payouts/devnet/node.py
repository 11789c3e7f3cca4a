"""A node's own view: its branch, how far it lags, and what its two roots may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from payouts.devnet.blocks import Block
from payouts.devnet.chain import SOLID_LAG, Chain
from payouts.devnet.mempool import Pending
from payouts.devnet.state import Reader
from payouts.devnet.transactions import Included

MAX_PENDING: Final = 2_000


@dataclass
class Node:
    """One node; `lag` in blocks, `latency_ms` is slept before each answer."""

    index: int
    chain: Chain
    lag: int = 0
    latency_ms: int = 0
    max_pending: int = MAX_PENDING
    # node.rpc.trxCacheEnable: answers DUP for an id that was only ever submitted, even if it was refused.
    trx_cache: bool = False
    submitted: set[str] = field(default_factory=set)

    @property
    def head(self) -> Block:
        return self.chain.blocks[max(0, self.chain.head.number - self.lag)]

    @property
    def solid(self) -> Block:
        return self.chain.blocks[max(0, min(self.chain.solid, self.head.number - SOLID_LAG))]


@dataclass(frozen=True)
class View:
    """What one root of a node shows: `wallet` up to the head and the pool, `walletsolidity` only what is
    final.
    """

    node: Node
    only_solid: bool
    now_ms: int

    @property
    def top(self) -> Block:
        return self.node.solid if self.only_solid else self.node.head

    @property
    def state(self) -> Reader:
        return self.node.chain.state_at(self.top.number)

    def block(self, number: int) -> Block | None:
        return self.node.chain.block(number) if number <= self.top.number else None

    def block_by_id(self, block_id: bytes) -> Block | None:
        return self.block(self.node.chain.numbers.get(block_id, self.top.number + 1))

    def lookup(self, txid: str) -> tuple[Block, Included] | None:
        found = self.node.chain.lookup(txid)
        return found if found and found[0].number <= self.top.number else None

    def pending(self, txid: str) -> Pending | None:
        return None if self.only_solid else self.node.chain.pool.seen_by(self.node.index, txid)
