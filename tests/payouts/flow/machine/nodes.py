"""What nodes do to us: go away, answer nonsense, lag, stand on a fork; and one of them lies outright."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from payouts import watching
from payouts.devnet.client import DevnetError
from tests.payouts.flow.machine.stage import Stage, act

BROADCAST = "wallet/broadcasthex"
BY_ID = "walletsolidity/gettransactioninfobyid"
ALL_ABOUT_TRANSACTIONS = "walletsolidity/gettransaction*"
ALL_LOOK_UPS = "walletsolidity/get*by*"
REVERTED = {"receipt": {"result": "REVERT"}, "result": "FAILED", "log": []}

Fault = tuple[str, str, dict[str, Any]]
# Bad luck and bad software: both nodes may have it.
TROUBLE: dict[str, Fault] = {
    "takes and never includes": ("hold", BROADCAST, {}),
    "takes and cuts": ("cut", BROADCAST, {"processed": True}),
    "takes and answers 502": ("status", BROADCAST, {"processed": True, "status": 502}),
    "takes and says no": ("result_false", BROADCAST, {"processed": True}),
    "is busy": ("code", BROADCAST, {"code": "SERVER_BUSY"}),
    "finds the signature wrong": ("code", BROADCAST, {"code": "SIGERROR"}),
    "calls it expired": ("code", BROADCAST, {"code": "TRANSACTION_EXPIRATION_ERROR"}),
    "has it already": ("code", BROADCAST, {"code": "DUP_TRANSACTION_ERROR"}),
    "names another transaction": ("wrong_txid", "wallet/*", {}),
    "answers garbage": ("garbage", "*", {}),
    "is away": ("cut", "*", {}),
    "is overloaded": ("status", "*", {"status": 429}),
    "knows no transaction at all": ("empty", ALL_ABOUT_TRANSACTIONS, {}),
    "looks up in the past": ("stale", ALL_LOOK_UPS, {"blocks": 120}),
    "looks transactions up in the past": ("stale", ALL_ABOUT_TRANSACTIONS, {"blocks": 120}),
    "loses half its answers": ("truncate", "walletsolidity/*", {}),
}
# Lies, told by one alone.
LIES: dict[str, list[Fault]] = {
    "not found": [("empty", ALL_ABOUT_TRANSACTIONS, {})],
    "not found, once": [
        ("empty", BY_ID, {"calls": 1}),
        ("empty", "walletsolidity/gettransactionbyid", {"calls": 1}),
    ],
    "success": [
        ("forge_success", "walletsolidity/gettransactioninfo*", {}),
        ("forge_success", "walletsolidity/gettransactionbyid", {}),
    ],
    "reverted": [
        ("patch", BY_ID, {"patch": REVERTED}),
        ("empty", "walletsolidity/gettransactioninfobyblocknum", {}),
    ],
    "another block": [("patch", BY_ID, {"patch": {"blockNumber": 3}})],
}


class Nodes(Stage):
    @act(what=st.sampled_from(sorted(TROUBLE)), node=st.sampled_from([None, 0, 1]))
    def nodes_are_in_trouble(self, what: str, node: int | None) -> None:
        kind, endpoint, parameters = TROUBLE[what]
        self.world.devnet.fault(kind, endpoint, node=node, **parameters)
        self.note(f"trouble {what}")

    @act(what=st.sampled_from(sorted(LIES)))
    def a_node_lies(self, what: str) -> None:
        self.lie(what)

    @act(what=st.sampled_from(["success", "reverted", "not found"]))
    def the_only_node_left_lies(self, what: str) -> None:
        self.world.devnet.fault("cut", "*", node=1 - self.liar)
        self.lie(what)
        self.watch_after(1, 20, 62, 22)

    @act()
    def no_node_finds_what_it_has(self) -> None:
        """A lost index: heads go on, and nothing is found for longer than a transaction lives."""
        self.world.tick()
        self.world.devnet.step(blocks=1)
        self.world.devnet.fault("empty", ALL_ABOUT_TRANSACTIONS)
        self.watch_after(80, 21, 21)

    @act()
    def look_ups_stand_far_behind_the_heads(self) -> None:
        """Both balancers ask a fresh machine for heads and an old one for the rest, which knows the old payments."""
        self.world.tick()
        self.watch_after(25, 130)
        self.ask(5)
        self.world.tick()
        self.world.devnet.fault("stale", ALL_LOOK_UPS, blocks=120)
        self.watch_after(41, 41, 41)

    @act()
    def the_nodes_behave(self) -> None:
        self.world.devnet.clear_faults()

    @act(node=st.sampled_from([0, 1]), blocks=st.sampled_from([0, 5, 30, 200]))
    def a_node_lags(self, node: int, blocks: int) -> None:
        self.world.devnet.lag(node, blocks)

    @act()
    def both_nodes_lag(self) -> None:
        """All heads are old by our clock, and older than what was read before: theirs or ours is wrong."""
        watching.poll()
        for node in (0, 1):
            self.world.devnet.lag(node, 40)
        for _ in range(2):
            watching.poll()
        self.world.tick()
        for node in (0, 1):
            self.world.devnet.lag(node, 0)

    @act(blocks=st.integers(0, 5))
    def a_node_follows_a_fork(self, blocks: int) -> None:
        try:
            self.world.devnet.fork(1, blocks)
        except DevnetError:
            return  # it is on one already, or these blocks are solid

    @act()
    def the_fork_is_healed(self) -> None:
        self.world.devnet.heal(1)

    def lie(self, what: str) -> None:
        for kind, endpoint, parameters in LIES[what]:
            self.world.devnet.fault(kind, endpoint, node=self.liar, **parameters)
        self.note(f"lie {what}")
