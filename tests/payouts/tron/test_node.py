"""A node's answers, against the devnet's real chain."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.tron import addresses
from payouts.tron.answers import TokenState, TransferLog
from payouts.tron.broadcast import Outcome
from payouts.tron.encoding import signed_transaction
from payouts.tron.errors import BadAnswer, NodeError, NodeReportedError, NodeTimeout, NodeUnavailable
from payouts.tron.nodes import Node
from payouts.tron.transfer import TransferIntent
from payouts.tron.verdict import Settled, judge
from tests.payouts.tron.devnet_world import FUNDS_TRX, FUNDS_USDT, USDT, DevnetWorld
from tests.payouts.tron.intents import ALICE, BOB, CONTRACT, PAYER

UNKNOWN_TXID = "12" * 32


@pytest.fixture
def node(world: DevnetWorld) -> Node:
    return world.pool["node1"]


def sent(world: DevnetWorld, node: Node, transfer: TransferIntent | None = None) -> TransferIntent:
    transfer = transfer or world.transfer()
    assert node.broadcast(world.signed(transfer), transfer.txid).outcome is Outcome.ACCEPTED
    return transfer


def test_heads_move_with_the_chain(world: DevnetWorld, node: Node) -> None:
    head, solid = node.head(), node.solid_head()
    assert head.number - solid.number == 18
    world.control.step(blocks=1)
    newer = node.head()
    assert (newer.number, newer.parent_id) == (head.number + 1, head.block_id)
    assert newer.timestamp_ms > head.timestamp_ms


def test_a_head_is_asked_for_without_its_transactions(world: DevnetWorld, node: Node) -> None:
    node.head()
    assert world.calls == [("wallet/getblock", "node1", "ok")]


def test_an_older_node_is_asked_for_its_whole_newest_block(world: DevnetWorld, node: Node) -> None:
    world.control.fault("status", "wallet*/getblock", status=404)
    assert node.head().number == node.solid_head().number + 18
    assert [operation for operation, _, _ in world.calls] == [
        "wallet/getblock",
        "wallet/getnowblock",
        "walletsolidity/getnowblock",
    ]


def test_a_block_holds_our_own_bytes(world: DevnetWorld, node: Node) -> None:
    transfer = sent(world, node)
    world.control.step(blocks=1)
    block = node.block(node.head().number)
    assert block is not None
    assert block.header == node.head()
    (transaction,) = block.transactions
    assert (transaction.txid, transaction.raw_data) == (transfer.txid, transfer.raw_data)
    assert transaction.contract_ret == "SUCCESS"


def test_a_block_that_does_not_exist_is_none(node: Node) -> None:
    assert node.block(node.head().number + 1) is None
    assert node.block(node.solid_head().number + 1, solid=True) is None
    assert node.block_infos(node.head().number + 1) == []


def test_the_life_of_a_transfer(world: DevnetWorld, node: Node) -> None:
    transfer = sent(world, node)
    pending = node.transaction(transfer.txid, solid=False)
    assert pending is not None
    assert pending.raw_data == transfer.raw_data
    assert node.info(transfer.txid, solid=False) is None

    world.control.step(blocks=1)
    included = node.info(transfer.txid, solid=False)
    assert included is not None
    assert (included.block_number, included.result) == (node.head().number, "SUCCESS")
    assert node.block_infos(included.block_number) == [included]
    assert node.info(transfer.txid) is None
    assert node.transaction(transfer.txid) is None

    world.control.step(blocks=18)
    final = node.info(transfer.txid)
    assert final == included
    assert node.block_infos(included.block_number, solid=True) == [included]
    payer, recipient, contract = (addresses.decode(text) for text in (PAYER, ALICE, CONTRACT))
    assert final.logs == (TransferLog(contract, payer, recipient, 5 * USDT),)
    assert judge(final, transfer).settled is Settled.SUCCEEDED
    assert final.fee_sun == final.energy_fee_sun + final.net_fee_sun
    assert final.energy_usage_total > 60_000


def test_an_unknown_transaction_is_none(node: Node) -> None:
    assert node.info(UNKNOWN_TXID) is None
    assert node.transaction(UNKNOWN_TXID) is None


@pytest.mark.parametrize("result", ["REVERT", "OUT_OF_ENERGY"])
def test_a_failed_transfer_is_judged_reverted(world: DevnetWorld, node: Node, result: str) -> None:
    transfer = sent(world, node)
    world.control.force_result(transfer.txid, result)
    world.control.step_until_solid()
    info = node.info(transfer.txid)
    assert info is not None
    assert info.logs == ()
    verdict = judge(info, transfer)
    assert (verdict.settled, verdict.result) == (Settled.REVERTED, result)


def test_a_token_fee_is_noticed(world: DevnetWorld, node: Node) -> None:
    world.control.token(basis_points_rate=10, maximum_fee=USDT)
    transfer = sent(world, node)
    world.control.step_until_solid()
    info = node.info(transfer.txid)
    assert info is not None
    verdict = judge(info, transfer)
    assert verdict.settled is Settled.SUCCEEDED_DIFFERENTLY
    assert "fee is switched on" in verdict.reason


def test_balances(node: Node) -> None:
    assert node.usdt_balance(PAYER) == FUNDS_USDT
    assert node.trx_balance(PAYER) == FUNDS_TRX
    assert (node.usdt_balance(BOB), node.trx_balance(BOB)) == (0, 0)


def test_resources(world: DevnetWorld, node: Node) -> None:
    before = node.resources(PAYER)
    assert (before.energy_left, before.staked_bandwidth_left) == (0, 0)
    world.control.stake(PAYER, trx_sun=1_000_000 * 1_000_000, mine=True)
    assert node.resources(PAYER).energy_left > 0
    nobody = node.resources(BOB)
    assert (nobody.energy_left, nobody.staked_bandwidth_left) == (0, 0)


def test_chain_parameters(world: DevnetWorld, node: Node) -> None:
    world.control.parameters(getEnergyFee=210)
    parameters = node.chain_parameters()
    assert (parameters.energy_price_sun, parameters.bandwidth_price_sun) == (210, 1_000)
    assert parameters.max_fee_limit_sun == 15_000 * 1_000_000


def test_the_tokens_switches(world: DevnetWorld, node: Node) -> None:
    assert node.token_state() == TokenState(False, False, 0, 0)
    assert node.token_state().plain
    world.control.token(paused=True, basis_points_rate=10, maximum_fee=USDT)
    assert node.token_state() == TokenState(True, False, 10, USDT)
    assert not node.token_state().plain


def test_the_blacklist(world: DevnetWorld, node: Node) -> None:
    world.control.token(blacklist=[ALICE])
    assert node.is_blacklisted(ALICE)
    assert not node.is_blacklisted(BOB)


def test_a_simulation_tells_the_energy_by_the_recipients_balance(world: DevnetWorld, node: Node) -> None:
    newcomer = node.simulate_transfer(PAYER, BOB, USDT)
    world.control.fund(BOB, usdt=1, mine=True)
    holder = node.simulate_transfer(PAYER, BOB, USDT)
    assert newcomer.ok
    assert holder.ok
    assert newcomer.energy > holder.energy > 0


def test_a_simulation_tells_what_would_revert(world: DevnetWorld, node: Node) -> None:
    too_much = node.simulate_transfer(PAYER, ALICE, FUNDS_USDT + 1)
    assert not too_much.ok
    assert too_much.reason
    world.control.token(paused=True)
    assert not node.simulate_transfer(PAYER, ALICE, USDT).ok


def test_a_node_that_cannot_simulate_judges_nobody(world: DevnetWorld, node: Node) -> None:
    refusal = {"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": b"not supported".hex()}}
    world.control.fault("answer", "wallet/triggerconstantcontract", answer=refusal)
    with pytest.raises(NodeReportedError, match="not supported"):
        node.simulate_transfer(PAYER, ALICE, USDT)


def test_a_transfer_without_energy_is_a_lie(world: DevnetWorld, node: Node) -> None:
    world.control.fault("patch", "wallet/triggerconstantcontract", patch={"energy_used": 0})
    with pytest.raises(BadAnswer):
        node.simulate_transfer(PAYER, ALICE, USDT)


UNUSABLE: dict[str, dict[str, Any]] = {
    "cut": {},
    "hang": {"seconds": 1},
    "truncate": {},
    "garbage": {},
    "status": {"status": 503},
    "text": {},
    "error": {},
    "drip": {"bytes_per_second": 20},
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_no_fault_comes_through_as_an_answer(world: DevnetWorld, node: Node, kind: str) -> None:
    world.control.fault(kind, node=0, **UNUSABLE[kind])
    with pytest.raises(NodeError) as caught:
        node.head()
    assert caught.value.node == "node1"
    assert world.calls == [("wallet/getblock", "node1", caught.value.code)]


def test_slowness_is_told_from_absence(world: DevnetWorld, node: Node) -> None:
    world.control.fault("hang", calls=1, seconds=1)
    with pytest.raises(NodeTimeout):
        node.head()
    world.control.fault("cut", calls=1)
    with pytest.raises(NodeUnavailable):
        node.head()


@pytest.mark.parametrize(
    "endpoint",
    ["wallet*/gettransactioninfobyid", "wallet*/gettransactionbyid", "wallet*/gettransactioninfobyblocknum"],
)
def test_an_answer_about_another_transaction_is_refused(
    world: DevnetWorld, node: Node, endpoint: str
) -> None:
    transfer = sent(world, node)
    world.control.step_until_solid()
    info = node.info(transfer.txid)
    assert info is not None
    world.control.fault("wrong_txid", endpoint)
    if endpoint.endswith("blocknum"):
        # Nothing in such a list says what was asked for; the block itself unmasks it.
        assert transfer.txid not in {found.txid for found in node.block_infos(info.block_number)}
        return
    with pytest.raises(BadAnswer):
        node.info(transfer.txid) if "info" in endpoint else node.transaction(transfer.txid)


def test_altered_bytes_in_a_block_do_not_pass_for_ours(world: DevnetWorld, node: Node) -> None:
    transfer = sent(world, node)
    world.control.step(blocks=1)
    world.control.fault("alter_transaction", "wallet/getblockbynum", to=BOB)
    block = node.block(node.head().number)
    assert block is not None
    assert transfer.txid not in {transaction.txid for transaction in block.transactions}


BENT = {
    "txID": {"txID": UNKNOWN_TXID},
    "raw_data_hex": {"raw_data_hex": "0a"},
    "spaces in hex": {"raw_data_hex": "0a 0b"},
    "a number for bytes": {"raw_data_hex": 7},
}


@pytest.mark.parametrize("patch", BENT.values(), ids=BENT.keys())
def test_bytes_that_do_not_hash_to_their_id_are_refused(
    world: DevnetWorld, node: Node, patch: dict[str, object]
) -> None:
    transfer = sent(world, node)
    world.control.step_until_solid()
    world.control.fault("patch", "walletsolidity/gettransactionbyid", patch=patch)
    with pytest.raises(BadAnswer):
        node.transaction(transfer.txid)


@pytest.mark.parametrize(
    "patch",
    [
        {"blockID": "00" * 32},
        {"blockID": "zz" * 32},
        {"blockID": ""},
        {"block_header": {"raw_data": {"number": 1.0}}},
        {"block_header": {"raw_data": {"number": -1}}},
        {"block_header": {"raw_data": {"number": True}}},
        {"block_header": {"raw_data": {"parentHash": "00" * 32}}},
        {"block_header": {"raw_data": {"timestamp": 2**62}}},
        {"block_header": {"raw_data": None}},
        {"block_header": []},
    ],
    ids=str,
)
def test_a_header_that_contradicts_itself_is_refused(
    world: DevnetWorld, node: Node, patch: dict[str, object]
) -> None:
    world.control.fault("patch", "wallet/getblock", patch=patch)
    with pytest.raises(BadAnswer):
        node.head()


@pytest.mark.parametrize(
    "patch",
    [
        {"result": "FAILED"},
        {"result": "MAYBE"},
        {"blockNumber": 0},
        {"fee": -1},
        {"fee": "345000"},
        {"receipt": {"energy_usage_total": 10**13}},
        {"receipt": []},
        {"log": {}},
        {"log": [{"address": "41" * 21}]},
        {"log": [{"address": "41" * 20, "topics": ["00"]}]},
    ],
    ids=str,
)
def test_an_outcome_out_of_bounds_is_refused(
    world: DevnetWorld, node: Node, patch: dict[str, object]
) -> None:
    transfer = sent(world, node)
    world.control.step_until_solid()
    assert node.info(transfer.txid) is not None
    world.control.fault("patch", "walletsolidity/gettransactioninfobyid", patch=patch)
    with pytest.raises(BadAnswer):
        node.info(transfer.txid)


def test_a_balance_that_is_no_number_is_refused(world: DevnetWorld, node: Node) -> None:
    answers: list[Any] = [{"balance": "5"}, {"balance": 5.0}, {"balance": -5}, {"balance": 2**63}, []]
    for answer in answers:
        world.control.fault("answer", "wallet/getaccount", calls=1, answer=answer)
        with pytest.raises(BadAnswer):
            node.trx_balance(PAYER)
    assert node.trx_balance(PAYER) == FUNDS_TRX


@pytest.mark.parametrize("returned", [[], ["00"], ["ff" * 32], [7], ["00" * 32, "00" * 32], "00" * 32])
def test_a_view_that_returns_no_sensible_word_is_refused(
    world: DevnetWorld, node: Node, returned: object
) -> None:
    answer = {"result": {"result": True}, "constant_result": returned, "transaction": {"ret": [{}]}}
    world.control.fault("answer", "wallet/triggerconstantcontract", answer=answer)
    with pytest.raises(BadAnswer):
        node.is_blacklisted(ALICE)


def test_prices_are_never_guessed(world: DevnetWorld, node: Node) -> None:
    world.control.fault("answer", "wallet/getchainparameters", answer={"chainParameter": []})
    with pytest.raises(BadAnswer):
        node.chain_parameters()


BROADCAST = "wallet/broadcasthex"


def test_broadcast_accepted_then_duplicate(world: DevnetWorld, node: Node) -> None:
    transfer = sent(world, node)
    again = node.broadcast(world.signed(transfer), transfer.txid)
    assert (again.outcome, again.code) == (Outcome.DUPLICATE, "DUP_TRANSACTION_ERROR")
    world.control.step(blocks=1)
    assert node.broadcast(world.signed(transfer), transfer.txid).outcome is Outcome.DUPLICATE


def test_a_remembered_refusal_is_not_taken_for_a_duplicate(world: DevnetWorld, node: Node) -> None:
    world.control.node(0, trx_cache=True)
    transfer = world.transfer()
    unsigned = signed_transaction(transfer.raw_data, [bytes(65)])
    assert node.broadcast(unsigned, transfer.txid).code == "SIGERROR"
    answer = node.broadcast(world.signed(transfer), transfer.txid)
    assert (answer.outcome, answer.code) == (Outcome.AMBIGUOUS, "DUP_TRANSACTION_ERROR")


def test_broadcast_refusals(world: DevnetWorld, node: Node) -> None:
    expired = world.transfer(expiration_ms=node.head().timestamp_ms)
    answer = node.broadcast(world.signed(expired), expired.txid)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "TRANSACTION_EXPIRATION_ERROR")
    pauper = world.transfer(owner=BOB)
    answer = node.broadcast(world.signed(pauper), pauper.txid)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "SIGERROR")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("SIGERROR", Outcome.REFUSED),
        ("CONTRACT_VALIDATE_ERROR", Outcome.REFUSED),
        ("CONTRACT_EXE_ERROR", Outcome.REFUSED),
        ("BANDWITH_ERROR", Outcome.REFUSED),
        ("TAPOS_ERROR", Outcome.REFUSED),
        ("TOO_BIG_TRANSACTION_ERROR", Outcome.REFUSED),
        ("TRANSACTION_EXPIRATION_ERROR", Outcome.REFUSED),
        ("SERVER_BUSY", Outcome.BUSY),
        ("NO_CONNECTION", Outcome.BUSY),
        ("BLOCK_UNSOLIDIFIED", Outcome.BUSY),
        ("OTHER_ERROR", Outcome.AMBIGUOUS),
    ],
)
def test_broadcast_codes_as_the_devnet_words_them(
    world: DevnetWorld, node: Node, code: str, outcome: Outcome
) -> None:
    transfer = world.transfer()
    world.control.fault("code", BROADCAST, code=code)
    answer = node.broadcast(world.signed(transfer), transfer.txid)
    assert (answer.outcome, answer.code) == (outcome, code)


@pytest.mark.parametrize("processed", [True, False])
@pytest.mark.parametrize(
    "kind", ["hang", "cut", "garbage", "status", "text", "empty", "result_false", "truncate"]
)
def test_a_lost_answer_says_nothing_about_the_transaction(
    world: DevnetWorld, node: Node, kind: str, processed: bool
) -> None:
    transfer = world.transfer()
    parameters = {"hang": {"seconds": 1}, "status": {"status": 502}}.get(kind, {})
    world.control.fault(kind, BROADCAST, processed=processed, **parameters)
    assert node.broadcast(world.signed(transfer), transfer.txid).outcome is Outcome.AMBIGUOUS


def test_a_foreign_txid_in_a_yes_is_not_adopted(world: DevnetWorld, node: Node) -> None:
    transfer = world.transfer()
    world.control.fault("wrong_txid", BROADCAST)
    answer = node.broadcast(world.signed(transfer), transfer.txid)
    assert (answer.outcome, answer.code) == (Outcome.AMBIGUOUS, "WRONG_TXID")


def test_outcomes_of_another_block_are_refused(world: DevnetWorld, node: Node) -> None:
    transfer = sent(world, node)
    world.control.step(blocks=1)
    info = node.info(transfer.txid, solid=False)
    assert info is not None
    listed = {"id": info.txid, "blockNumber": info.block_number}
    for answer in ([listed | {"blockNumber": info.block_number - 1}], [listed, listed]):
        world.control.fault("answer", "wallet/gettransactioninfobyblocknum", calls=1, answer=answer)
        with pytest.raises(BadAnswer):
            node.block_infos(info.block_number)
