"""The node pool: several providers asked as one, or all at once, and never trusted singly about money.

Single reads go to the first healthy node and on to the next when it fails. Broadcasts and verdicts go to all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from payouts.tron.errors import NodeError, NodeUnavailable, NoUsableNode, QuarantinedNode
from payouts.tron.health import Heads, NodeHeads, judge_heads
from payouts.tron.node import Node, OnCall
from payouts.tron.quarantine import Confinement, Quarantine
from payouts.tron.transport import NodeConfig

__all__ = ["Node", "NodeConfig", "NodePool", "OnCall"]

T = TypeVar("T")

# A node that failed is asked last for this long, so that a dead provider doesn't cost every read a time-out.
COOL_DOWN_SECONDS: Final = 5.0
_THREADS_PER_NODE: Final = 16


class NodePool:
    """The configured nodes, in order of preference. Safe to share between threads; make it after a fork.

    `clock_ms` is the clock that quarantines and "ahead of our clock" are measured by (UTC milliseconds).
    Raises ValueError without nodes or with two of one name.
    """

    def __init__(
        self,
        configs: Sequence[NodeConfig],
        *,
        usdt_contract: str,
        on_call: OnCall | None = None,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        if not configs:
            raise ValueError("A node pool needs at least one node.")
        self.nodes = tuple(Node(config, usdt_contract=usdt_contract, on_call=on_call) for config in configs)
        self._by_name = {node.name: node for node in self.nodes}
        if len(self._by_name) != len(self.nodes):
            raise ValueError("Two nodes have the same name.")
        self._clock_ms = clock_ms or _system_clock_ms
        self._quarantine = Quarantine(self._clock_ms)
        self._lock = threading.Lock()
        self._failed_at: dict[str, float] = {}
        self._faults: dict[str, str] = {}
        # Threads of its own for each node: one that hangs mustn't use up those of the others.
        self._threads = {
            node.name: ThreadPoolExecutor(_THREADS_PER_NODE, thread_name_prefix=f"tron-{node.name}")
            for node in self.nodes
        }

    def close(self) -> None:
        """Ends the pool's threads without waiting for calls under way."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    @property
    def operators(self) -> frozenset[str]:
        """The operators configured; two of them are what a verdict needs."""
        return frozenset(node.operator for node in self.nodes)

    def first(self, call: Callable[[Node], T]) -> T:
        """One node's answer: the best node's, or the next one's if that fails.

        Raises the last node's `NodeError`, or `NoUsableNode` if none may be asked.
        """
        last: NodeError = NoUsableNode("NO_USABLE_NODE", "Every node is quarantined or lagging.")
        for node in self.candidates():
            try:
                return self._noted(node, call)
            except NodeError as error:
                last = error
        raise last

    def every(self, call: Callable[[Node], T], *, quarantined: bool = False) -> dict[str, T | NodeError]:
        """Every node's answer, or its error, by node name; asked at the same time.

        Lagging nodes are asked too. Quarantined ones stand there with `QuarantinedNode` unless `quarantined`
        is set, as it may be for broadcasts: handing signed bytes to a liar does no harm.
        """
        asked: dict[str, Future[T] | QuarantinedNode] = {}
        for node in self.nodes:
            reason = "" if quarantined else self._quarantine.reason(node.name)
            asked[node.name] = (
                QuarantinedNode("QUARANTINED", reason, node.name)
                if reason
                else self._threads[node.name].submit(self._noted, node, call)
            )
        answers: dict[str, T | NodeError] = {}
        for name, answer in asked.items():
            try:
                answers[name] = answer if isinstance(answer, QuarantinedNode) else answer.result()
            except NodeError as error:
                answers[name] = error
        return answers

    def heads(self) -> Heads:
        """Asks every node for its two heads and remembers who is fit for `first`."""
        answers = self.every(lambda node: NodeHeads(node.name, node.operator, node.head(), node.solid_head()))
        told = [
            NodeHeads(name, self._by_name[name].operator, fault=answer.code)
            if isinstance(answer, NodeError)
            else answer
            for name, answer in answers.items()
        ]
        heads = judge_heads(told, self._clock_ms())
        with self._lock:
            self._faults = {node.node: node.fault for node in heads.nodes if node.head and node.fault}
        return heads

    def candidates(self) -> list[Node]:
        """Nodes for `first`, best first: in configured order, those that failed just now last."""
        now = time.monotonic()
        with self._lock:
            faults, failed_at = self._faults, dict(self._failed_at)
        fit = [n for n in self.nodes if n.name not in faults and not self._quarantine.reason(n.name)]
        return sorted(fit, key=lambda node: now - failed_at.get(node.name, float("-inf")) < COOL_DOWN_SECONDS)

    def quarantine(self, name: str, reason: str, seconds: float) -> None:
        """Stops asking a node that was caught lying."""
        self._quarantine.add(self._by_name[name].name, reason, seconds)

    def quarantines(self) -> dict[str, Confinement]:
        """The running quarantines, to be stored for other processes."""
        return self._quarantine.export()

    def load_quarantines(self, stored: Mapping[str, Confinement]) -> None:
        """Takes over the stored quarantines in place of its own."""
        self._quarantine.load(stored)

    def _noted(self, node: Node, call: Callable[[Node], T]) -> T:
        try:
            answer = call(node)
        except NodeError as error:
            error.node = error.node or node.name
            if isinstance(error, NodeUnavailable):
                with self._lock:
                    self._failed_at[node.name] = time.monotonic()
            raise
        with self._lock:
            self._failed_at.pop(node.name, None)
        return answer


def _system_clock_ms() -> int:
    return time.time_ns() // 1_000_000
