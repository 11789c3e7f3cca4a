"""What the chain itself says was paid: every executed Transfer, and who holds what."""

from __future__ import annotations

from typing import Any

from payouts.devnet import accounts, render, resources, token
from payouts.devnet.chain import Chain
from payouts.devnet.devnet import Devnet
from payouts.devnet.transactions import Log
from payouts.tron import addresses
from payouts.tron.encoding import TRANSFER_TOPIC, Resource


def transfers(
    chain: Chain, *, payer: bytes | None = None, recipient: bytes | None = None
) -> list[dict[str, Any]]:
    """Every Transfer log in a block, in the order of the chain; amounts in base units."""
    rows = []
    for block in chain.blocks:
        for item in block.transactions:
            for index, log in enumerate(item.outcome.logs):
                row = _transfer(log, payer, recipient)
                if row:
                    place = {
                        "txid": item.transaction.txid,
                        "log_index": index,
                        "block_number": block.number,
                        "block_timestamp": block.timestamp,
                        "solid": block.number <= chain.solid,
                    }
                    rows.append({**place, **row})
    return rows


def _transfer(log: Log, payer: bytes | None, recipient: bytes | None) -> dict[str, Any] | None:
    if log.topics[0] != TRANSFER_TOPIC:
        return None
    sender, receiver = (addresses.from_topic(topic) for topic in log.topics[1:3])
    if payer not in (None, sender) or recipient not in (None, receiver):
        return None
    return {
        "contract": addresses.encode(addresses.from_evm(log.address)),
        "from": addresses.encode(sender),
        "to": addresses.encode(receiver),
        "amount": int.from_bytes(log.data),
    }


def balances(devnet: Devnet, raw: bytes) -> dict[str, Any]:
    """What an address holds, at the head (pending transactions included) and solid."""
    chain, key = devnet.chain, raw.hex()
    solid = chain.state_at(chain.solid)
    return {
        "address": addresses.encode(raw),
        "activated": accounts.is_activated(chain.state, key),
        "trx_sun": accounts.trx(chain.state, key),
        "usdt": token.balance(chain.state, key),
        "solid_trx_sun": accounts.trx(solid, key),
        "solid_usdt": token.balance(solid, key),
        "energy_limit": resources.limit(chain.state, key, Resource.ENERGY),
        "energy_left": resources.energy_left(chain.state, key, devnet.clock.now_ms()),
        "blacklisted": token.is_blacklisted(chain.state, key),
    }


def state(devnet: Devnet, offline: set[int]) -> dict[str, Any]:
    """Clock, heads and pool at a glance."""
    chain, clock = devnet.chain, devnet.clock
    return {
        "clock": {
            "mode": "manual" if clock.manual else "live",
            "now_ms": clock.now_ms(),
            "offset_ms": clock.offset_ms,
        },
        "slot_ms": chain.slot_ms,
        "head": _place(chain, chain.head.number),
        "solid": _place(chain, chain.solid),
        "stalled": chain.stalled,
        "pending": len(chain.pool),
        "usdt_contract": render.address(token.contract(chain.state), True),
        "token": {name: token.switch(chain.state, name) for name in token.SWITCHES},
        "nodes": [
            {
                "node": node.index,
                "head": node.head.number,
                "solid": node.solid.number,
                "lag": node.lag,
                "forked": node.chain is not chain,
                "online": node.index not in offline,
                "latency_ms": node.latency_ms,
            }
            for node in devnet.nodes
        ],
    }


def _place(chain: Chain, number: int) -> dict[str, Any]:
    block = chain.blocks[number]
    return {"number": number, "id": block.id.hex(), "timestamp": block.timestamp}
