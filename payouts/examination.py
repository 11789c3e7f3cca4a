"""Catching a node in a lie: one that contradicts itself is quarantined. Where two merely differ, nobody is.

Two providers that give different words about a transaction decide nothing. But a block that a node serves names
its transactions and their results, so its word about one of them can be held against its own block.
"""

from __future__ import annotations

import logging

from payouts import alarms, chain
from payouts.models.chain import ChainState
from payouts.tron.node import Node

log = logging.getLogger(__name__)

QUARANTINE_SECONDS = 600
ALARM = "node_quarantined"


def cross_examine(txid: str, block_number: int) -> None:
    """Nodes differ about `txid`, which one of them puts into this solid block: quarantine who contradicts itself."""
    for name, contradiction in (
        chain.pool().every(lambda node: _contradiction(node, txid, block_number)).items()
    ):
        if isinstance(contradiction, str) and contradiction:
            _quarantine(name, contradiction)


def release_served() -> None:
    """Share what quarantines are left, and clear the alarm with the last one."""
    left = chain.pool().quarantines()
    ChainState.objects.filter(pk=1).exclude(quarantine=left).update(quarantine=left)
    if not left:
        alarms.clear([ALARM])


def _contradiction(node: Node, txid: str, block_number: int) -> str:
    """What doesn't fit in this node's own words; empty where all does, or where it hasn't come so far yet."""
    before = node.info(txid, solid=True)
    block = node.block(block_number, solid=True)
    after = node.info(txid, solid=True)
    if block is None or before != after:
        return ""
    results = {transaction.txid: transaction.contract_ret for transaction in block.transactions}
    if before is None:
        return "It doesn't know a transaction that its own final block holds." if txid in results else ""
    if before.block_number != block_number:
        return ""
    if txid not in results:
        return "It gives an outcome for a transaction that its own final block doesn't hold."
    if results[txid] != before.result:
        return "Its outcome of a transaction isn't the one in its own final block."
    return ""


def _quarantine(name: str, reason: str) -> None:
    """No question goes to this node for ten minutes; what it said about money counts for nothing."""
    chain.pool().quarantine(name, reason, QUARANTINE_SECONDS)
    ChainState.objects.filter(pk=1).update(quarantine=chain.pool().quarantines())
    log.error("node %s is quarantined: %s", name, reason)
    alarms.raise_alarm(ALARM, f"{name}: {reason}")
