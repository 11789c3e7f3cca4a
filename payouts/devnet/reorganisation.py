"""Replacing the last blocks of a chain, as a micro-fork does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from payouts.devnet.chain import Chain, Refusal

Return = Literal["first", "last", "later", "never"]


class ReorganisationRefused(ValueError):
    """Blocks at or below the solid one are never replaced."""


@dataclass(frozen=True)
class Reorganisation:
    """What came of it: the first replaced number, and the transactions that were taken out of blocks."""

    first_replaced: int
    popped: list[str]


def reorganise(
    chain: Chain,
    blocks: int,
    *,
    now_ms: int,
    returning: Return = "first",
    dropped: Collection[str] = (),
    forced: Mapping[str, str] | None = None,
) -> Reorganisation:
    """Replace the last `blocks` blocks by as many others and one more, since only a longer branch wins.

    Transactions come back in the `first` or the `last` replacement, `later` (pending until the next block) or
    `never`; `dropped` ids never do; `forced` gives ids another result this time. Raises
    `ReorganisationRefused`.
    """
    if not 0 < blocks <= chain.head.number - chain.solid:
        raise ReorganisationRefused(
            f"{chain.head.number - chain.solid} blocks are not solid; {blocks} can't be replaced"
        )
    popped = [chain.pop_head() for _ in range(blocks)]
    popped.reverse()
    chain.branch += 1
    chain.forced.update(forced or {})
    first = chain.head.number + 1
    not_before = {"first": first, "last": first + blocks, "later": first + blocks + 1, "never": 0}[returning]
    transactions = [item.transaction for block in popped for item in block.transactions]
    for transaction in transactions:
        if returning == "never" or transaction.txid in dropped:
            continue
        try:
            chain.accept(transaction, now_ms)
        except Refusal:
            continue
        pending = chain.pool.get(transaction.txid)
        if pending is not None:
            pending.not_before = not_before
    for block in popped:
        chain.produce(block.timestamp)
    chain.produce(chain.next_slot(popped[-1].timestamp))
    return Reorganisation(first, [transaction.txid for transaction in transactions])
