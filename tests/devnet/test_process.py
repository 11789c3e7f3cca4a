"""The process: snapshot and restart, the live clock, call counts, and HTTP itself."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from payouts.devnet.client import DevnetError
from tests.devnet.fixtures import RunningDevnet, running_devnet
from tests.devnet.wallet import Wallet
from tests.harness.ports import HOST


def test_a_restart_continues_where_sigterm_stopped(tmp_path: Path) -> None:
    options = ["--manual-clock", "--snapshot", str(tmp_path / "devnet.json")]
    with running_devnet(options) as first:
        payer, bob = Wallet(first).funded(), Wallet(first, "bob").address
        included = payer.send(payer.usdt_transfer(bob, 3))
        first.control.step(seconds=7_200)
        pending = payer.send(payer.usdt_transfer(bob, 4))
        before = first.control.state()
        info = payer.info(included)
        account = first.control.balances(payer.address)
        first.stop()
    with running_devnet(options) as second:
        after = second.control.state()
        assert [after[name] for name in ("head", "solid", "pending", "token")] == [
            before[name] for name in ("head", "solid", "pending", "token")
        ]
        assert second.control.now_ms() == before["clock"]["now_ms"]
        assert Wallet(second).info(included) == info
        assert second.control.balances(payer.address) == account
        second.control.step(blocks=1)
        assert Wallet(second).info(pending)["receipt"]["result"] == "SUCCESS"
        second.control.reorg(2)  # what the blocks changed can still be taken back
        assert second.control.balances(bob)["usdt"] == 7


def test_manage_py_runs_the_same_server() -> None:
    program = ("manage.py", "devnet")
    with running_devnet(["--manual-clock", "--latency-ms", "1"], nodes=3, program=program) as devnet:
        assert [node["latency_ms"] for node in devnet.control.state()["nodes"]] == [1, 1, 1]
        assert devnet.call("wallet/getnowblock", node=2) == devnet.call("wallet/getnowblock", node=0)
        devnet.stop()
        assert devnet.process.returncode == 0


def test_a_kill_loses_no_solid_block(tmp_path: Path) -> None:
    path = tmp_path / "devnet.json"
    options = ["--block-seconds", "0.1", "--snapshot", str(path), "--snapshot-seconds", "0.1"]
    with running_devnet(options) as first:
        txids = first.control.fund(Wallet(first).address, trx_sun=1, usdt=1)
        while not first.control.transfers():
            time.sleep(0.02)
        paid = first.call("wallet/gettransactionbyid", {"value": txids[-1]})["raw_data_hex"]
        # In a block of it: an earlier one may hold the transfer as pending.
        while not path.exists() or paid not in json.dumps(json.loads(path.read_text())["chain"]["blocks"]):
            time.sleep(0.02)
        first.process.kill()
        first.process.wait()
    with running_devnet(options) as second:
        (row,) = second.control.transfers()
        assert row["txid"] == txids[-1]


@pytest.mark.alone
def test_snapshots_are_closer_than_solid_is(tmp_path: Path) -> None:
    path = tmp_path / "devnet.json"
    # A slow disk stretches the pause between snapshots; solid is 18 of these seconds behind the head.
    options = ["--block-seconds", "1", "--snapshot", str(path), "--snapshot-seconds", "0.2"]
    with running_devnet(options) as first:
        while first.control.state()["head"]["number"] < 206:
            time.sleep(0.1)
        solid = first.control.state()["solid"]
        first.process.kill()
        first.process.wait()
    with running_devnet(options) as second:
        found = second.call("walletsolidity/getblockbynum", {"num": solid["number"]})
        assert found["blockID"] == solid["id"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_it_doesnt_start_where_real_money_is(settings: Any, environment: str) -> None:
    settings.LUCID_ENV, settings.IS_LIVE = environment, True
    with pytest.raises(CommandError, match="doesn't run under the settings"):
        call_command("devnet")


def test_a_snapshot_on_request_is_a_whole_file(own_devnet: RunningDevnet, tmp_path: Path) -> None:
    path = tmp_path / "asked.json"
    own_devnet.control.snapshot(path)
    assert json.loads(path.read_text())["format"] == 1
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DevnetError, match="without --snapshot"):
        own_devnet.control.snapshot()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 99}'])
def test_a_file_that_is_no_snapshot_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "devnet.json"
    path.write_text(content)
    with (
        pytest.raises(RuntimeError, match="ended at once"),
        running_devnet(["--manual-clock", "--snapshot", str(path)]),
    ):
        pass
    assert path.read_text() == content


def test_a_live_chain_grows_by_itself_and_can_be_stopped_and_sent_ahead() -> None:
    with running_devnet(["--block-seconds", "0.1"]) as live:
        control = live.control
        start = control.state()
        assert start["slot_ms"] == 100
        while control.state()["head"]["number"] < start["head"]["number"] + 5:
            time.sleep(0.05)
        state = control.state()
        assert abs(state["clock"]["offset_ms"]) < 10
        assert state["solid"]["number"] == state["head"]["number"] - 18
        stopped = control.clock("manual")
        time.sleep(0.3)
        assert control.state()["head"] == stopped["head"]
        control.clock(now_ms=stopped["clock"]["now_ms"] + 3_600_000)
        ahead = control.clock("live")
        assert ahead["clock"]["offset_ms"] > 3_500_000
        while control.state()["head"]["number"] <= ahead["head"]["number"]:
            time.sleep(0.05)


def test_calls_are_counted_by_node_and_endpoint(devnet: RunningDevnet) -> None:
    for node in (0, 0, 1):
        devnet.call("wallet/getnowblock", node=node)
    devnet.call("walletsolidity/getnowblock")
    assert devnet.control.calls() == {"wallet/getnowblock": 3, "walletsolidity/getnowblock": 1}
    assert devnet.control.calls(node=1) == {"wallet/getnowblock": 1}
    devnet.control.reset_calls()
    assert devnet.control.calls() == {}


@pytest.mark.parametrize("path", ["wallet/nothing", "nothing/getnowblock", "walletsolidity/broadcasthex", ""])
def test_an_unknown_path_is_not_found(devnet: RunningDevnet, path: str) -> None:
    answer = requests.post(f"{devnet.url}/{path}", timeout=60)
    assert answer.status_code == 404
    assert answer.json() == {"Error": "this API is unavailable due to config"}


@pytest.mark.parametrize("body", [b"nonsense", b"[1]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_an_error_with_status_200(devnet: RunningDevnet, body: bytes) -> None:
    answer = requests.post(f"{devnet.url}/wallet/getnowblock", data=body, timeout=60)
    assert answer.status_code == 200
    assert "Error" in answer.json()


@pytest.mark.parametrize("length", [b"5000000", b"-1", b"many"])
def test_a_body_of_impossible_length_is_refused(devnet: RunningDevnet, length: bytes) -> None:
    with socket.create_connection((HOST, int(devnet.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /wallet/getnowblock HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_get_works_as_post_does(devnet: RunningDevnet) -> None:
    answer: Any = requests.get(f"{devnet.url}/wallet/getblockbynum?num=5", timeout=60).json()
    assert answer["block_header"]["raw_data"]["number"] == 5


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("step", {}),
        ("step", {"blocks": "many"}),
        ("clock", {"clock": "sundial"}),
        ("fund", {"address": "T"}),
        ("token", {"colour": "red"}),
        ("parameters", {"getNothing": 1}),
        ("reorg", {"blocks": 1, "return": "sideways"}),
        ("result", {"txid": "ab", "result": "SUCCESS"}),
        ("lag", {"node": 9, "blocks": 1}),
    ],
)
def test_a_control_request_that_cant_be_done_says_why(
    devnet: RunningDevnet, name: str, body: dict[str, Any]
) -> None:
    answer = requests.post(f"{devnet.url}/_devnet/{name}", json=body, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_faucet_says_when_it_cant_pay(devnet: RunningDevnet) -> None:
    with pytest.raises(DevnetError, match="CONTRACT_VALIDATE_ERROR"):
        devnet.control.fund(Wallet(devnet).address, trx_sun=10**18)
