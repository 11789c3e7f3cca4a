"""The node itself and the chain's parameters."""

from __future__ import annotations

from typing import Final

from payouts.devnet.node import View
from payouts.devnet.parameters import DEFAULTS, parameter
from payouts.devnet.producers import PRODUCERS
from payouts.devnet.render import Json, address
from payouts.devnet.requests import Request, visible


def get_node_info(view: View, request: Request) -> Json:
    head, solid = view.node.head, view.node.solid
    return {
        "block": f"Num:{head.number},ID:{head.id.hex()}",
        "solidityBlock": f"Num:{solid.number},ID:{solid.id.hex()}",
        "beginSyncNum": 0,
        "currentConnectCount": 30,
        "activeConnectCount": 15,
        "passiveConnectCount": 15,
        "configNodeInfo": {"codeVersion": "4.8.0", "p2pVersion": "0"},
        "machineInfo": {},
    }


def list_nodes(view: View, request: Request) -> Json:
    host = "127.0.0.1"
    return {
        "nodes": [{"address": {"host": host if visible(request) else host.encode().hex(), "port": 18888}}]
    }


def list_witnesses(view: View, request: Request) -> Json:
    return {"witnesses": [{"address": address(raw, visible(request)), "isJobs": True} for raw in PRODUCERS]}


def get_chain_parameters(view: View, request: Request) -> Json:
    values = {name: parameter(view.state, name) for name in DEFAULTS}
    return {
        "chainParameter": [
            {"key": name, "value": value} if value else {"key": name} for name, value in values.items()
        ]
    }


def get_energy_prices(view: View, request: Request) -> Json:
    return {"prices": _prices(view, "getEnergyFee")}


def get_bandwidth_prices(view: View, request: Request) -> Json:
    return {"prices": _prices(view, "getTransactionFee")}


def _prices(view: View, name: str) -> str:
    """Every price since the beginning, as "since-ms:sun" pairs."""
    history = view.state.get(f"prices:{name}", [[0, DEFAULTS[name]]])
    return ",".join(f"{since}:{price}" for since, price in history)


NODE: Final = {
    "getnodeinfo": get_node_info,
    "listnodes": list_nodes,
    "listwitnesses": list_witnesses,
    "getchainparameters": get_chain_parameters,
    "getenergyprices": get_energy_prices,
    "getbandwidthprices": get_bandwidth_prices,
}
