"""The pool: who is asked, who isn't, and what becomes of answers that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payouts.tron.answers import BlockHeader
from payouts.tron.errors import (
    BadAnswer,
    NodeBusy,
    NodeError,
    NodeTimeout,
    NoUsableNode,
    QuarantinedNode,
)
from payouts.tron.health import NodeHeads, judge_heads
from payouts.tron.nodes import NodeConfig, NodePool
from payouts.tron.verdict import Finding, agree
from tests.payouts.tron.devnet_world import FUNDS_TRX, DevnetWorld
from tests.payouts.tron.intents import NOW_MS, PAYER
from tests.payouts.tron.scripted_node import CONTRACT, Reply, ScriptedNode, block_id, pool_of

API_KEY = "canary-api-key-0123456789"


def names(pool: NodePool) -> list[str]:
    return [node.name for node in pool.candidates()]


def test_a_single_read_asks_one_node(world: DevnetWorld) -> None:
    assert world.pool.first(lambda node: node.trx_balance(PAYER)) == FUNDS_TRX
    assert world.calls == [("wallet/getaccount", "node1", "ok")]


@pytest.mark.parametrize("kind", ["cut", "status", "garbage", "truncate"])
def test_a_failing_node_is_passed_over(world: DevnetWorld, kind: str) -> None:
    world.control.fault(kind, node=0)
    assert world.pool.first(lambda node: node.trx_balance(PAYER)) == FUNDS_TRX
    assert [node for _, node, _ in world.calls] == ["node1", "node2"]


def test_a_node_that_is_gone_is_asked_last_for_a_while(world: DevnetWorld) -> None:
    world.control.fault("cut", node=0, calls=1)
    world.pool.first(lambda node: node.head())
    assert names(world.pool) == ["node2", "node1"]
    world.pool.every(lambda node: node.head())
    assert names(world.pool) == ["node1", "node2"]


def test_when_all_fail_the_last_error_tells_why(world: DevnetWorld) -> None:
    world.control.fault("status", status=429)
    with pytest.raises(NodeBusy) as caught:
        world.pool.first(lambda node: node.head())
    assert (caught.value.node, caught.value.code) == ("node2", "HTTP_429")


def test_every_node_answers_for_itself(world: DevnetWorld) -> None:
    world.control.fault("hang", node=1, seconds=1)
    answers = world.pool.every(lambda node: node.trx_balance(PAYER))
    assert answers["node1"] == FUNDS_TRX
    assert isinstance(answers["node2"], NodeTimeout)


def test_a_slow_node_is_waited_for_once_and_not_in_line(two_scripted: list[ScriptedNode]) -> None:
    """Both answer only when both have been asked: one after the other would time out."""
    for node in two_scripted:
        node.answers["wallet/getaccount"] = Reply(b'{"balance": 1}', delay=0.2)
    pool = pool_of(two_scripted)
    assert pool.every(lambda node: node.trx_balance(PAYER)) == {"node1": 1, "node2": 1}


def test_heads_of_a_healthy_pair(world: DevnetWorld) -> None:
    heads = world.pool.heads()
    assert [node.usable for node in heads.nodes] == [True, True]
    assert heads.operators == {"operator1", "operator2"}
    assert heads.head == world.pool["node1"].head()
    assert heads.solid == world.pool["node1"].solid_head()


def test_of_two_heads_the_lower_counts(world: DevnetWorld) -> None:
    world.control.lag(1, blocks=3)
    heads = world.pool.heads()
    assert heads.head == world.pool["node2"].head()
    assert heads.head.number == world.pool["node1"].head().number - 3


def test_a_node_that_lags_is_not_asked(world: DevnetWorld) -> None:
    world.control.step(blocks=5)
    world.control.lag(0, blocks=11)
    heads = world.pool.heads()
    assert [node.fault for node in heads.nodes] == ["LAGGING", ""]
    assert heads.head == world.pool["node2"].head()
    assert names(world.pool) == ["node2"]
    world.control.lag(0, blocks=0)
    world.pool.heads()
    assert names(world.pool) == ["node1", "node2"]


def test_a_node_that_stands_still_falls_behind(two_scripted: list[ScriptedNode]) -> None:
    one, two = two_scripted
    pool = pool_of(two_scripted, clock_ms=lambda: NOW_MS)
    for slot in range(12):
        one.head_is(1000, NOW_MS - 60_000)
        two.head_is(1000 + slot, NOW_MS - 60_000 + slot * 3_000)
        usable = pool.heads().nodes[0].usable
        assert usable == (slot <= 10)


def test_a_chain_that_stands_still_condemns_nobody(two_scripted: list[ScriptedNode]) -> None:
    for node in two_scripted:
        node.head_is(1000, NOW_MS - 3_600_000)
    assert len(pool_of(two_scripted, clock_ms=lambda: NOW_MS).heads().operators) == 2


def test_a_head_from_the_future_is_not_believed(two_scripted: list[ScriptedNode]) -> None:
    honest, liar = two_scripted
    honest.head_is(1000, NOW_MS)
    liar.head_is(2000, NOW_MS + 60_001)
    heads = pool_of(two_scripted, clock_ms=lambda: NOW_MS).heads()
    assert [node.fault for node in heads.nodes] == ["", "AHEAD_OF_CLOCK"]
    assert heads.head.number == 1000


@pytest.mark.parametrize(
    ("solid", "fault"), [(1001, "SOLID_AHEAD_OF_HEAD"), (941, "SOLID_LAGGING"), (942, "")]
)
def test_a_solid_head_must_fit_the_head(two_scripted: list[ScriptedNode], solid: int, fault: str) -> None:
    one, two = two_scripted
    one.head_is(1000, NOW_MS, solid=solid)
    two.head_is(1000, NOW_MS, solid=982)
    assert pool_of(two_scripted).heads().nodes[0].fault == fault


def test_with_no_usable_head_there_is_none(two_scripted: list[ScriptedNode]) -> None:
    for node in two_scripted:
        node.answers["wallet/getblock"] = {}
    heads = pool_of(two_scripted).heads()
    assert [node.fault for node in heads.nodes] == ["NO_HEAD", "NO_HEAD"]
    with pytest.raises(NoUsableNode):
        _ = heads.head


def test_one_operator_with_two_nodes_is_one_voice() -> None:
    def told(node: str, operator: str, number: int) -> NodeHeads:
        header = BlockHeader(number, block_id(number), block_id(number - 1), NOW_MS + number)
        return NodeHeads(node, operator, header, header)

    heads = judge_heads([told("a", "one", 105), told("b", "one", 104), told("c", "two", 101)], NOW_MS)
    assert heads.head.number == 101
    three = judge_heads([*heads.nodes, told("d", "three", 103)], NOW_MS)
    assert three.head.number == 103


def test_a_liar_in_quarantine_is_not_asked_but_named(world: DevnetWorld) -> None:
    world.pool.quarantine("node1", "forged a success", 600)
    assert names(world.pool) == ["node2"]
    answers = world.pool.every(lambda node: node.name)
    assert isinstance(answers["node1"], QuarantinedNode)
    assert answers["node1"].sentence == "forged a success"
    assert answers["node2"] == "node2"
    assert world.pool.heads().operators == {"operator2"}
    # Signed bytes may go to anybody.
    assert world.pool.every(lambda node: node.name, quarantined=True) == {"node1": "node1", "node2": "node2"}


def test_quarantine_ends(world: DevnetWorld) -> None:
    world.pool.quarantine("node1", "lied", 60)
    world.control.step(seconds=59)
    assert names(world.pool) == ["node2"]
    world.control.step(seconds=1)
    assert names(world.pool) == ["node1", "node2"]
    assert world.pool.quarantines() == {}


def test_quarantine_is_shared_through_a_plain_dict(world: DevnetWorld) -> None:
    world.pool.quarantine("node1", "lied", 60)
    stored = world.pool.quarantines()
    assert stored == {"node1": {"reason": "lied", "until_ms": world.control.now_ms() + 60_000}}
    other = world.new_pool()
    other.load_quarantines(stored)
    assert names(other) == ["node2"]
    other.load_quarantines({})
    assert names(other) == ["node1", "node2"]
    other.close()


def test_a_longer_quarantine_is_not_shortened(world: DevnetWorld) -> None:
    world.pool.quarantine("node1", "lied", 600)
    world.pool.quarantine("node1", "lied again", 60)
    assert world.pool.quarantines()["node1"]["reason"] == "lied"


def test_all_in_quarantine_is_an_error_and_no_call(world: DevnetWorld) -> None:
    for name in ("node1", "node2"):
        world.pool.quarantine(name, "lied", 60)
    with pytest.raises(NoUsableNode):
        world.pool.first(lambda node: node.head())
    assert world.calls == []


def test_a_forged_success_on_one_node_settles_nothing(world: DevnetWorld) -> None:
    transfer = world.transfer()
    world.control.fault("hold", "wallet/broadcasthex", node=0)
    world.pool["node1"].broadcast(world.signed(transfer), transfer.txid)
    world.control.step_until_solid()
    world.control.fault("forge_success", "walletsolidity/gettransactioninfobyid", node=0)
    answers = world.pool.every(lambda node: node.info(transfer.txid))
    forged, honest = answers["node1"], answers["node2"]
    assert honest is None
    assert forged is not None
    assert not isinstance(forged, NodeError)
    assert agree([Finding("node1", "operator1", block_id(forged.block_number), forged)]) is None


def test_the_settings_refuse_what_leaks_or_misleads() -> None:
    good = NodeConfig(
        "one", "operator", "https://node.example", api_key=API_KEY, proxy="socks5h://127.0.0.1:9050"
    )
    for bad in (
        {"url": ""},
        {"url": "ftp://node.example"},
        {"url": "node.example"},
        {"solid_url": "file:///etc/passwd"},
        {"proxy": "socks5://127.0.0.1:9050"},
        {"name": ""},
        {"operator": ""},
        {"timeout": 0},
        {"rate": -1},
    ):
        with pytest.raises(ValueError, match=r"[Nn]ode"):
            replace(good, **bad)


def test_two_nodes_of_one_name_are_refused(scripted: ScriptedNode) -> None:
    with pytest.raises(ValueError, match="same name"):
        NodePool([scripted.config("one"), scripted.config("one")], usdt_contract=CONTRACT)
    with pytest.raises(ValueError, match="at least one"):
        NodePool([], usdt_contract=CONTRACT)


def test_the_api_key_is_sent_and_never_shown(scripted: ScriptedNode) -> None:
    scripted.answers["wallet/getaccount"] = Reply(status=500)
    node = scripted.node(api_key=API_KEY)
    with pytest.raises(NodeError) as caught:
        node.trx_balance(PAYER)
    assert scripted.seen[0][1]["TRON-PRO-API-KEY"] == API_KEY
    for shown in (repr(node), repr(node.config), str(caught.value), repr(caught.value)):
        assert API_KEY not in shown
        assert scripted.url not in shown


def test_tronpys_own_keys_are_never_sent(scripted: ScriptedNode) -> None:
    scripted.answers["trongrid/wallet/getaccount"] = {"balance": 1}
    assert scripted.node(url=scripted.url + "/trongrid").trx_balance(PAYER) == 1
    assert not [name for name in scripted.seen[0][1] if name.lower() == "tron-pro-api-key"]


def test_proxies_of_the_environment_are_not_used(
    scripted: ScriptedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    scripted.answers["wallet/getaccount"] = {"balance": 1}
    assert scripted.node().trx_balance(PAYER) == 1


def test_a_proxy_of_ours_is_used(scripted: ScriptedNode) -> None:
    scripted.answers["wallet/getaccount"] = {"balance": 1}
    with pytest.raises(NodeError):
        scripted.node(proxy="socks5h://127.0.0.1:9").trx_balance(PAYER)
    assert scripted.seen == []


def test_solid_questions_go_to_the_solid_root(two_scripted: list[ScriptedNode]) -> None:
    full, solid = two_scripted
    full.head_is(1000, NOW_MS)
    solid.head_is(1000, NOW_MS)
    node = full.node(solid_url=solid.url)
    node.head()
    node.solid_head()
    assert [path for path, _, _ in full.seen] == ["wallet/getblock"]
    assert [path for path, _, _ in solid.seen] == ["walletsolidity/getblock"]


def test_cookies_are_not_kept(scripted: ScriptedNode) -> None:
    reply = Reply(b'{"balance": 1}', headers={"Set-Cookie": "track=1"})
    scripted.answers["wallet/getaccount"] = reply
    node = scripted.node()
    node.trx_balance(PAYER)
    node.trx_balance(PAYER)
    assert "Cookie" not in scripted.seen[1][1]


def test_an_endless_answer_is_cut_off(scripted: ScriptedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payouts.tron.transport.MAX_ANSWER_BYTES", 1_000)
    scripted.answers["wallet/getaccount"] = Reply(b" " * 100_000 + b"{}")
    with pytest.raises(BadAnswer) as caught:
        scripted.node().trx_balance(PAYER)
    assert caught.value.code == "TOO_LONG"


def test_our_own_rate_is_kept(scripted: ScriptedNode) -> None:
    scripted.answers["wallet/getaccount"] = {"balance": 1}
    node = scripted.node(rate=0.1)
    node.trx_balance(PAYER)
    with pytest.raises(NodeBusy) as caught:
        node.trx_balance(PAYER)
    assert caught.value.code == "OWN_RATE"
    assert len(scripted.seen) == 1
