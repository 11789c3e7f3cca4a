"""A payer whose transactions are built with our own encoding: what tests need beside the real clients."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from payouts.devnet.producers import address_of, devnet_key, sign
from payouts.tron import addresses, encoding
from payouts.tron.encoding import RawData, TransferContract, TriggerSmartContract
from payouts.tron.encoding.messages import AnyContract
from tests.devnet.fixtures import RunningDevnet

ONE_TRX = 1_000_000
ONE_USDT = 1_000_000
FEE_LIMIT = 20 * ONE_TRX
_unique = itertools.count()


class Wallet:
    """One key on one devnet."""

    def __init__(self, devnet: RunningDevnet, name: str = "payer") -> None:
        self.devnet = devnet
        self.key = devnet_key(f"wallet {name}")
        self.raw = address_of(self.key.public_key.format(compressed=False))
        self.address = addresses.encode(self.raw)

    def funded(self, *, trx: int = 1_000, usdt: int = 1_000) -> Wallet:
        """With so many whole TRX and USDT, in a block."""
        self.devnet.control.fund(self.address, trx_sun=trx * ONE_TRX, usdt=usdt * ONE_USDT, mine=True)
        return self

    def raw_data(self, contract: AnyContract, **fields: Any) -> RawData:
        """Referring to the solid block and living for a minute, unless told otherwise."""
        state = self.devnet.control.state()
        solid = state["solid"]
        ref_block_bytes, ref_block_hash = encoding.ref_block(solid["number"], solid["id"])
        raw = RawData(
            ref_block_bytes=ref_block_bytes,
            ref_block_hash=ref_block_hash,
            expiration=state["head"]["timestamp"] + 60_000,
            timestamp=state["clock"]["now_ms"] + next(_unique),
            contract=contract,
        )
        return replace(raw, **fields)

    def trx_transfer(self, to: str, sun: int, **fields: Any) -> RawData:
        return self.raw_data(TransferContract(self.raw, addresses.decode(to), sun), **fields)

    def usdt_transfer(self, to: str, units: int, **fields: Any) -> RawData:
        return self.usdt_call(encoding.usdt_transfer_data(to, units), **fields)

    def usdt_call(self, call_data: bytes, **fields: Any) -> RawData:
        """`data` among the fields is the memo."""
        trigger = TriggerSmartContract(self.raw, addresses.decode(self.devnet.usdt), call_data)
        return self.raw_data(trigger, **{"fee_limit": FEE_LIMIT, **fields})

    def signature(self, raw: RawData) -> bytes:
        return sign(self.key, bytes.fromhex(encoding.txid(raw.encode())))

    def signed(self, raw: RawData) -> str:
        """The transaction in hexadecimal, as `broadcasthex` takes it."""
        return encoding.signed_transaction(raw.encode(), [self.signature(raw)]).hex()

    def broadcast(self, raw: RawData, *, node: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = self.devnet.call(
            "wallet/broadcasthex", {"transaction": self.signed(raw)}, node=node
        )
        return answer

    def send(self, raw: RawData) -> str:
        """Broadcast, insist on acceptance, return the txid."""
        answer = self.broadcast(raw)
        assert answer["result"], answer
        txid: str = answer["txid"]
        return txid

    def info(self, txid: str, *, node: int = 0, root: str = "wallet") -> dict[str, Any]:
        found: dict[str, Any] = self.devnet.call(f"{root}/gettransactioninfobyid", {"value": txid}, node=node)
        return found
