"""Unmodified tronweb, installed from npm by its lock file, sends TRX and USDT through the devnet."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from payouts.tron import addresses, encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, ONE_USDT
from tests.payouts.tron.vectors import KEYS

PROJECT = Path(__file__).with_name("tronweb")
BOB = KEYS["bob"]["base58"]


@pytest.fixture
def seen(devnet: RunningDevnet) -> dict[str, Any]:
    """What tronweb reports after sending 1.5 TRX and 5.5 USDT to Bob."""
    payer = KEYS["payer"]
    devnet.control.fund(payer["base58"], trx_sun=1_000 * ONE_TRX, usdt=500 * ONE_USDT, mine=True)
    command = ["node", "send.mjs", devnet.url, payer["private_key"], devnet.usdt, BOB]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    reported: dict[str, Any] = json.loads(done.stdout)
    return reported


@pytest.mark.tronweb
def test_tronweb_and_the_node_agree(devnet: RunningDevnet, seen: dict[str, Any]) -> None:
    for sent in (seen["trx"], seen["usdt"]):
        assert sent["answer"]["result"] is True
        assert sent["local"] == sent["answer"]["txid"] == sent["info"]["id"]
        assert sent["info"]["blockNumber"] <= seen["block"] - 18
    assert seen["usdt"]["info"]["receipt"]["result"] == "SUCCESS"
    assert encoding.txid(bytes.fromhex(seen["usdt"]["confirmed"]["raw_data_hex"])) == seen["usdt"]["local"]
    (log,) = seen["usdt"]["info"]["log"]
    assert log["address"] == addresses.to_evm(addresses.decode(devnet.usdt)).hex()
    assert int(log["data"], 16) == 5_500_000

    assert (seen["balance"], seen["trxBalance"]) == ("5500000", 1_500_000)
    (row,) = devnet.control.transfers(recipient=BOB)
    assert (row["txid"], row["amount"]) == (seen["usdt"]["local"], 5_500_000)
