"""What happens on the chain without us: our key used by somebody else, and strangers at the token."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import requests
from coincurve import PrivateKey

from payouts.devnet.client import DevnetControl
from payouts.devnet.producers import address_of, devnet_key, sign
from payouts.tron import addresses, encoding
from payouts.tron.encoding import RawData, TriggerSmartContract
from payouts.tron.networks import NETWORKS
from tests.harness.environment import TREASURY_PRIVATE_KEY

USDT_CONTRACT = NETWORKS["devnet"].usdt_contract
FEE_LIMIT = 20_000_000
_TRANSFER_FROM = bytes.fromhex("23b872dd")
_unique = itertools.count(1)


def pay_with_our_key(devnet: DevnetControl, to: str, amount: int, **fields: Any) -> str:
    """A second deployment, or a thief, pays `amount` base units from the treasury; answers the txid."""
    return pay_with(PrivateKey(TREASURY_PRIVATE_KEY), devnet, to, amount, **fields)


def pay_with(key: PrivateKey, devnet: DevnetControl, to: str, amount: int, **fields: Any) -> str:
    """Whoever holds `key` pays `amount` base units; answers the txid."""
    return _call(devnet, key, encoding.usdt_transfer_data(to, amount), **fields)


def touch_treasury(devnet: DevnetControl, treasury: str, to: str) -> str:
    """A stranger's transferFrom(treasury, to, 0): a Transfer log of no value, with our address as its payer."""
    stranger = devnet_key("stranger")
    devnet.fund(addresses.encode(_address(stranger)), trx_sun=1_000_000_000, mine=True)
    words = [addresses.to_topic(addresses.decode(address)) for address in (treasury, to)]
    return _call(devnet, stranger, _TRANSFER_FROM + b"".join(words) + bytes(32))


def _call(devnet: DevnetControl, key: PrivateKey, data: bytes, **fields: Any) -> str:
    state = devnet.state()
    ref_block_bytes, ref_block_hash = encoding.ref_block(state["solid"]["number"], state["solid"]["id"])
    raw = RawData(
        ref_block_bytes=ref_block_bytes,
        ref_block_hash=ref_block_hash,
        expiration=state["head"]["timestamp"] + 60_000,
        timestamp=state["clock"]["now_ms"] + next(_unique),
        contract=TriggerSmartContract(_address(key), addresses.decode(USDT_CONTRACT), data),
        fee_limit=FEE_LIMIT,
    )
    raw_data = replace(raw, **fields).encode()
    txid = encoding.txid(raw_data)
    signed = encoding.signed_transaction(raw_data, [sign(key, bytes.fromhex(txid))])
    answer = requests.post(
        f"{devnet.url}/wallet/broadcasthex", json={"transaction": signed.hex()}, timeout=10
    ).json()
    assert answer.get("result") is True, answer
    return txid


def _address(key: PrivateKey) -> bytes:
    return address_of(key.public_key.format(compressed=False))
