"""Money for tests, by real transactions from the faucet: logs and balances are on the chain."""

from __future__ import annotations

from typing import Final

from payouts.devnet import broadcast, building, token
from payouts.devnet.devnet import Devnet
from payouts.devnet.producers import FAUCET, FAUCET_KEY, sign
from payouts.devnet.transactions import SignedTransaction
from payouts.tron import encoding
from payouts.tron.encoding import (
    DelegateResource,
    FreezeBalanceV2,
    Resource,
    TransferContract,
    TriggerSmartContract,
)
from payouts.tron.encoding.messages import AnyContract

_FEE_LIMIT: Final = 100_000_000
_NODE: Final = 0


class FaucetRefused(ValueError):
    """The node didn't take the faucet's transaction; the message says why."""


def send_trx(devnet: Devnet, recipient: bytes, sun: int) -> str:
    """Returns the txid. Raises `FaucetRefused`."""
    return _send(devnet, TransferContract(FAUCET, recipient, sun))


def send_usdt(devnet: Devnet, recipient: bytes, units: int) -> str:
    """Returns the txid. Raises `FaucetRefused`."""
    topic = bytes(12) + recipient[1:]
    data = encoding.TRANSFER_SELECTOR + topic + units.to_bytes(32)
    return _send(devnet, TriggerSmartContract(FAUCET, token.contract(devnet.chain.state), data), _FEE_LIMIT)


def stake_for(devnet: Devnet, receiver: bytes, resource: Resource, sun: int) -> list[str]:
    """Freeze the faucet's TRX and lend what it yields; the receiver must be activated. Returns the txids."""
    freeze = FreezeBalanceV2(FAUCET, sun, resource)
    return [
        _send(devnet, freeze),
        _send(devnet, DelegateResource(FAUCET, receiver, sun, resource)),
    ]


def _send(devnet: Devnet, contract: AnyContract, fee_limit: int = 0) -> str:
    view = devnet.view(_NODE)
    built = building.build(view, contract, fee_limit=fee_limit)
    # Counted on top of the time: the same payment twice in one millisecond must be two transactions.
    devnet.faucet_payments += 1
    raw = encoding.RawData(
        ref_block_bytes=built.raw.ref_block_bytes,
        ref_block_hash=built.raw.ref_block_hash,
        expiration=built.raw.expiration,
        timestamp=view.now_ms + devnet.faucet_payments,
        contract=contract,
        fee_limit=fee_limit,
    )
    unsigned = SignedTransaction.from_raw(raw)
    signature = sign(FAUCET_KEY, bytes.fromhex(unsigned.txid))
    answer = broadcast.broadcast(view, SignedTransaction(raw, unsigned.raw_data, (signature,)))
    if not answer.accepted:
        raise FaucetRefused(f"{answer.code}: {answer.message}")
    return unsigned.txid
