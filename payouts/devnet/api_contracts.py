"""Smart contracts: simulations, and what is known of a contract."""

from __future__ import annotations

from typing import Any, Final

from payouts.devnet import building, render, requests, token, vm
from payouts.devnet.node import View
from payouts.devnet.producers import FAUCET
from payouts.devnet.render import Json
from payouts.devnet.requests import Request

_ENERGY_PROVIDED_BY_OWNER: Final = 10_000_000


def call_data(request: Request) -> bytes:
    """`data`, or the selector's four bytes and `parameter`."""
    if request.get("function_selector"):
        selector = token.selector(str(request["function_selector"]))
        return selector + requests.octets(request, "parameter")
    return requests.octets(request, "data")


def trigger_constant_contract(view: View, request: Request) -> Json:
    """Simulate a call on the view's state. A revert answers `result: true` too, and is told in `ret`."""
    visible = requests.visible(request)
    contract = requests.address(request, "contract_address")
    if contract != token.contract(view.state):
        return failure("CONTRACT_VALIDATE_ERROR", "Smart contract is not exist.", visible)
    owner = requests.address(request, "owner_address")
    data = call_data(request)
    run = vm.run(view.state, owner.hex(), data, vm.CONSTANT_CALL_ENERGY)
    failed = run.contract_ret != vm.SUCCESS
    unsigned = building.contract_call(view, owner, contract, data, fee_limit=0)
    logs = [
        {
            "address": log.address.hex(),
            "topics": [topic.hex() for topic in log.topics],
            "data": log.data.hex(),
        }
        for log in run.logs
    ]
    return {
        "result": {"result": True, **({"message": render.text(run.message, visible)} if failed else {})},
        "energy_used": run.energy,
        **render.without_defaults({"energy_penalty": run.penalty, "logs": logs}),
        "constant_result": [run.output.hex()],
        "transaction": {
            "ret": [{"ret": "FAILED"} if failed else {}],
            "visible": visible,
            **render.transaction(unsigned, visible),
        },
    }


def estimate_energy(view: View, request: Request) -> Json:
    """Switched off, as on most public nodes."""
    return failure(
        "CONTRACT_VALIDATE_ERROR", "this node does not support estimate energy", requests.visible(request)
    )


def get_contract(view: View, request: Request) -> Json:
    visible = requests.visible(request)
    if requests.address(request, "value") != token.contract(view.state):
        return {}
    return {
        "origin_address": render.address(FAUCET, visible),
        "contract_address": render.address(token.contract(view.state), visible),
        "abi": {"entrys": ABI},
        "bytecode": "",
        "name": "TetherToken",
        "consume_user_resource_percent": 100,
        "origin_energy_limit": _ENERGY_PROVIDED_BY_OWNER,
        "code_hash": "00" * 32,
    }


def get_contract_info(view: View, request: Request) -> Json:
    contract = get_contract(view, request)
    if not contract:
        return {}
    factor: int = token.switch(view.state, "energy_factor")
    return {
        "smart_contract": contract,
        "contract_state": render.without_defaults({"energy_factor": factor, "update_cycle": 1}),
    }


def failure(code: str, message: str, visible: bool) -> Json:
    return {"result": {"code": code, "message": render.text(message, visible)}}


def _entry(name: str, inputs: str, output: str, mutability: str) -> Json:
    names = inputs.split()
    return {
        "type": "Function",
        "name": name,
        "stateMutability": mutability,
        **({"constant": True} if mutability == "View" else {}),
        **(
            {"inputs": [dict(zip(("type", "name"), item.split(":"), strict=True)) for item in names]}
            if names
            else {}
        ),
        "outputs": [{"type": output}],
    }


ABI: Final[list[Any]] = [
    _entry("name", "", "string", "View"),
    _entry("symbol", "", "string", "View"),
    _entry("decimals", "", "uint256", "View"),
    _entry("totalSupply", "", "uint256", "View"),
    _entry("balanceOf", "address:who", "uint256", "View"),
    _entry("allowance", "address:owner address:spender", "uint256", "View"),
    _entry("isBlackListed", "address:user", "bool", "View"),
    _entry("paused", "", "bool", "View"),
    _entry("deprecated", "", "bool", "View"),
    _entry("basisPointsRate", "", "uint256", "View"),
    _entry("maximumFee", "", "uint256", "View"),
    _entry("owner", "", "address", "View"),
    _entry("transfer", "address:to uint256:value", "bool", "Nonpayable"),
    _entry("transferFrom", "address:from address:to uint256:value", "bool", "Nonpayable"),
    _entry("approve", "address:spender uint256:value", "bool", "Nonpayable"),
]

SIMULATING: Final = {
    "triggerconstantcontract": trigger_constant_contract,
    "estimateenergy": estimate_energy,
}
READING: Final = {"getcontract": get_contract, "getcontractinfo": get_contract_info}
