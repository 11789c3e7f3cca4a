"""The published vectors, made by tronweb for mainnet, run on the devnet byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.tron.networks import NETWORKS
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX
from tests.payouts.tron.vectors import KEYS, VECTORS

MADE_AT_MS = 1_777_447_168_009
PAYER = KEYS["payer"]["base58"]
CONTRACT_CALLS_ONLY = "00000080" + "00" * 28


@pytest.fixture
def vector_chain(devnet: RunningDevnet) -> RunningDevnet:
    """A chain at the vectors' time, with mainnet's token address and the permissions that they use."""
    control = devnet.control
    control.reset(now_ms=MADE_AT_MS - 6_000, check_tapos=False)
    control.token(contract=NETWORKS["mainnet"].usdt_contract)
    control.fund(PAYER, trx_sun=10_000 * ONE_TRX, usdt=10**12, mine=True)
    second, third = (
        {"address": KEYS[name]["base58"], "weight": 1, "threshold": 1} for name in ("second", "third")
    )
    control.permissions(
        PAYER,
        owner={"threshold": 1, "keys": [{"address": PAYER, "weight": 1}]},
        actives=[
            {"threshold": 1, "operations": CONTRACT_CALLS_ONLY, "keys": [second]},
            {"threshold": 2, "operations": CONTRACT_CALLS_ONLY, "keys": [second, third]},
        ],
    )
    return devnet


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
@pytest.mark.parametrize("form", ["hex", "json", "json with v of 27 and 28"])
def test_a_vector_is_accepted_included_and_kept_to_the_byte(
    vector_chain: RunningDevnet, vector: dict[str, Any], form: str
) -> None:
    if form == "hex":
        answer = vector_chain.call("wallet/broadcasthex", {"transaction": vector["signed_transaction_hex"]})
    else:
        signatures = vector["signature" if form == "json" else "signature_tronweb_v27"]
        request = {"raw_data": vector["raw_data"], "signature": signatures, "txID": "ignored"}
        answer = vector_chain.call("wallet/broadcasttransaction", request)
    assert (answer.get("result"), answer["txid"]) == (True, vector["txID"]), answer

    vector_chain.control.step_until_solid()
    kept = vector_chain.call("walletsolidity/gettransactionbyid", {"value": vector["txID"]})
    assert kept["raw_data_hex"] == vector["raw_data_hex"]
    assert kept["raw_data"] == vector["raw_data"]
    info: Any = vector_chain.call("walletsolidity/gettransactioninfobyid", {"value": vector["txID"]})
    bandwidth = info["receipt"].get("net_usage") or info["receipt"]["net_fee"] // 1_000
    activation = vector["name"] == "trx_transfer"
    assert bandwidth == (100 if activation else vector["bandwidth_points"])


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_the_node_recovers_a_vectors_signers(vector_chain: RunningDevnet, vector: dict[str, Any]) -> None:
    request = {"raw_data": vector["raw_data"], "signature": vector["signature"]}
    signers = [key["hex"] for key in KEYS.values() if key["base58"] in vector["signers"]]
    approved = vector_chain.call("wallet/getapprovedlist", request)
    assert approved["approved_list"] == signers
    weighed = vector_chain.call("wallet/getsignweight", request)
    assert weighed["result"] == {}  # ENOUGH_PERMISSION is the default, which isn't written
    assert weighed["current_weight"] == len(signers)
