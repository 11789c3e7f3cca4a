"""Each fault as a caller sees it, and that it does, or doesn't do, what was asked."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import requests
from tronpy import Tron
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider

from payouts.devnet.client import DevnetError
from payouts.tron import addresses, encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, Wallet

HEX = "wallet/broadcasthex"
SHORT_SECONDS = 0.3
PATIENCE_SECONDS = 60


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def bob(devnet: RunningDevnet) -> str:
    return Wallet(devnet, "bob").address


def post(
    devnet: RunningDevnet, path: str, body: dict[str, Any] | None = None, **options: Any
) -> requests.Response:
    return requests.post(f"{devnet.url}/{path}", json=body or {}, **{"timeout": 10, **options})


def answers(url: str) -> bool:
    try:
        requests.post(f"{url}/wallet/getnowblock", timeout=PATIENCE_SECONDS)
    except requests.ConnectionError:
        return False
    return True


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("kind", ["hang", "cut", "garbage"])
def test_no_answer_says_nothing_about_acceptance(payer: Wallet, bob: str, kind: str, processed: bool) -> None:
    raw = payer.usdt_transfer(bob, 1)
    payer.devnet.control.fault(kind, HEX, calls=1, processed=processed)
    # What hangs up does so by itself, however long that takes here.
    timeout = SHORT_SECONDS if kind == "hang" else PATIENCE_SECONDS
    with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
        post(payer.devnet, HEX, {"transaction": payer.signed(raw)}, timeout=timeout)

    def is_pending() -> bool:
        known: dict[str, Any] = payer.devnet.call(
            "wallet/gettransactionbyid", {"value": encoding.txid(raw.encode())}
        )
        return known != {}

    deadline = time.monotonic() + PATIENCE_SECONDS
    while processed and not is_pending():
        assert time.monotonic() < deadline
    assert is_pending() is processed


def test_clearing_the_faults_lets_a_hanging_call_go(devnet: RunningDevnet) -> None:
    devnet.control.fault("hang", "wallet/getnowblock")
    caught: list[Exception] = []

    def hang() -> None:
        try:
            post(devnet, "wallet/getnowblock", timeout=PATIENCE_SECONDS)
        except requests.ConnectionError as error:
            caught.append(error)

    caller = threading.Thread(target=hang)
    caller.start()
    while not devnet.control.calls():
        time.sleep(0.01)
    devnet.control.clear_faults()
    caller.join(PATIENCE_SECONDS)
    assert len(caught) == 1
    assert post(devnet, "wallet/getnowblock").json()["blockID"]


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_gateways_status_and_headers(devnet: RunningDevnet, status: int) -> None:
    devnet.control.fault("status", "wallet/*", status=status, headers={"Retry-After": "7"}, body="no")
    answer = post(devnet, "wallet/getnowblock")
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (status, "no", "7")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("empty", {}),
        ("result_false", {"result": False}),
        ("error", {"Error": "class java.lang.IllegalAccessException : lack of computing resources"}),
    ],
)
def test_answers_that_say_nothing(devnet: RunningDevnet, kind: str, answer: dict[str, Any]) -> None:
    devnet.control.fault(kind, "wallet/getnowblock", calls=1)
    assert post(devnet, "wallet/getnowblock").json() == answer
    assert "blockID" in post(devnet, "wallet/getnowblock").json()


def test_any_answer_can_be_put_in_a_nodes_mouth(devnet: RunningDevnet) -> None:
    devnet.control.fault("answer", "wallet/getnodeinfo", answer=[1, {"a": None}])
    assert post(devnet, "wallet/getnodeinfo").json() == [1, {"a": None}]


def test_text_where_json_is_due(devnet: RunningDevnet) -> None:
    devnet.control.fault("text", "walletsolidity/*")
    answer = post(devnet, "walletsolidity/getnowblock")
    assert answer.status_code == 200
    assert answer.text == "this API is closed because this node is a lite fullnode"


def test_half_an_answer(devnet: RunningDevnet) -> None:
    devnet.control.fault("truncate", "wallet/getnowblock")
    answer = post(devnet, "wallet/getnowblock")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_an_answer_that_drips(devnet: RunningDevnet) -> None:
    devnet.control.fault("drip", "wallet/getpendingsize", bytes_per_second=100)
    started = time.monotonic()
    assert post(devnet, "wallet/getpendingsize").json() == {"pendingSize": 0}
    assert time.monotonic() - started >= (len('{"pendingSize":0}') - 1) / 100


def test_a_late_answer_is_the_true_one(devnet: RunningDevnet) -> None:
    devnet.control.fault("delay", "wallet/getnowblock", seconds=SHORT_SECONDS)
    started = time.monotonic()
    assert "blockID" in post(devnet, "wallet/getnowblock").json()
    assert time.monotonic() - started >= SHORT_SECONDS


def test_a_lie_about_a_txid(payer: Wallet, bob: str) -> None:
    lie = "cd" * 32
    payer.devnet.control.fault("wrong_txid", "wallet/*", txid=lie)
    raw = payer.usdt_transfer(bob, 1)
    assert payer.broadcast(raw)["txid"] == lie
    request = {"raw_data": encoding.raw_data_to_json(raw)}
    weighed: Any = payer.devnet.call("wallet/getsignweight", request)
    assert weighed["transaction"]["transaction"]["txID"] == lie


def test_an_altered_transaction_pays_somebody_else(payer: Wallet, bob: str) -> None:
    thief = Wallet(payer.devnet, "thief")
    payer.devnet.control.fault("alter_transaction", "wallet/*", to=thief.address, amount=9)
    answer: Any = payer.devnet.call(
        "wallet/triggersmartcontract",
        {
            "owner_address": payer.address,
            "contract_address": payer.devnet.usdt,
            "data": encoding.usdt_transfer_data(bob, 1).hex(),
            "fee_limit": 5 * ONE_TRX,
            "visible": True,
        },
    )
    altered = answer["transaction"]
    raw = encoding.decode_raw_data(bytes.fromhex(altered["raw_data_hex"]))
    assert isinstance(raw.contract, encoding.TriggerSmartContract)
    assert encoding.decode_usdt_transfer(raw.contract.data) == encoding.UsdtTransfer(thief.address, 9)
    assert altered["txID"] == encoding.txid(raw.encode())


def test_a_patched_answer(devnet: RunningDevnet) -> None:
    devnet.control.fault("patch", "wallet/getnowblock", patch={"block_header": {"raw_data": {"number": 7}}})
    header = post(devnet, "wallet/getnowblock").json()["block_header"]
    assert header["raw_data"]["number"] == 7
    assert header["raw_data"]["timestamp"] > 0


def test_an_answer_of_long_ago(devnet: RunningDevnet) -> None:
    head = devnet.control.state()["head"]["number"]
    devnet.control.fault("stale", "wallet/getnowblock", blocks=30, calls=1)
    numbers = [
        post(devnet, "wallet/getnowblock").json()["block_header"]["raw_data"]["number"] for _ in range(2)
    ]
    assert numbers == [head - 30, head]


def test_a_forged_success_is_in_no_block(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    control.fault("hold", HEX, node=0, calls=1)
    txid = payer.send(payer.usdt_transfer(bob, 5))
    control.step_until_solid()
    control.fault("forge_success", "*/gettransactioninfobyid", node=0)
    forged = payer.info(txid, root="walletsolidity")
    assert (forged["id"], forged["receipt"]["result"]) == (txid, "SUCCESS")
    (log,) = forged["log"]
    assert addresses.from_topic(bytes.fromhex(log["topics"][2])) == addresses.decode(bob)
    assert payer.info(txid, node=1, root="walletsolidity") == {}
    assert control.transfers(payer=payer.address) == []


def test_a_success_is_forged_only_of_what_was_sent(payer: Wallet, bob: str) -> None:
    payer.devnet.control.fault("forge_success", "wallet*/gettransaction*", node=0)
    assert payer.info("ab" * 32) == {}
    payer.devnet.control.fault("hold", HEX, node=0)
    txid = payer.send(payer.trx_transfer(bob, 5))
    solid = payer.devnet.control.state()["solid"]["number"]
    assert payer.info(txid, root="walletsolidity")["blockNumber"] == solid
    found = payer.devnet.call("walletsolidity/gettransactionbyid", {"value": txid})
    assert (found["txID"], found["ret"]) == (txid, [{"contractRet": "SUCCESS"}])


def test_a_forged_revert_takes_the_result_and_the_log_and_leaves_the_rest(payer: Wallet, bob: str) -> None:
    control = payer.devnet.control
    txid = payer.send(payer.usdt_transfer(bob, 5))
    control.step_until_solid()
    honest = payer.info(txid, root="walletsolidity")
    control.fault("forge_revert", "walletsolidity/get*", node=0)
    forged = payer.info(txid, root="walletsolidity")
    assert (forged["receipt"]["result"], forged["result"], "log" in forged) == ("REVERT", "FAILED", False)
    assert forged["blockNumber"] == honest["blockNumber"]
    by_block = payer.devnet.call(
        "walletsolidity/gettransactioninfobyblocknum", {"num": honest["blockNumber"]}
    )
    assert by_block == [forged]
    found = payer.devnet.call("walletsolidity/gettransactionbyid", {"value": txid})
    assert found["ret"] == [{"contractRet": "REVERT"}]
    assert payer.info(txid, node=1, root="walletsolidity") == honest


def test_a_node_signs_over_trx_to_a_thief(payer: Wallet, bob: str) -> None:
    """tronpy signs whatever txid `getsignweight` answers; this is the answer that robs it."""
    thief = Wallet(payer.devnet, "thief")
    payer.devnet.control.fault("alter_transaction", "wallet/getsignweight", to=thief.address)
    client = Tron(HTTPProvider(payer.devnet.url))
    robbed = client.trx.transfer(payer.address, bob, 77).build().sign(PrivateKey(payer.key.secret))
    theft = encoding.TransferContract(payer.raw, thief.raw, 77)
    honest = encoding.raw_data_from_json(robbed.to_json()["raw_data"])
    assert robbed.txid == encoding.txid(replace(honest, contract=theft).encode())
    assert robbed.txid != encoding.txid(honest.encode())


def test_a_fault_may_meet_some_calls_at_random(devnet: RunningDevnet) -> None:
    devnet.control.fault("empty", "wallet/getnowblock", percent=25)
    empty = sum(devnet.call("wallet/getnowblock", {}) == {} for _ in range(400))
    assert 60 < empty < 140


def test_one_fault_is_cleared_and_others_stay(devnet: RunningDevnet) -> None:
    first, second = (devnet.control.fault("empty", f"wallet/{name}") for name in ("getnowblock", "getblock"))
    devnet.control.clear_faults(first)
    assert [fault["id"] for fault in devnet.control.faults()] == [second]


def test_a_result_can_be_forced_before_the_block(payer: Wallet, bob: str) -> None:
    sent = [payer.send(payer.usdt_transfer(bob, units)) for units in (1, 2)]
    payer.devnet.control.force_result(sent[0], "REVERT")
    payer.devnet.control.force_result(sent[1], "OUT_OF_ENERGY")
    payer.devnet.control.force_result(sent[1], None)
    payer.devnet.control.step(blocks=1)
    assert [payer.info(txid)["receipt"]["result"] for txid in sent] == ["REVERT", "SUCCESS"]


def test_one_of_two_nodes_denies_what_it_has(payer: Wallet, bob: str) -> None:
    txid = payer.send(payer.usdt_transfer(bob, 5))
    payer.devnet.control.step(blocks=1)
    payer.devnet.control.fault("empty", "wallet*/gettransaction*", node=1)
    assert payer.info(txid, node=0) != {}
    assert payer.info(txid, node=1) == {}


def test_a_fault_counts_its_calls_down_and_meets_only_its_node(devnet: RunningDevnet) -> None:
    devnet.control.fault("empty", "wallet/getnowblock", node=1, calls=2)
    empty = [devnet.call("wallet/getnowblock", node=node) == {} for node in (0, 1, 1, 1)]
    assert empty == [False, True, True, False]
    assert devnet.control.faults() == []


def test_a_node_that_is_offline_refuses_connections_until_it_is_back(devnet: RunningDevnet) -> None:
    devnet.control.node(1, online=False)
    assert not answers(devnet.urls[1])
    assert devnet.control.state()["nodes"][1]["online"] is False
    devnet.control.node(1, online=True)
    assert devnet.call("wallet/getnowblock", node=1) == devnet.call("wallet/getnowblock", node=0)


def test_latency_is_a_nodes_own(devnet: RunningDevnet) -> None:
    devnet.control.latency(100, node=1)
    started = time.monotonic()
    devnet.call("wallet/getnowblock", node=1)
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize(("kind", "node"), [("gremlins", None), ("empty", 7)])
def test_a_fault_that_doesnt_exist_is_refused(devnet: RunningDevnet, kind: str, node: int | None) -> None:
    with pytest.raises(DevnetError):
        devnet.control.fault(kind, "wallet/getnowblock", node=node)
    assert devnet.control.faults() == []
