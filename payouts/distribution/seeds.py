"""The seed of a month: the id of the first solid block from its cut-off on, by the word of two operators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from lucid_payments import clock
from payouts import chain
from payouts.tron.answers import BlockHeader
from payouts.tron.errors import NodeError
from payouts.tron.node import Node

BLOCK_MS = 3_000


@dataclass(frozen=True, slots=True)
class Seed:
    """A block's number and id (64 hexadecimal digits)."""

    number: int
    block_id: str


def find(cut_off: datetime) -> Seed | None:
    """Ask the nodes; None while there is no such block yet, or too few of them answer or they differ.

    Network calls: outside of any transaction.
    """
    at_ms = clock.to_ms(cut_off)
    pool = chain.pool()
    told = pool.every(lambda node: _first_from(node, at_ms))
    by_operator: dict[str, set[Seed]] = {}
    for name, said in told.items():
        if isinstance(said, Seed):
            by_operator.setdefault(pool[name].operator, set()).add(said)
    seeds = Counter(seed for said in by_operator.values() for seed in said)
    if len(seeds) != 1 or seeds.total() < chain.required_operators():
        return None
    return next(iter(seeds))


def _first_from(node: Node, at_ms: int) -> Seed | None:
    """The first solid block with this time (ms) or a later one, by halving."""
    last = node.solid_head()
    if last.timestamp_ms < at_ms:
        return None
    # Blocks come at most every 3 seconds: the one that is looked for isn't further back than this.
    before = max(0, last.number - (last.timestamp_ms - at_ms) // BLOCK_MS - 2)
    if before and _header(node, before).timestamp_ms >= at_ms:
        before = 0
    while last.number - before > 1:
        middle = _header(node, (before + last.number) // 2)
        if middle.timestamp_ms >= at_ms:
            last = middle
        else:
            before = middle.number
    return Seed(last.number, last.block_id)


def _header(node: Node, number: int) -> BlockHeader:
    block = node.block(number, solid=True)
    if block is None:
        raise NodeError("NOT_FOUND", f"Block {number} is missing.", node.name)
    return block.header
