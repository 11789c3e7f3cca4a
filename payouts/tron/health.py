"""Which nodes may be believed to be up to date, judged from their heads alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from payouts.tron.answers import BlockHeader
from payouts.tron.errors import NoUsableNode

# Ten slots behind the best head: a node that lags more answers "not found" about what the others know.
MAX_LAG_MS: Final = 30_000
MAX_SOLID_LAG_BLOCKS: Final = 40
# The same bound as the clock trip's: a head further ahead of our clock is false, or our clock is.
MAX_AHEAD_MS: Final = 60_000
AHEAD_OF_CLOCK: Final = "AHEAD_OF_CLOCK"


@dataclass(frozen=True, slots=True)
class NodeHeads:
    """What one node said about its heads; `fault` is "" or why it isn't used."""

    node: str
    operator: str
    head: BlockHeader | None = None
    solid: BlockHeader | None = None
    fault: str = ""

    @property
    def usable(self) -> bool:
        return not self.fault


@dataclass(frozen=True, slots=True)
class Heads:
    """All nodes' heads, and the ones to go by: of the two best operators, the lower.

    One lying provider can therefore not push time forward, and a late one among three can't hold it back.
    """

    nodes: tuple[NodeHeads, ...]

    @property
    def head(self) -> BlockHeader:
        """Raises `NoUsableNode` if no node is usable."""
        return _lower_of_two((node.operator, node.head) for node in self.nodes if node.usable)

    @property
    def solid(self) -> BlockHeader:
        """Raises `NoUsableNode` if no node is usable."""
        return _lower_of_two((node.operator, node.solid) for node in self.nodes if node.usable)

    @property
    def operators(self) -> frozenset[str]:
        """Operators with at least one usable node: fewer than two can't settle a verdict."""
        return frozenset(node.operator for node in self.nodes if node.usable)

    @property
    def ahead_of_clock(self) -> bool:
        """Whether every node that answers is ahead of our clock: then it is rather ours that is wrong."""
        answering = [node for node in self.nodes if node.head is not None]
        return bool(answering) and all(node.fault == AHEAD_OF_CLOCK for node in answering)


def judge_heads(nodes: Sequence[NodeHeads], now_ms: int | None) -> Heads:
    """Marks nodes that lag behind the best or run ahead of our clock.

    Standing still is lagging: while the chain moves, a node that doesn't falls behind. When the whole chain
    stands still nobody is marked, and the caller's own bound on the head's age is what stops payouts.
    """
    believable = [_ahead_marked(node, now_ms) for node in nodes]
    heads = [node.head.timestamp_ms for node in believable if node.usable and node.head]
    solids = [node.solid.number for node in believable if node.usable and node.solid]
    if not heads or not solids:
        return Heads(tuple(believable))
    return Heads(tuple(_lag_marked(node, max(heads), max(solids)) for node in believable))


def _ahead_marked(node: NodeHeads, now_ms: int | None) -> NodeHeads:
    if node.fault or node.head is None or node.solid is None:
        return node
    if node.solid.number > node.head.number:
        return _marked(node, "SOLID_AHEAD_OF_HEAD")
    if now_ms is not None and node.head.timestamp_ms > now_ms + MAX_AHEAD_MS:
        return _marked(node, AHEAD_OF_CLOCK)
    return node


def _lag_marked(node: NodeHeads, best_head_ms: int, best_solid: int) -> NodeHeads:
    if node.fault or node.head is None or node.solid is None:
        return node
    if node.head.timestamp_ms < best_head_ms - MAX_LAG_MS:
        return _marked(node, "LAGGING")
    if node.solid.number < best_solid - MAX_SOLID_LAG_BLOCKS:
        return _marked(node, "SOLID_LAGGING")
    return node


def _marked(node: NodeHeads, fault: str) -> NodeHeads:
    return NodeHeads(node.node, node.operator, node.head, node.solid, fault)


def _lower_of_two(heads: Iterable[tuple[str, BlockHeader | None]]) -> BlockHeader:
    best: dict[str, BlockHeader] = {}
    for operator, head in heads:
        if head is not None and (operator not in best or head.number > best[operator].number):
            best[operator] = head
    ranked = sorted(best.values(), key=lambda head: head.number, reverse=True)
    if not ranked:
        raise NoUsableNode("NO_USABLE_NODE", "No node gives a head that can be used.")
    return ranked[min(1, len(ranked) - 1)]
