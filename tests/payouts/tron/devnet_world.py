"""A devnet with a funded treasury, and a pool of its two nodes, for tests of what talks to nodes."""

from __future__ import annotations

from typing import Any

from coincurve import PrivateKey

from payouts.tron.encoding import signed_transaction
from payouts.tron.nodes import NodeConfig, NodePool
from payouts.tron.signing.signer import KeyFileSigner
from payouts.tron.transfer import TransferIntent, build_transfer
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.tron.intents import ALICE, CONTRACT, PAYER
from tests.payouts.tron.vectors import KEYS

TRX, USDT = 1_000_000, 1_000_000
FUNDS_TRX, FUNDS_USDT = 1_000 * TRX, 500 * USDT


class DevnetWorld:
    """`control` steps the chain and sets faults; `pool` asks node1 and node2, to it nodes 0 and 1."""

    def __init__(self, running: RunningDevnet) -> None:
        self.running = running
        self.control = running.control
        self.calls: list[tuple[str, str, str]] = []
        self.signer = KeyFileSigner(PrivateKey(bytes.fromhex(KEYS["payer"]["private_key"])))
        self.pool = self.new_pool()
        self._built = 0

    def new_pool(self) -> NodePool:
        """A pool that remembers nothing; its clock is the chain's."""
        configs = [
            NodeConfig(f"node{index}", f"operator{index}", url, timeout=0.5)
            for index, url in enumerate(self.running.urls, 1)
        ]
        return NodePool(configs, usdt_contract=CONTRACT, on_call=self._note, clock_ms=self.control.now_ms)

    def fund_treasury(self) -> None:
        self.control.fund(PAYER, trx_sun=FUNDS_TRX, usdt=FUNDS_USDT, mine=True)
        self.control.step_until_solid()

    def transfer(self, recipient: str = ALICE, amount: int = 5 * USDT, **changes: Any) -> TransferIntent:
        """A fresh transfer, never equal to one before."""
        head = self.pool["node1"].head()
        self._built += 1
        fields: dict[str, Any] = {
            "owner": PAYER,
            "recipient": recipient,
            "amount": amount,
            "contract": CONTRACT,
            "expiration_ms": head.timestamp_ms + 180_000 + self._built,
            "fee_limit_sun": 20_000_000,
        } | changes
        raw_data = build_transfer(
            reference=self.pool["node1"].solid_head(), timestamp_ms=head.timestamp_ms + self._built, **fields
        )
        return TransferIntent(f"payout-{self._built}", f"attempt-{self._built}", raw_data=raw_data, **fields)

    def signed(self, transfer: TransferIntent) -> bytes:
        """The transfer's bytes as they are broadcast, signed by the treasury."""
        return signed_transaction(transfer.raw_data, [self.signer.sign(bytes.fromhex(transfer.txid))])

    def _note(self, operation: str, node: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        self.calls.append((operation, node, outcome))
