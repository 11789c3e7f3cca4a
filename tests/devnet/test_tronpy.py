"""Unmodified tronpy, both its clients, sends TRX and USDT through the devnet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tronpy import AsyncTron, Tron
from tronpy.keys import PrivateKey
from tronpy.providers import AsyncHTTPProvider, HTTPProvider

from payouts.tron import encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, ONE_USDT
from tests.payouts.tron.vectors import KEYS

PAYER = KEYS["payer"]["base58"]
BOB = KEYS["bob"]["base58"]
KEY = PrivateKey(bytes.fromhex(KEYS["payer"]["private_key"]))
AMOUNT = 5_500_000


@pytest.fixture(autouse=True)
def funded_payer(devnet: RunningDevnet) -> None:
    devnet.control.fund(PAYER, trx_sun=1_000 * ONE_TRX, usdt=500 * ONE_USDT, mine=True)


def test_the_sync_client_and_the_node_agree(devnet: RunningDevnet) -> None:
    client = Tron(HTTPProvider(devnet.url))
    trx = client.trx.transfer(PAYER, BOB, 1_500_000).build().sign(KEY)
    contract = client.get_contract(devnet.usdt)
    call = contract.functions.transfer(BOB, AMOUNT).with_owner(PAYER).fee_limit(20 * ONE_TRX)
    usdt = call.build().sign(KEY)
    trx_sent, usdt_sent = trx.broadcast(), usdt.broadcast()
    devnet.control.step_until_solid()

    expect_trx(devnet, trx.txid, trx_sent, client.get_solid_transaction_info(trx.txid))
    expect_usdt(devnet, usdt.txid, usdt_sent, client.get_solid_transaction_info(usdt.txid))
    assert usdt_sent.result() is False  # it was paid all the same: the token has no return statement
    assert contract.functions.balanceOf(BOB) == AMOUNT
    assert client.get_latest_solid_block_number() == client.get_latest_block_number() - 18


def test_the_async_client_and_the_node_agree(devnet: RunningDevnet) -> None:
    async def scenario() -> None:
        async with AsyncTron(AsyncHTTPProvider(devnet.url)) as client:
            trx = (await client.trx.transfer(PAYER, BOB, 1_500_000).build()).sign(KEY)
            contract = await client.get_contract(devnet.usdt)
            call = await contract.functions.transfer(BOB, AMOUNT)
            usdt = (await call.with_owner(PAYER).fee_limit(20 * ONE_TRX).build()).sign(KEY)
            trx_sent, usdt_sent = await trx.broadcast(), await usdt.broadcast()
            devnet.control.step_until_solid()

            expect_trx(devnet, trx.txid, trx_sent, await client.get_solid_transaction_info(trx.txid))
            expect_usdt(devnet, usdt.txid, usdt_sent, await client.get_solid_transaction_info(usdt.txid))
            assert await contract.functions.balanceOf(BOB) == AMOUNT

    asyncio.run(scenario())


def test_tronpys_offline_txid_is_the_nodes(devnet: RunningDevnet) -> None:
    client = Tron(HTTPProvider(devnet.url))
    solid_id = client.get_latest_solid_block_id()
    transaction = client.trx.transfer(PAYER, BOB, ONE_TRX).build(offline=True, ref_block_id=solid_id)
    answer = client.broadcast(transaction.sign(KEY))
    assert answer["txid"] == transaction.txid


def test_the_account_is_shown_as_tronpy_reads_it(devnet: RunningDevnet) -> None:
    client = Tron(HTTPProvider(devnet.url))
    assert client.get_account_balance(PAYER) == 1_000
    assert client.get_account_permission(PAYER)["owner"]["keys"] == [{"address": PAYER, "weight": 1}]
    assert client.get_bandwidth(PAYER) == 600
    assert client.get_account_resource(PAYER)["freeNetLimit"] == 600
    assert {"key": "getEnergyFee", "value": 100} in client.get_chain_parameters()
    block = client.get_block(client.get_latest_block_number())
    assert len(block["transactions"]) == 2


def expect_trx(devnet: RunningDevnet, txid: str, answer: dict[str, Any], info: dict[str, Any]) -> None:
    assert answer == {"result": True, "txid": txid}
    assert info["id"] == txid
    assert info["fee"] == 1_100_000  # the recipient was activated: 1 TRX, and 0.1 instead of bandwidth
    assert "result" not in info["receipt"]
    expect_bytes(devnet, txid, info["blockNumber"])


def expect_usdt(devnet: RunningDevnet, txid: str, answer: dict[str, Any], info: dict[str, Any]) -> None:
    assert answer == {"result": True, "txid": txid}
    assert info["receipt"]["result"] == "SUCCESS"
    assert info["receipt"]["energy_usage_total"] == 130_285
    (log,) = info["log"]
    assert log["topics"][0] == encoding.TRANSFER_TOPIC.hex()
    assert int(log["data"], 16) == AMOUNT
    expect_bytes(devnet, txid, info["blockNumber"])
    (row,) = devnet.control.transfers(payer=PAYER)
    assert (row["txid"], row["to"], row["amount"]) == (txid, BOB, AMOUNT)
    assert row["block_number"] == info["blockNumber"]


def expect_bytes(devnet: RunningDevnet, txid: str, number: int) -> None:
    """The id is the hash of the bytes that stand in the block."""
    block: Any = devnet.call("walletsolidity/getblockbynum", {"num": number})
    (found,) = [item for item in block["transactions"] if item["txID"] == txid]
    assert encoding.txid(bytes.fromhex(found["raw_data_hex"])) == txid
