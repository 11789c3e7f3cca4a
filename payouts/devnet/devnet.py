"""The whole test network: clock, chain, nodes with views of their own, faults, call counts."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from payouts.devnet import api_transactions, misbehaviour, snapshot
from payouts.devnet.chain import Chain
from payouts.devnet.clock import VirtualClock
from payouts.devnet.faults import Faults
from payouts.devnet.misbehaviour import Call, Reply
from payouts.devnet.node import Node, View
from payouts.devnet.requests import ApiError, Request
from payouts.devnet.routes import ROUTES, WALLET_SOLIDITY
from payouts.devnet.transactions import SignedTransaction

MAINNET_SLOT_MS: Final = 3_000
# Submitted transactions that a lying node can forge a success for.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class Options:
    """How a devnet is started; `port` is node 0's, node i listens on port + i."""

    port: int
    nodes: int = 2
    block_seconds: float = 3.0
    manual_clock: bool = False
    latency_ms: int = 0
    snapshot: Path | None = None
    snapshot_seconds: float = 5.0

    @property
    def interval_ms(self) -> int:
        """Between two blocks of a live chain."""
        return max(1, round(self.block_seconds * 1000))

    @property
    def slot_ms(self) -> int:
        """A slot of chain time: mainnet's, or shorter when blocks come faster."""
        return min(MAINNET_SLOT_MS, self.interval_ms)


class Devnet:
    """Everything that happens, under one lock; nobody sleeps while holding it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.faults = Faults()
        self.calls: Counter[tuple[int, str]] = Counter()
        self.offline: set[int] = set()
        # The server opens and closes the ports; without one, as in a unit test, nothing is to be done.
        self.set_online: Callable[[int, bool], None] = lambda node, online: None
        self._submitted: OrderedDict[str, SignedTransaction] = OrderedDict()
        self.faucet_payments = 0
        self.reset()
        if options.snapshot and options.snapshot.exists():
            self.chain, self.clock = snapshot.load(options.snapshot, manual=options.manual_clock)
            # Blocks may come faster or slower than before the stop.
            self.chain.slot_ms = options.slot_ms
            self._place_nodes()

    def reset(self, now_ms: int | None = None, *, check_tapos: bool = True) -> None:
        """A new chain with no history, no faults, and the clock as at the start or at an instant."""
        self.faults.clear()
        self.calls.clear()
        self._submitted.clear()
        self.clock = VirtualClock(manual=self.options.manual_clock, now_ms=now_ms)
        self.chain = Chain.new(self.clock.now_ms(), self.options.slot_ms)
        self.chain.check_tapos = check_tapos
        self._place_nodes()

    def _place_nodes(self) -> None:
        self.nodes = [
            Node(index, self.chain, latency_ms=self.options.latency_ms) for index in range(self.options.nodes)
        ]

    def chains(self) -> Iterator[Chain]:
        """The main chain, and the branches that single nodes follow."""
        yield self.chain
        yield from (node.chain for node in self.nodes if node.chain is not self.chain)

    def view(self, node: int, *, only_solid: bool = False) -> View:
        return View(self.nodes[node], only_solid, self.clock.now_ms())

    def submitted(self, txid: str) -> SignedTransaction | None:
        """A transaction that was sent to any node, whatever became of it."""
        return self._submitted.get(txid)

    def answer(self, node: int, root: str, name: str, request: Request) -> Reply:
        """One API call on one node, with its fault if one is set."""
        endpoint = ROUTES.get(root, {}).get(name)
        if endpoint is None:
            return Reply.of({"Error": "this API is unavailable due to config"}, 404)
        path = f"{root}/{name}"
        with self.lock:
            self.calls[node, path] += 1
            fault = self.faults.take(node, path)
            view = self.view(node, only_solid=root == WALLET_SOLIDITY)
            try:
                if name in misbehaviour.BROADCASTS:
                    self._remember(name, request)
                if fault is None:
                    return Reply.of(endpoint(view, request))
                return misbehaviour.misbehave(fault, Call(path, view, request, endpoint, self.submitted))
            except ApiError as error:
                return Reply.of({"Error": str(error)})
            except ValueError as error:
                return Reply.of({"Error": f"class java.lang.IllegalArgumentException : {error}"})

    def _remember(self, name: str, request: Request) -> None:
        read = api_transactions.from_hex if name == "broadcasthex" else api_transactions.from_json
        signed = read(request)
        self._submitted[signed.txid] = signed
        if len(self._submitted) > _REMEMBERED:
            self._submitted.popitem(last=False)

    def produce(self, timestamp: int) -> None:
        """A block on every branch."""
        self.clock.advance_to(timestamp)
        for chain in self.chains():
            chain.produce(max(timestamp, chain.head.timestamp + chain.slot_ms))

    def step_blocks(self, count: int) -> None:
        """So many blocks, one a slot."""
        for _ in range(count):
            self.produce(self.chain.next_slot(self.clock.now_ms()))

    def advance_to(self, instant_ms: int, *, fill: bool = False) -> None:
        """Move time forward, with a block in each slot, or with empty slots and one block at the end.

        What is pending gets the next slot first: a real chain doesn't stand still for an hour over it.
        """
        if self.chain.pool and self.chain.head.timestamp + self.chain.slot_ms <= instant_ms:
            self.step_blocks(1)
        slot_ms = self.chain.slot_ms
        last_slot = instant_ms - instant_ms % slot_ms
        first = self.chain.next_slot(self.clock.now_ms()) if fill else last_slot
        for timestamp in range(first, last_slot + 1, slot_ms):
            if timestamp > self.chain.head.timestamp:
                self.produce(timestamp)
        self.clock.advance_to(instant_ms)

    def tick(self) -> int:
        """Live mode: produce the block that is due; returns ms until the next one."""
        now = self.clock.now_ms()
        due = self.chain.head.timestamp + self.options.interval_ms
        if now < due:
            return due - now
        self.produce(now - now % self.chain.slot_ms)
        return self.options.interval_ms

    def save(self, path: Path) -> None:
        """Write a snapshot; only its making, not the disk, keeps callers waiting. Raises OSError."""
        with self.lock:
            content = snapshot.document(self.chain, self.clock)
        snapshot.write(path, content)

    def fork(self, node: int) -> Chain:
        """A branch of its own for one node, equal to the main chain so far."""
        chain = snapshot.clone(self.chain)
        chain.branch += 1_000 + node
        self.nodes[node].chain = chain
        return chain

    def heal(self, node: int) -> None:
        """Back to the main chain; what only the branch had is gone."""
        self.nodes[node].chain = self.chain

    def counted_calls(self) -> list[dict[str, Any]]:
        """Calls by node and endpoint since the start or the last reset of the counters."""
        return [
            {"node": node, "endpoint": endpoint, "calls": calls}
            for (node, endpoint), calls in sorted(self.calls.items())
        ]
