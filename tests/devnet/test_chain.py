"""Blocks, finality, time, reorganisations and nodes that see different things."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from payouts.devnet.client import DevnetError
from payouts.tron import encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, Wallet


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def bob(devnet: RunningDevnet) -> str:
    return Wallet(devnet, "bob").address


def block(devnet: RunningDevnet, number: int, *, node: int = 0, root: str = "wallet") -> dict[str, Any]:
    found: dict[str, Any] = devnet.call(f"{root}/getblockbynum", {"num": number}, node=node)
    return found


def test_blocks_are_linked_numbered_and_three_seconds_apart(devnet: RunningDevnet) -> None:
    head = devnet.control.step(blocks=3)["head"]["number"]
    blocks = [block(devnet, number) for number in range(head - 30, head + 1)]
    for parent, child in pairwise(blocks):
        header, before = child["block_header"]["raw_data"], parent["block_header"]["raw_data"]
        assert header["parentHash"] == parent["blockID"]
        assert header["timestamp"] == before["timestamp"] + 3_000
        assert child["blockID"].startswith(f"{header['number']:016x}")
    producers = {item["block_header"]["raw_data"]["witness_address"] for item in blocks}
    assert len(producers) == 27


def test_solid_is_eighteen_behind_from_the_start(devnet: RunningDevnet) -> None:
    for state in (devnet.control.state(), devnet.control.step(blocks=1)):
        assert state["solid"]["number"] == state["head"]["number"] - 18
    assert block(devnet, state["head"]["number"], root="walletsolidity") == {}
    assert block(devnet, 10**9) == {}


def test_a_stalled_chain_grows_without_becoming_final(devnet: RunningDevnet) -> None:
    solid = devnet.control.stall()["solid"]["number"]
    assert devnet.control.step(blocks=40)["solid"]["number"] == solid
    state = devnet.control.stall(False)
    assert state["solid"]["number"] == state["head"]["number"] - 18


def test_time_stands_until_it_is_stepped_and_may_leave_empty_slots(devnet: RunningDevnet) -> None:
    before = devnet.control.state()
    assert devnet.control.state()["clock"]["now_ms"] == before["clock"]["now_ms"]
    after = devnet.control.step(seconds=3_600)
    assert after["head"]["number"] == before["head"]["number"] + 1
    assert after["clock"]["now_ms"] == before["clock"]["now_ms"] + 3_600_000
    assert 0 <= after["clock"]["now_ms"] - after["head"]["timestamp"] < 3_000
    filled = devnet.control.step(seconds=60, fill=True)
    assert filled["head"]["number"] == after["head"]["number"] + 20


def test_a_month_of_hours_stays_final(devnet: RunningDevnet) -> None:
    for _ in range(24 * 30):
        state = devnet.control.step(seconds=3_600)
    assert state["solid"]["number"] == state["head"]["number"] - 18


def test_what_is_pending_gets_the_next_slot_before_an_hour_passes(payer: Wallet, bob: str) -> None:
    txid = payer.send(payer.trx_transfer(bob, ONE_TRX))
    head_ms = payer.devnet.control.state()["head"]["timestamp"]
    payer.devnet.control.step(seconds=3_600)
    assert payer.info(txid)["blockTimeStamp"] == head_ms + 3_000


def test_time_goes_forward_only(devnet: RunningDevnet) -> None:
    now = devnet.control.now_ms()
    state = devnet.control.clock(now_ms=now + 100_000)
    assert state["clock"]["now_ms"] == now + 100_000
    with pytest.raises(DevnetError, match="doesn't go back"):
        devnet.control.clock(now_ms=now)


def test_a_held_transaction_is_forgotten_after_a_minute(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    control.fault("hold", "wallet/broadcasthex", node=0, calls=1)
    txid = payer.send(payer.usdt_transfer(bob, 1))
    control.step(blocks=10)
    assert payer.devnet.call("wallet/gettransactionbyid", {"value": txid}) != {}
    assert payer.devnet.call("wallet/gettransactionbyid", {"value": txid}, node=1) == {}
    control.step(blocks=11)
    assert payer.devnet.call("wallet/gettransactionbyid", {"value": txid}) == {}
    assert control.transfers(payer=payer.address) == []


def test_a_held_transaction_goes_on_its_way_through_another_node(payer: Wallet, bob: str) -> None:
    payer.devnet.control.fault("hold", "wallet/broadcasthex", node=0, calls=1)
    raw = payer.usdt_transfer(bob, 7)
    payer.send(raw)
    assert payer.broadcast(raw, node=1)["result"]
    payer.devnet.control.step(blocks=1)
    (row,) = payer.devnet.control.transfers(payer=payer.address)
    assert row["amount"] == 7


def test_a_reorganisation_moves_a_transaction_to_another_block(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 7))
    first = control.step(blocks=1)["head"]
    control.step(blocks=4)
    done = control.reorg(5, returning="last")
    assert done == {"first_replaced": first["number"], "popped": [txid]}
    assert block(payer.devnet, first["number"])["blockID"] != first["id"]
    assert payer.info(txid)["blockNumber"] == first["number"] + 5
    assert control.balances(bob)["usdt"] == 7


@pytest.mark.parametrize("returning", ["never", "later"])
def test_a_reorganised_transaction_may_be_gone_for_good_or_for_now(
    payer: Wallet, bob: str, returning: str
) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 7))
    control.step(blocks=1)
    control.reorg(1, returning=returning)
    assert payer.info(txid) == {}
    control.step(blocks=1)
    assert (payer.info(txid) != {}) is (returning == "later")
    assert control.balances(bob)["usdt"] == (7 if returning == "later" else 0)


def test_a_reorganised_transaction_may_end_otherwise(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 7))
    control.step(blocks=1)
    assert payer.info(txid)["receipt"]["result"] == "SUCCESS"
    control.reorg(1, result={txid: "OUT_OF_ENERGY"})
    info = payer.info(txid)
    assert (info["result"], info["receipt"]["result"]) == ("FAILED", "OUT_OF_ENERGY")
    assert control.balances(bob)["usdt"] == 0


def test_a_transaction_that_refers_to_a_replaced_block_is_lost_with_it(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    control.step(blocks=1)
    head = control.state()["head"]
    ref_block_bytes, ref_block_hash = encoding.ref_block(head["number"], head["id"])
    raw = payer.trx_transfer(bob, 1, ref_block_bytes=ref_block_bytes, ref_block_hash=ref_block_hash)
    txid = payer.send(raw)
    control.step(blocks=1)
    control.reorg(3)
    assert payer.info(txid) == {}
    assert payer.broadcast(raw)["code"] == "TAPOS_ERROR"


def test_a_solid_block_is_never_replaced(devnet: RunningDevnet) -> None:
    with pytest.raises(DevnetError, match="can't be replaced"):
        devnet.control.reorg(19)
    devnet.control.reorg(18)


def test_the_reference_table_reaches_65536_blocks_back(devnet: RunningDevnet) -> None:
    # The window itself is arithmetic on block numbers; a block above the head is never known.
    payer = Wallet(devnet).funded()
    bob = Wallet(devnet, "bob").address
    head = devnet.control.state()["head"]["number"]
    for number, accepted in ((0, True), (head, True), (head + 1, False)):
        found = block(devnet, min(number, head))["blockID"]
        raw = payer.trx_transfer(
            bob, 1, ref_block_bytes=number.to_bytes(2), ref_block_hash=bytes.fromhex(found)[8:16]
        )
        assert payer.broadcast(raw)["result"] is accepted


def test_a_lagging_node_shows_an_older_chain(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 7))
    state = control.step(blocks=2)
    control.lag(1, 5)
    assert control.state()["nodes"][1]["head"] == state["head"]["number"] - 5
    assert payer.info(txid) != {}
    assert payer.info(txid, node=1) == {}
    control.step(blocks=5)
    assert payer.info(txid, node=1) != {}


def test_a_forked_node_has_blocks_of_its_own_until_it_heals(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 7))
    control.step(blocks=3)
    control.fork(1, 3)
    control.step(blocks=2)
    number = control.state()["head"]["number"]
    assert block(payer.devnet, number)["blockID"] != block(payer.devnet, number, node=1)["blockID"]
    assert payer.info(txid) != {}
    assert payer.info(txid, node=1) == {}
    control.heal(1)
    assert block(payer.devnet, number)["blockID"] == block(payer.devnet, number, node=1)["blockID"]
    assert payer.info(txid, node=1) != {}


def test_a_transaction_lost_on_one_branch_is_still_on_the_other(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    control.fork(1)
    raw = payer.usdt_transfer(bob, 7)
    txid = payer.send(raw)
    control.step(blocks=1)
    assert payer.info(txid, node=1) == {}
    assert payer.broadcast(raw, node=1)["result"]  # the other branch doesn't know it yet
    control.step(blocks=1)
    assert payer.info(txid, node=1)["blockNumber"] == payer.info(txid)["blockNumber"] + 1


def test_solid_answers_come_from_the_solid_state(payer: Wallet, bob: str) -> None:
    txid = payer.send(payer.usdt_transfer(bob, 7))
    payer.devnet.control.step(blocks=18)
    assert payer.info(txid, root="walletsolidity") == {}
    assert payer.devnet.control.balances(bob)["solid_usdt"] == 0
    payer.devnet.control.step(blocks=1)
    assert payer.info(txid, root="walletsolidity")["id"] == txid
    assert payer.devnet.control.balances(bob)["solid_usdt"] == 7


def test_a_blocks_infos_are_listed_together(payer: Wallet, bob: str) -> None:
    sent = [payer.send(payer.usdt_transfer(bob, units)) for units in (1, 2, 3)]
    number = payer.devnet.control.step(blocks=1)["head"]["number"]
    infos: Any = payer.devnet.call("wallet/gettransactioninfobyblocknum", {"num": number})
    assert [info["id"] for info in infos] == sent
    empty = payer.devnet.control.step(blocks=1)["head"]["number"]
    assert payer.devnet.call("wallet/gettransactioninfobyblocknum", {"num": empty}) == []
    assert payer.devnet.call("wallet/gettransactioninfobyblocknum", {"num": 0}) == {}
